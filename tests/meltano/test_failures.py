"""Every way in which Meltano 4.4.1 was seen to fail becomes one of our errors, with who, where and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flext_pipelines.errors import (
    AlreadyRunningError,
    CommandBlockFailedError,
    ConfigError,
    ExtractFailedError,
    FlextError,
    InternalError,
    LoadFailedError,
    MapperFailedError,
    NotFoundError,
    PluginConfigError,
    PluginMissingError,
    RunFailedError,
    StorageFullError,
    UnavailableError,
    UsageError,
)
from flext_pipelines.meltano.log import parse_line
from flext_pipelines.meltano.plan import RunRequest
from tests.meltano.replay import CASES, fake_meltano, replaying, runner_of

if TYPE_CHECKING:
    from flext_pipelines.meltano.outcome import PipelineRun

EXPECTED: dict[str, tuple[type[FlextError], tuple[str, ...]]] = {
    "already_running": (AlreadyRunningError, ("dev:tap-a-to-target-b is already running", "five minutes")),
    "bad_option": (UsageError, ("No such option '--nope'",)),
    "bad_uuid": (UsageError, ("17 is not a valid UUID",)),
    "both_failed": (LoadFailedError, ("Target target-b failed (exit code 3)",)),
    "broken_yml": (ConfigError, ("meltano.yml", "line 5, column 4", "flext validate")),
    "command_failed": (CommandBlockFailedError, ("`tool bad` failed with exit code: 2", "column 'amount' does not")),
    "database_folder_gone": (UnavailableError, ("unable to open database file", "FLEXT_MELTANO_DATABASE_URL")),
    "database_gone": (UnavailableError, ("Connection refused", "FLEXT_MELTANO_DATABASE_URL")),
    "discovery_failed": (ExtractFailedError, ("Tap tap-a could not say what it offers", "'int' object is not iter")),
    "executable_gone": (PluginMissingError, ("tap-a", "flext plugins install tap-a")),
    "invalid_catalog": (ExtractFailedError, ("Tap tap-a could not say what it offers", "Invalid catalog")),
    "mapper_failed": (MapperFailedError, ("Mapper map failed (exit code 3)", "the mapping is wrong")),
    "message_too_long": (ConfigError, ("Tap tap-a wrote a message", "limit of 50.0MiB", "elt: {buffer_size: BYTES}")),
    "no_blocks": (NotFoundError, ("j holds nothing to run", "flext pipelines")),
    "no_definition": (PluginMissingError, ("the Hub cannot be reached", "lock file")),
    "not_installed": (PluginMissingError, ("tap-a is not installed", "flext plugins install tap-a")),
    "other_version": (ConfigError, ("asks for another Meltano", "requires_meltano")),
    "tap_alone": (ConfigError, ("do not fit together", "Loader missing")),
    "tap_failed": (ExtractFailedError, ("Tap tap-a failed", "stream orders", "the ledger is closed")),
    "tap_killed": (ExtractFailedError, ("Tap tap-a was ended by SIGKILL", "memory")),
    "target_failed": (LoadFailedError, ("Target target-b failed", "stream orders", "no room in the warehouse", "28")),
    "target_killed": (LoadFailedError, ("Target target-b was ended by SIGKILL", "memory")),
    "target_names_no_error": (LoadFailedError, ("It last said", "The tap wrote a line that is no Singer message: 'he")),
    "target_not_executable": (PluginConfigError, ("target-b cannot be started", "Permission denied")),
    "target_not_installed": (PluginMissingError, ("target-b is not installed", "flext plugins install target-b")),
    "tool_not_installed": (PluginMissingError, ("tool is not installed", "flext plugins install tool")),
    "unknown_block": (NotFoundError, ("'nope', which is neither a job nor a plugin",)),
    "unknown_command": (NotFoundError, ("Plugin tool has no command 'nope'", "ok, bad, slow")),
    "unknown_environment": (ConfigError, ("Environment 'nope' was not found",)),
    "wrong_yml": (ConfigError, ("Meltano cannot read the project", "flext validate")),
}


def failure_of(folder: Path, case: str) -> FlextError:
    """The error that a recorded case ends in."""
    with pytest.raises(FlextError) as caught:
        replaying(folder, case).run(RunRequest(pipeline="j"))
    return caught.value


@pytest.mark.parametrize("case", sorted(EXPECTED))
def test_a_failure_of_meltano_becomes_an_error_that_names_it(tmp_path: Path, case: str) -> None:
    """Kind, culprit, the culprit's own words and an instruction follow from what Meltano wrote."""
    kind, phrases = EXPECTED[case]

    error = failure_of(tmp_path, case)

    assert type(error) is kind, str(error)
    assert not [phrase for phrase in phrases if phrase not in str(error)], str(error)
    assert error.instruction
    assert error.details["pipeline"] == "j"


def test_every_recorded_case_is_judged() -> None:
    """No recording lies about untested, and no expectation lacks its recording."""
    assert set(CASES) - {"success"} == set(EXPECTED)


def test_a_failure_carries_the_counts_so_far(tmp_path: Path) -> None:
    """What was moved before the failure is in the details, as the outcome of the run."""
    from flext_pipelines.meltano.outcome import PipelineRun

    run: PipelineRun = PipelineRun.model_validate(failure_of(tmp_path, "tap_failed").details["run"])

    assert run.status == "failed"
    assert [(s.name, s.extracted, s.loaded, s.status) for s in run.streams] == [("orders", 2, 2, "failed")]
    assert run.blocks[0].exit_codes == {"extractors": 1}


def test_a_failure_carries_the_last_lines(tmp_path: Path) -> None:
    """The raw tail is there for whoever must look deeper."""
    tail = failure_of(tmp_path, "bad_option").details["tail"]

    assert isinstance(tail, list)
    assert tail[-1] == "Error: No such option '--nope'. Did you mean '--force'?"


@pytest.mark.parametrize("signal", [9, 15, 11])
def test_a_killed_meltano_is_named(tmp_path: Path, signal: int) -> None:
    """A signal to Meltano itself is told from a failure of its plugins, and may be tried again."""
    runner = runner_of(tmp_path, fake_meltano(tmp_path, exit_code=-signal))

    with pytest.raises(UnavailableError, match="Meltano was ended by SIG") as caught:
        runner.run(RunRequest(pipeline="j"))

    assert caught.value.retryable


@pytest.mark.parametrize("text", [b"", b"\xff\xfe\x00garbage\n" * 50, b'{"event": ' * 3000 + b"\n"])
def test_a_meltano_that_makes_no_sense_is_still_an_error(tmp_path: Path, text: bytes) -> None:
    """Whatever it prints, a bad exit code is a named failure and never an exception of ours."""
    runner = runner_of(tmp_path, fake_meltano(tmp_path, text=text, exit_code=1))

    with pytest.raises(RunFailedError, match="exit code 1") as caught:
        runner.run(RunRequest(pipeline="j"))

    assert not isinstance(caught.value, InternalError)


def test_a_full_disk_is_told_from_other_load_failures(tmp_path: Path) -> None:
    """A target that says that no space is left makes a StorageFullError."""
    text = CASES["target_failed"].read_bytes().replace(b"no room in the warehouse", b"No space left on device")
    runner = runner_of(tmp_path, fake_meltano(tmp_path, text=text, exit_code=1))

    with pytest.raises(StorageFullError, match="No space left on device"):
        runner.run(RunRequest(pipeline="j"))


@pytest.mark.parametrize(
    ("case", "before", "says"),
    [
        ("discovery_failed", b"'int' object is not iterable", b"AccessDeniedError: (HTTP 401): Invalid password"),
        ("discovery_failed", b"'int' object is not iterable", b"401 Client Error: Unauthorized for path: /orders"),
        ("target_failed", b"no room in the warehouse", b"FATAL: password authentication failed for user 'loader'"),
        ("target_failed", b"no room in the warehouse", b"ORA-01017: invalid username/password; logon denied"),
    ],
)
def test_a_wrong_password_is_not_tried_again(tmp_path: Path, case: str, before: bytes, says: bytes) -> None:
    """Whoever is refused by a server must change something first: another try may lock the account."""
    text = CASES[case].read_bytes()
    assert before in text
    runner = runner_of(tmp_path, fake_meltano(tmp_path, text=text.replace(before, says), exit_code=1))

    with pytest.raises(PluginConfigError) as caught:
        runner.run(RunRequest(pipeline="j"))

    assert not caught.value.retryable
    assert "lest the account be locked" in caught.value.instruction


SAID_BY_OUR_TAPS = {
    "PageRepeatedError: Entity 'item', page 3: the server sent the same rows as a page before; reading on would never "
    "end. Set page_mode to the other mode": False,
    "RequestRefusedError: The server refuses to read item (HTTP 400). Check filters": False,
    "TableMissingError: There is no table main.orders. Run discovery again": False,
    "SourceLostError: The connection broke while orders were read. Run again": True,
    "ServerFailedError: The server failed with HTTP 500. Run again; a PageRepeatedError: is none of it": True,
}


@pytest.mark.parametrize(
    ("case", "before"),
    [("discovery_failed", b"TypeError: 'int' object is not iterable"), ("tap_failed", b"the source said no to orders")],
)
@pytest.mark.parametrize(("says", "again"), SAID_BY_OUR_TAPS.items())
def test_what_only_another_setting_can_mend_is_not_tried_again(
    tmp_path: Path, case: str, before: bytes, says: str, again: bool
) -> None:
    """A page that came again comes again: the error is permanent; a lost connection is not."""
    text = CASES[case].read_bytes()
    assert before in text
    runner = runner_of(tmp_path, fake_meltano(tmp_path, text=text.replace(before, says.encode()), exit_code=1))

    with pytest.raises(FlextError) as caught:
        runner.run(RunRequest(pipeline="j"))

    assert type(caught.value) is (ExtractFailedError if again else PluginConfigError), str(caught.value)
    assert caught.value.retryable is again
    assert says[:40] in caught.value.reason


def test_lost_rows_are_a_failure_though_everything_exited_with_0(tmp_path: Path) -> None:
    """Extracted 5, loaded 4, rejected 0: the stream and the missing row are named."""
    text = CASES["success"].read_bytes()
    counted = [line for line in text.splitlines() if b'"target-b"' in line and b"record_count" in line]
    text = text.replace(counted[0], counted[0].replace(b'"value": 5', b'"value": 4'))
    runner = runner_of(tmp_path, fake_meltano(tmp_path, text=text))

    with pytest.raises(LoadFailedError, match="lost 1 of 5 rows of stream orders") as caught:
        runner.run(RunRequest(pipeline="j"))

    assert "--full-refresh" in caught.value.instruction


def test_counts_may_differ_behind_a_mapper(tmp_path: Path) -> None:
    """A mapper drops rows on purpose."""
    text = (
        CASES["success"]
        .read_bytes()
        .replace(b'"value": 5, "tags": {"stream": "orders", "t', b'"value": 3, "tags": {"stream": "orders", "t')
    )
    runner = runner_of(tmp_path, fake_meltano(tmp_path, text=text))

    run = runner.run(RunRequest(pipeline="mapped"))

    assert (run.extracted, run.loaded) == (5, 3)


def test_the_recordings_are_parsed_without_leftovers() -> None:
    """Every JSON line of every recording becomes a typed record."""
    lines = [line for path in CASES.values() for line in path.read_text().splitlines() if line.startswith("{")]

    assert len(lines) > 200
    assert not [line for line in lines if type(parse_line(line)).__name__ == "PlainLine"]
