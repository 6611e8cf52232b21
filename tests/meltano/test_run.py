"""The order of a run, with a Meltano that repeats what the real one wrote. The real one: ``test_faults``."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from pydantic import SecretStr

from flext_pipelines.errors import FlextError, NotFoundError, UnavailableError
from flext_pipelines.meltano.outcome import PipelineRun
from flext_pipelines.meltano.plan import RunRequest
from flext_pipelines.meltano.run import MeltanoRunner
from flext_pipelines.secrets import MASK
from flext_pipelines.settings import Settings
from flext_pipelines.values import Progress
from tests.meltano.projects import opened, write_project
from tests.meltano.replay import CASES, catalogue, fake_meltano, replaying, runner_of

J = RunRequest(pipeline="j")


def test_a_run_gives_counts_and_status(tmp_path: Path) -> None:
    """Per stream and block; JSON both ways."""
    run = replaying(tmp_path, "success").run(J)

    assert (run.pipeline, run.status, run.environment) == ("j", "succeeded", "dev")
    assert [(s.name, s.tap, s.extracted, s.loaded, s.rejected, s.status) for s in run.streams] == [
        ("orders", "tap-a", 5, 5, 0, "succeeded")
    ]
    assert [(b.name, b.status, b.state_id, b.state_saved) for b in run.blocks] == [
        ("tap-a target-b", "succeeded", "dev:tap-a-to-target-b", True)
    ]
    assert PipelineRun.model_validate_json(run.model_dump_json()) == run


def test_progress_comes_in_the_callers_thread_and_in_order(tmp_path: Path) -> None:
    """Milestones, then counts, then the end."""
    import threading

    threads: set[int] = set()
    told: list[Progress] = []

    def listen(progress: Progress) -> None:
        threads.add(threading.get_ident())
        told.append(progress)

    replaying(tmp_path, "success").run(J, listen)

    assert threads == {threading.get_ident()}
    assert [p.text for p in told] == [
        "dev:tap-a-to-target-b: started",
        "no bookmark yet, so everything is extracted",
        "asking the tap what it offers",
        "orders: 5 extracted",
        "orders: 5 loaded",
        "orders: 0 rejected",
        told[-1].text,
    ]
    assert told[-1].text.startswith("dev:tap-a-to-target-b: succeeded after")


def test_raw_lines_go_to_the_echo_and_to_the_file(tmp_path: Path) -> None:
    """As Meltano wrote them."""
    lines: list[str] = []
    file = tmp_path / "logs" / "run.log"

    run = replaying(tmp_path, "success").run(J.model_copy(update={"log_file": file}), echo=lines.append)

    raw = CASES["success"].read_text()
    assert "".join(lines) == raw
    assert file.read_text() == raw
    assert run.log_file == file


def test_an_echo_that_fails_ends_no_run(tmp_path: Path) -> None:
    """A full disk under the raw log, or a reader that went away."""

    def fail(_: str) -> None:
        raise BrokenPipeError

    assert replaying(tmp_path, "success").run(J, echo=fail).status == "succeeded"


def test_secrets_stay_out_of_lines_errors_and_arguments(tmp_path: Path) -> None:
    """A plugin that prints the password it was given."""
    text = CASES["tap_failed"].read_bytes().replace(b"the ledger is closed", b"no entry with sesame-open")
    runner = runner_of(
        tmp_path, fake_meltano(tmp_path, text=text, exit_code=1, then="os.write(1, repr(sys.argv).encode())")
    )
    lines: list[str] = []

    with pytest.raises(Exception, match=r"no entry with \*\*\*") as caught:
        runner.run(J.model_copy(update={"env": {"SHOP": SecretStr("sesame-open")}}), echo=lines.append)

    assert not [line for line in lines if "sesame" in line]
    assert "sesame" not in json.dumps(getattr(caught.value, "details", {}), default=str)
    assert "sesame" not in repr(runner)


def test_a_secret_of_the_process_environment_stays_out_of_lines_and_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tap that tells its password, known from the environment only; the .env has another one of that name."""
    monkeypatch.setenv("TAP_A_PASSWORD", "hunter2-of-the-source")
    then = "print('it is ' + os.environ['TAP_A_PASSWORD'] + ', was former-of-the-source', file=sys.stderr)"
    runner = runner_of(tmp_path, fake_meltano(tmp_path, text=CASES["tap_failed"].read_bytes(), exit_code=1, then=then))
    with runner.project.file.open("a") as file:
        file.write("\nplugins:\n  extractors:\n  - name: tap-a\n")
    (runner.project.root / ".env").write_text("TAP_A_PASSWORD=former-of-the-source\n")
    lines: list[str] = []

    with pytest.raises(FlextError) as caught:
        runner.run(J, echo=lines.append)

    assert f"it is {MASK}, was {MASK}\n" in lines
    assert "of-the-source" not in f"{lines} {caught.value} {json.dumps(caught.value.details, default=str)}"


def test_meltano_gets_the_run_id_of_dagster(tmp_path: Path) -> None:
    """When it is a UUID; Meltano takes nothing else."""
    text = CASES["success"].read_bytes()
    runner = runner_of(tmp_path, fake_meltano(tmp_path, text=text, then="print(sys.argv)"))
    run_id = str(uuid.uuid4())
    lines: list[str] = []

    assert runner.run(J.model_copy(update={"run_id": run_id}), echo=lines.append).run_id == run_id
    assert f"--run-id={run_id}" in "".join(lines)
    assert uuid.UUID(runner.run(J.model_copy(update={"run_id": "no uuid"})).run_id)


def test_plugins_get_what_the_composition_gives_them(tmp_path: Path) -> None:
    """And each run a batch folder of its own, which exists while it lasts."""
    then = "print(os.environ['FLEXT_WAREHOUSE_URL'], os.path.isdir(os.environ['FLEXT_BATCH_ROOT']), os.getcwd())"
    runner = runner_of(tmp_path, fake_meltano(tmp_path, text=CASES["success"].read_bytes(), then=then))
    with_places = MeltanoRunner(
        runner.project, read=catalogue, plugin_env={"FLEXT_WAREHOUSE_URL": SecretStr("duckdb:///w")}
    )
    lines: list[str] = []

    with_places.run(J, echo=lines.append)

    assert f"duckdb:///w True {runner.project.root}\n" in lines


def test_nothing_of_a_run_is_left(tmp_path: Path) -> None:
    """Neither after a success nor after a failure, nor when it could not be started."""
    for case in ("success", "tap_failed"):
        folder = tmp_path / case
        folder.mkdir()
        runner = replaying(folder, case)
        try:
            runner.run(J)
        except Exception:  # noqa: BLE001  any failure will do
            assert case == "tap_failed"
        assert not list(runner.project.sandboxes.iterdir())
    runner.project.executable.chmod(0o644)

    with pytest.raises(UnavailableError, match="cannot be started: Permission denied"):
        runner.run(J)

    assert not list(runner.project.sandboxes.iterdir())


def test_a_project_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the setting that says where it is."""
    with pytest.raises(NotFoundError, match="There is no Meltano project") as caught:
        MeltanoRunner(opened(tmp_path / "none", tmp_path)).run(J)

    assert "FLEXT_MELTANO_PROJECT_ROOT" in caught.value.instruction


def test_a_meltano_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the setting that says where it is."""
    project = opened(write_project(tmp_path / "p"), tmp_path, executable=tmp_path / "gone")

    with pytest.raises(NotFoundError, match="There is no Meltano at") as caught:
        MeltanoRunner(project).run(J)

    assert "FLEXT_MELTANO_EXECUTABLE" in caught.value.instruction


def test_a_runner_follows_the_settings(tmp_path: Path) -> None:
    """Project, graces and time limit."""
    settings = Settings(
        home=tmp_path, meltano_project_root=tmp_path / "p", stop_tap_grace_seconds=7, meltano_timeout_seconds=9
    )

    runner = MeltanoRunner.from_settings(settings)

    assert (runner.project.root, runner.project.home) == (tmp_path / "p", tmp_path)
    assert (runner.graces.tap_seconds, runner.timeout_seconds) == (7, 9)
