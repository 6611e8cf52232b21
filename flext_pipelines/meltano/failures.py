"""From what a run left behind to one of our errors: who failed, where, in its own words, and what to do.

Meltano exits with 1 for nearly everything and with 0 for a pipeline that does not exist, so the verdict comes from the
block record first (``exit_codes``), then from the plugins' own exceptions, then from Meltano's events and plain lines,
and from the exit code last. A loader's exit code is never trusted: counts are compared.

What belongs here: the verdict. What does not: anything that still runs.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping

from flext_pipelines.errors import (
    AlreadyRunningError,
    CommandBlockFailedError,
    ConfigError,
    ExtractFailedError,
    FlextError,
    LoadFailedError,
    MapperFailedError,
    NotFoundError,
    PluginConfigError,
    RunCancelledError,
    RunFailedError,
    StateNotSavedError,
    StorageFullError,
    TimedOutError,
    UnavailableError,
)
from flext_pipelines.meltano.evidence import (
    BOOKMARK_KEPT,
    Evidence,
    how,
    kept,
    last_lines,
    name_of,
    quoted,
    stream_of,
    words_of,
)
from flext_pipelines.meltano.log import Side
from flext_pipelines.meltano.said import complaints
from flext_pipelines.meltano.start_failures import meltano_failed, missing_program
from flext_pipelines.meltano.tally import BlockTally, StreamTally

_BROKEN_PIPE = re.compile(r"BrokenPipeError|ConnectionResetError|Broken pipe|Connection lost")
_CANNOT_START = re.compile(r"Cannot start plugin (?P<name>[^:\s]+): (?P<why>.*)", re.DOTALL)
# What UnknownCommandError says: the command that was asked for, and those that the plugin has (plugin_invoker.py).
_NO_COMMAND = re.compile(r"Command '(?P<command>[^']*)' could not be found\. \S+ '(?P<plugin>[^']*)' (?P<rest>[^\n]*)")
_REFUSES_SETTINGS = re.compile(r"ConfigValidationError|Config validation failed|PluginConfigError", re.IGNORECASE)
# Meltano ends a block whose tap writes a line longer than half its buffer (block/future_utils.py); its words say sizes.
_TOO_LONG = "Output line length limit exceeded"
_SIZES = re.compile(r"message size limit")
# Tried again, a wrong password locks the account. What servers and drivers say: HTTP, PostgreSQL, MySQL, Oracle.
_DENIED = re.compile(
    r"AccessDeniedError|HTTP 40[13]\b|\b40[13] Client Error|Access denied for user"
    "|password authentication failed"
    r"|ORA-(?:01017|28000|28001)\b",
    re.IGNORECASE,
)
# Errors of our taps that only another setting, right or catalog can mend (``singer_columnar.errors`` and the ``errors``
# of each tap): the tap has tried again itself what may pass, and a page that came again would come again.
_MUST_CHANGE = re.compile(
    r"(?:\w+\.)*(?:PageRepeated|RequestRefused|EntityMissing|Certificate|Settings|ValueMisfit"
    r"|TableMissing|ColumnMissing|PermissionMissing)Error: "
)
_NO_ROOM = re.compile(r"No space left on device|ENOSPC|disk (?:is )?full|File too large", re.IGNORECASE)


def verdict(evidence: Evidence) -> FlextError | None:
    """The error that a run amounts to; None when it did what it should."""
    if evidence.ending == "timed_out":
        return TimedOutError(
            f"{evidence.pipeline} took longer than {evidence.timeout_seconds:g} s and was stopped; {kept(evidence)}",
            "Run it again to go on from there; "
            "give it more time with --timeout-minutes or FLEXT_MELTANO_TIMEOUT_SECONDS",
            evidence.details,
        )
    if evidence.ending == "stopped":
        return cancelled(evidence)
    for block in evidence.tally.blocks:
        if block.result is not None and not block.result.success:
            return _block_failed(evidence, block)
    if evidence.exit_code != 0:
        return _target_gone(evidence) or meltano_failed(evidence)
    if evidence.tally.no_blocks:
        return NotFoundError(
            f"{evidence.pipeline} holds nothing to run: Meltano found no blocks in it",
            "`flext pipelines` lists what there is; give the job tasks in meltano.yml",
            evidence.details,
        )
    return _counts_differ(evidence) or _state_missing(evidence)


def cancelled(evidence: Evidence) -> RunCancelledError:
    """The run was stopped on request."""
    return RunCancelledError(
        f"{evidence.pipeline} was cancelled; {kept(evidence)}", "Run it again to go on from there", evidence.details
    )


def _target_gone(evidence: Evidence) -> FlextError | None:
    """A target that dies while Meltano writes to it: Meltano 4.4.1 falls over the pipe and tells no block result."""
    block = evidence.tally.block
    if block.state_id is None or block.result is not None or not any(map(_BROKEN_PIPE.search, evidence.tally.errors)):
        return None
    target = name_of(block, "target")
    return LoadFailedError(
        f"Target {target} was gone in the middle of the load{quoted(words_of(block, 'target'))}",
        f"Look at the raw log of the run and whether memory ran out or somebody killed it, then run again. "
        f"{BOOKMARK_KEPT}",
        evidence.details | {"plugin": target, "state_id": block.state_id},
    )


def _block_failed(evidence: Evidence, block: BlockTally) -> FlextError:
    result = block.result
    if result is None:
        return meltano_failed(evidence)
    codes, reason = result.exit_codes, result.error
    if "is already running" in reason:
        return AlreadyRunningError(
            f"{block.state_id or evidence.pipeline} is already running, says Meltano: {reason}",
            "Wait until that run has ended; if it was killed, Meltano frees its state id after five minutes",
            evidence.details | {"state_id": block.state_id},
        )
    if result.kind == "InvokerCommand":
        return _command_failed(evidence, block, reason)
    if reason.startswith("Cannot start plugin"):
        return _cannot_start(evidence, block, reason)
    if reason.startswith(_TOO_LONG):
        return _too_long(evidence, block)
    mappers = {name: code for name, code in codes.items() if name not in {"extractors", "loaders"}}
    if mappers or "ntermediate block" in reason or "Mappers failed" in reason:
        return _mapper_failed(evidence, block, mappers)
    if "loaders" in codes and not ("extractors" in codes and _blames(block, "tap") and not _blames(block, "target")):
        return _plugin_failed(LoadFailedError, evidence, block, "target", codes["loaders"])
    if "extractors" in codes:
        return _plugin_failed(ExtractFailedError, evidence, block, "tap", codes["extractors"])
    return RunFailedError(
        f"{block.state_id or evidence.pipeline} failed: {reason or 'no reason given'}{quoted(words_of(block, None))}",
        "Look at the last lines in the details and at the raw log of the run",
        evidence.details,
    )


def _blames(block: BlockTally, side: Side) -> bool:
    """Whether the plugin on that side itself reported an error."""
    plugin = block.speaker(side)
    return plugin is not None and bool(plugin.failure or plugin.errors)


def _plugin_failed(kind: type[FlextError], evidence: Evidence, block: BlockTally, side: Side, code: int) -> FlextError:
    """A tap or target that ended badly; its own exception decides whether trying again can help."""
    name = name_of(block, side)
    plugin = block.speaker(side)
    said = words_of(block, side)
    stream = stream_of(block, side)
    where = f" at stream {stream}" if stream else ""
    noun = "Tap" if side == "tap" else "Target"
    details = evidence.details | {
        "plugin": name,
        "stream": stream,
        "plugin_exit_code": code,
        "state_id": block.state_id,
        "plugin_lines": list(plugin.lines) if plugin else [],
    }
    reason = f"{noun} {name} {how(code)}{where}{quoted(said)}"
    if any(_REFUSES_SETTINGS.search(line) for line in said):
        return PluginConfigError(
            reason, f"Correct its settings: `flext plugins config {name}` shows them and where they come from", details
        )
    if any(_NO_ROOM.search(line) for line in said):
        return StorageFullError(
            reason, f"Free some space where {name} writes, then run again. {BOOKMARK_KEPT}", details
        )
    if any(_DENIED.search(line) for line in said):
        return PluginConfigError(reason, f"{_denied_advice(name)}. {BOOKMARK_KEPT}", details)
    if any(_MUST_CHANGE.match(line) for line in said):
        return PluginConfigError(reason, f"{_change_advice(name)}. {BOOKMARK_KEPT}", details)
    advice = "Look at what it says" if said else "It names no error; look at the raw log of the run"
    if not said and 0 < code < 128:
        reason += f". It last said{quoted(last)}" if (last := last_lines(block, side)) else ""
    if code in {-signal.SIGKILL, 128 + signal.SIGKILL}:
        advice = "Somebody or something killed it: look whether memory ran out"
    return kind(reason, f"{advice}, then run again. {BOOKMARK_KEPT}", details)


def _denied_advice(name: str) -> str:
    return (
        f"Correct its user, password or rights before it runs again, lest the account be locked: "
        f"`flext plugins config {name}` shows where its settings come from"
    )


def _change_advice(name: str) -> str:
    return f"Correct what it names, then run again: `flext plugins config {name}` shows its settings"


def _too_long(evidence: Evidence, block: BlockTally) -> ConfigError:
    tap = name_of(block, "tap")
    return ConfigError(
        f"Tap {tap} wrote a message that is longer than Meltano passes on"
        f"{quoted([line for line in evidence.tally.errors if _SIZES.search(line)])}",
        "Set `elt: {buffer_size: BYTES}` in meltano.yml to at least double the longest message (it is 104857600 where "
        f"nothing is set), then run again. {BOOKMARK_KEPT}",
        evidence.details | {"plugin": tap, "state_id": block.state_id, "setting": "elt.buffer_size"},
    )


def _mapper_failed(evidence: Evidence, block: BlockTally, codes: Mapping[str, int]) -> FlextError:
    name, code = next(iter(codes.items()), (name_of(block, "mapper"), 1))
    return MapperFailedError(
        f"Mapper {name} {how(code)} between {name_of(block, 'tap')} and {name_of(block, 'target')}"
        f"{quoted(words_of(block, 'mapper'))}",
        f"Correct its mapping in meltano.yml, then run again. {BOOKMARK_KEPT}",
        evidence.details | {"plugin": name, "plugin_exit_code": code, "state_id": block.state_id},
    )


def _command_failed(evidence: Evidence, block: BlockTally, reason: str) -> FlextError:
    """A command block says everything at level info, so its last lines are quoted (output_logger.py)."""
    speaker = next(iter(block.plugins.values()), None)
    name = speaker.name if speaker else ""
    said = list(speaker.errors or speaker.lines)[-4:] if speaker else []
    if missing := missing_program(evidence, name, [reason, *said, *evidence.tally.errors]):
        return missing
    if found := _NO_COMMAND.search(reason):
        return NotFoundError(
            f"Plugin {found['plugin']} has no command {found['command']!r}; it {found['rest']}",
            "Name one of its commands in the pipeline, or define this one in meltano.yml",
            evidence.details | {"plugin": found["plugin"], "command": found["command"]},
        )
    return CommandBlockFailedError(
        f"{reason or f'Command block {block.number + 1} failed'}{quoted(said)}",
        "Correct what it complains about, then run again; blocks before it are done and only move what is new",
        evidence.details
        | {"plugin": name, "block": block.number, "plugin_lines": list(speaker.lines) if speaker else []},
    )


def _cannot_start(evidence: Evidence, block: BlockTally, reason: str) -> FlextError:
    """``Cannot start plugin tap-x: ...`` (block/singer.py), which hides several causes."""
    found = _CANNOT_START.match(reason)
    name, why = (found["name"], found["why"].strip()) if found else (evidence.pipeline, reason)
    details = evidence.details | {"plugin": name, "state_id": block.state_id}
    if missing := missing_program(evidence, name, [why]):
        return missing
    if "iscovery failed" in why or "nvalid catalog" in why or "atalog" in why:
        said = complaints(why)
        reason = f"Tap {name} could not say what it offers (catalog discovery failed){quoted(said)}"
        if any(_DENIED.search(line) for line in said):
            return PluginConfigError(reason, _denied_advice(name), details)
        if any(_MUST_CHANGE.match(line) for line in said):
            return PluginConfigError(reason, _change_advice(name), details)
        return ExtractFailedError(
            reason,
            f"Check its settings and that its source answers: `flext plugins config {name}`, then run again",
            details,
        )
    if "state" in why.lower():
        return UnavailableError(
            f"Tap {name} could not be given its Singer state: {why}",
            "Check that the state backend of the project is reachable, then run again",
            details,
        )
    return PluginConfigError(
        f"Plugin {name} cannot be started: {why}",
        f"`flext plugins config {name}` shows its settings; `flext plugins install {name}` installs it anew",
        details,
    )


def _counts_differ(evidence: Evidence) -> FlextError | None:
    """Rows that the tap gave and that neither arrived nor were put aside. target-duckdb 0.8.0 loses one and exits 0."""
    if evidence.unchecked:
        return None
    for block, stream in evidence.tally.streams():
        missing = lost_rows(stream)
        if missing:
            target = name_of(block, "target")
            return LoadFailedError(
                f"Target {target} lost {missing:,} of {stream.extracted:,} rows of stream {stream.name}, though it "
                f"ended without an error (loaded {stream.counted_loaded:,}, rejected {stream.rejected or 0:,})",
                f"Run it again with --full-refresh once {target} is repaired: the bookmark is already past these rows",
                evidence.details
                | {
                    "plugin": target,
                    "stream": stream.name,
                    "extracted": stream.extracted,
                    "loaded": stream.counted_loaded,
                    "rejected": stream.rejected or 0,
                    "state_id": block.state_id,
                },
            )
    return None


def lost_rows(stream: StreamTally) -> int:
    """Rows of a stream that the target accounts for in no way; 0 where one side gives no counts."""
    return max(0, stream.missing or 0)


def _state_missing(evidence: Evidence) -> FlextError | None:
    for block in evidence.tally.blocks:
        rows = sum(stream.counted_loaded or stream.extracted or 0 for stream in block.streams.values())
        if rows and not block.state_saved and block.state_id in evidence.incremental:
            target = name_of(block, "target")
            return StateNotSavedError(
                f"{rows:,} rows were loaded by {target}, but no bookmark was saved for {block.state_id}",
                f"A rerun reads them again. Check that {target} writes back the state it is given",
                evidence.details | {"plugin": target, "state_id": block.state_id, "rows": rows},
            )
    return None
