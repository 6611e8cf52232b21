"""The arguments of Meltano: options that matter, in their place, and nothing that could be mistaken for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from flext_pipelines.errors import UsageError
from flext_pipelines.meltano.argv import LOG_CONFIG, run_argv
from tests.meltano.projects import opened


def test_logging_and_environment_stand_before_the_sub_command(tmp_path: Path) -> None:
    """By variable, the first lines would be plain text and a logging.yaml of the project would win."""
    project = opened(tmp_path, tmp_path)

    argv = run_argv(project, ["wms"], run_id="id")

    before, after = argv[: argv.index("run")], argv[argv.index("run") :]
    assert before == (str(project.executable), "--log-format=json", f"--log-config={LOG_CONFIG}", "--environment=dev")
    assert after == ("run", "--no-install", "--run-id=id", "--", "wms")


def test_every_option_of_a_run_has_its_argument(tmp_path: Path) -> None:
    """Partition, streams, full refresh, fresh catalog."""
    argv = run_argv(
        opened(tmp_path, tmp_path),
        ["tap-a", "target-b"],
        run_id="id",
        state_id_suffix="2026-01",
        merge_state=True,
        full_refresh=True,
        refresh_catalog=True,
    )

    assert argv[argv.index("--run-id=id") + 1 :] == (
        "--state-id-suffix=2026-01",
        "--state-strategy=merge",
        "--full-refresh",
        "--refresh-catalog",
        "--",
        "tap-a",
        "target-b",
    )


@pytest.mark.parametrize("block", ["--force", "-f", "", "  "])
def test_a_block_that_looks_like_an_option_is_refused(tmp_path: Path, block: str) -> None:
    """``--force`` would take away Meltano's only guard against two runs."""
    with pytest.raises(UsageError, match="no pipeline, plugin or command"):
        run_argv(opened(tmp_path, tmp_path), [block], run_id="id")


@pytest.mark.parametrize("suffix", ["a:b", ""])
def test_a_suffix_that_cannot_be_part_of_a_state_id_is_refused(tmp_path: Path, suffix: str) -> None:
    """Meltano allows no colon in it."""
    with pytest.raises(UsageError, match="state id"):
        run_argv(opened(tmp_path, tmp_path), ["wms"], run_id="id", state_id_suffix=suffix)


def test_the_logging_configuration_is_shipped() -> None:
    """JSON on standard error at level info; at debug Meltano would log every record."""
    text = LOG_CONFIG.read_text()

    assert "meltano.core.logging.json_formatter" in text
    assert "DEBUG" not in text
