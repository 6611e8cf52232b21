"""From what a run left behind to one of our errors: who failed, where, in its own words, and what to do.

Meltano exits with 1 for nearly everything and with 0 for a pipeline that does not exist, so the verdict comes from the
block record first (``exit_codes``), then from the plugins' own exceptions, then from Meltano's events and plain lines,
and from the exit code last. A loader's exit code is never trusted: counts are compared.

What belongs here: the verdict. What does not: anything that still runs.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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
    PluginMissingError,
    RunCancelledError,
    RunFailedError,
    StateNotSavedError,
    StorageFullError,
    TimedOutError,
    UnavailableError,
    UsageError,
)
from flext_pipelines.meltano.lines import clip
from flext_pipelines.meltano.log import Side
from flext_pipelines.meltano.process import Ending
from flext_pipelines.meltano.tally import BlockTally, PluginWords, StreamTally, Tally

_BOOKMARK_KEPT = "The bookmark stands where the last loaded batch left it, so a rerun goes on from there"


@dataclass(frozen=True)
class Evidence:
    """Everything the verdict is made from.

    Attributes:
        pipeline: What was run, for people.
        exit_code: Meltano's; negative is minus the signal.
        ending: Whether we ended it.
        timeout_seconds: The limit, where one was set.
        tally: What the run said.
        tail: The last raw lines.
        incremental: State ids of blocks that are expected to save a bookmark.
        unchecked: Taps whose streams a mapper or stream map may change, so that counts need not agree.
        bookmarks: Where each stream stands now, for a person who cancelled: ``orders 2026-01-01``.
    """

    pipeline: str
    exit_code: int
    ending: Ending
    tally: Tally
    timeout_seconds: float = 0
    tail: Sequence[str] = ()
    incremental: frozenset[str] = frozenset()
    unchecked: bool = False
    bookmarks: Sequence[str] = ()

    @property
    def details(self) -> dict[str, object]:
        """What every error of a run carries."""
        return {"pipeline": self.pipeline, "exit_code": self.exit_code, "tail": list(self.tail)}


def verdict(evidence: Evidence) -> FlextError | None:
    """The error that a run amounts to; None when it did what it should."""
    if evidence.ending == "timed_out":
        return TimedOutError(
            f"{evidence.pipeline} took longer than {evidence.timeout_seconds:g} s and was stopped; {_kept(evidence)}",
            "Run it again to go on from there; give it more time with --timeout or FLEXT_MELTANO_TIMEOUT_SECONDS",
            evidence.details,
        )
    if evidence.ending == "stopped":
        return cancelled(evidence)
    for block in evidence.tally.blocks:
        if block.result is not None and not block.result.success:
            return _block_failed(evidence, block)
    if evidence.exit_code != 0:
        return _meltano_failed(evidence)
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
        f"{evidence.pipeline} was cancelled; {_kept(evidence)}", "Run it again to go on from there", evidence.details
    )


def _kept(evidence: Evidence) -> str:
    if not evidence.bookmarks:
        return "no bookmark had been saved"
    return f"bookmark kept at {', '.join(evidence.bookmarks)}"


def _block_failed(evidence: Evidence, block: BlockTally) -> FlextError:
    result = block.result
    if result is None:
        return _meltano_failed(evidence)
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
    mappers = {name: code for name, code in codes.items() if name not in {"extractors", "loaders"}}
    if mappers or "ntermediate block" in reason or "Mappers failed" in reason:
        return _mapper_failed(evidence, block, mappers)
    if "loaders" in codes and not ("extractors" in codes and _blames(block, "tap") and not _blames(block, "target")):
        return _plugin_failed(LoadFailedError, evidence, block, "target", codes["loaders"])
    if "extractors" in codes:
        return _plugin_failed(ExtractFailedError, evidence, block, "tap", codes["extractors"])
    return RunFailedError(
        f"{block.state_id or evidence.pipeline} failed: {reason or 'no reason given'}{_said(_words(block, None))}",
        "Look at the last lines in the details and at the raw log of the run",
        evidence.details,
    )


def _blames(block: BlockTally, side: Side) -> bool:
    """Whether the plugin on that side itself reported an error."""
    plugin = block.speaker(side)
    return plugin is not None and bool(plugin.failure or plugin.errors)


def _plugin_failed(kind: type[FlextError], evidence: Evidence, block: BlockTally, side: Side, code: int) -> FlextError:
    """A tap or target that ended badly; its own exception decides whether trying again can help."""
    name = _name(block, side)
    plugin = block.speaker(side)
    said = _words(block, side)
    stream = _stream(block, side)
    where = f" at stream {stream}" if stream else ""
    noun = "Tap" if side == "tap" else "Target"
    details = evidence.details | {
        "plugin": name,
        "stream": stream,
        "plugin_exit_code": code,
        "state_id": block.state_id,
        "plugin_lines": list(plugin.lines) if plugin else [],
    }
    reason = f"{noun} {name} {_how(code)}{where}{_said(said)}"
    if any(_REFUSES_SETTINGS.search(line) for line in said):
        return PluginConfigError(
            reason, f"Correct its settings: `flext plugins config {name}` shows them and where they come from", details
        )
    if any(_NO_ROOM.search(line) for line in said):
        return StorageFullError(
            reason, f"Free some space where {name} writes, then run again. {_BOOKMARK_KEPT}", details
        )
    advice = "Look at what it says" if said else "It says nothing; look at the raw log of the run"
    if code in {-signal.SIGKILL, 128 + signal.SIGKILL}:
        advice = "Somebody or something killed it: look whether memory ran out"
    return kind(reason, f"{advice}, then run again. {_BOOKMARK_KEPT}", details)


def _mapper_failed(evidence: Evidence, block: BlockTally, codes: Mapping[str, int]) -> FlextError:
    name, code = next(iter(codes.items()), (_name(block, "mapper"), 1))
    return MapperFailedError(
        f"Mapper {name} {_how(code)} between {_name(block, 'tap')} and {_name(block, 'target')}"
        f"{_said(_words(block, 'mapper'))}",
        f"Correct its mapping in meltano.yml, then run again. {_BOOKMARK_KEPT}",
        evidence.details | {"plugin": name, "plugin_exit_code": code, "state_id": block.state_id},
    )


def _command_failed(evidence: Evidence, block: BlockTally, reason: str) -> FlextError:
    """A command block says everything at level info, so its last lines are quoted (output_logger.py)."""
    speaker = next(iter(block.plugins.values()), None)
    name = speaker.name if speaker else ""
    said = list(speaker.errors or speaker.lines)[-4:] if speaker else []
    if missing := _missing_program(evidence, name, [reason, *said, *evidence.tally.errors]):
        return missing
    return CommandBlockFailedError(
        f"{reason or f'Command block {block.number + 1} failed'}{_said(said)}",
        "Correct what it complains about, then run again; blocks before it are done and only move what is new",
        evidence.details
        | {"plugin": name, "block": block.number, "plugin_lines": list(speaker.lines) if speaker else []},
    )


def _cannot_start(evidence: Evidence, block: BlockTally, reason: str) -> FlextError:
    """``Cannot start plugin tap-x: ...`` (block/singer.py), which hides several causes."""
    found = _CANNOT_START.match(reason)
    name, why = (found["name"], found["why"].strip()) if found else (evidence.pipeline, reason)
    details = evidence.details | {"plugin": name, "state_id": block.state_id}
    if missing := _missing_program(evidence, name, [why]):
        return missing
    if "iscovery failed" in why or "nvalid catalog" in why or "atalog" in why:
        said = [line for line in why.splitlines() if line.strip()][-3:]
        return ExtractFailedError(
            f"Tap {name} could not say what it offers (catalog discovery failed){_said(said[1:] or said)}",
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


def _missing_program(evidence: Evidence, name: str, lines: Iterable[str]) -> FlextError | None:
    """Its executable is not there: the plugin was never installed, or its venv is gone."""
    for line in lines:
        if found := _NO_EXECUTABLE.search(line):
            plugin = found["plugin"] or name
            return PluginMissingError(
                f"Plugin {plugin} is not installed: its executable is missing",
                f"`flext plugins install {plugin}` installs it",
                evidence.details | {"plugin": plugin},
            )
    return None


def _meltano_failed(evidence: Evidence) -> FlextError:
    """Meltano ended badly without a failed block: before the first one, or by a signal."""
    tally = evidence.tally
    lines = [*tally.errors, *tally.plain]
    text = "\n".join(lines)
    if evidence.exit_code < 0 or evidence.exit_code == 128 + signal.SIGTERM:
        return UnavailableError(
            f"Meltano {_how(evidence.exit_code)} while it ran {evidence.pipeline}; {_kept(evidence)}",
            f"Look whether memory ran out or somebody ended it, then run again. {_BOOKMARK_KEPT}",
            evidence.details | {"signal": abs(evidence.exit_code) % 128},
        )
    if found := _UNKNOWN_BLOCK.search(text):
        return NotFoundError(
            f"{evidence.pipeline} names {found[1]!r}, which is neither a job nor a plugin of the project",
            "`flext pipelines` and `flext plugins` list what there is",
            evidence.details | {"name": found[1]},
        )
    if missing := _missing_program(evidence, evidence.pipeline, lines):
        return missing
    if found := _NO_DEFINITION.search(text):
        return PluginMissingError(
            f"Plugin {found[1]} has no definition: neither in meltano.yml nor as a lock file",
            f"`flext plugins install {found[1]}` adds it",
            evidence.details | {"plugin": found[1]},
        )
    said = _said([line for line in lines if not _NOISE.search(line)][-4:])
    if "nvironment" in text and ("not found" in text or "was not found" in text):
        return ConfigError(
            f"Meltano does not know the environment of this run{said}",
            "Name one of the environments of meltano.yml with --environment or FLEXT_MELTANO_ENVIRONMENT",
            evidence.details,
        )
    if evidence.exit_code == _USAGE:
        return UsageError(f"Meltano refuses the call{said}", "Correct the options of this run", evidence.details)
    if evidence.exit_code == _VERSION:
        return ConfigError(
            f"The project asks for another Meltano than the one that is installed{said}",
            "Change requires_meltano in meltano.yml, or point FLEXT_MELTANO_EXECUTABLE at the Meltano it asks for",
            evidence.details,
        )
    if _DATABASE.search(text):
        return UnavailableError(
            f"Meltano's system database does not answer{said}",
            "Check FLEXT_MELTANO_DATABASE_URL and that the database runs and has room left, then run again",
            evidence.details,
        )
    if _BROKEN_PROJECT.search(text):
        return ConfigError(
            f"Meltano cannot read the project{said}",
            "`flext validate` shows each fault with file and line",
            evidence.details,
        )
    return RunFailedError(
        f"Meltano failed to run {evidence.pipeline} (exit code {evidence.exit_code}){said}",
        "Look at the last lines in the details and at the raw log of the run",
        evidence.details,
    )


def _counts_differ(evidence: Evidence) -> FlextError | None:
    """Rows that the tap gave and that neither arrived nor were put aside. target-duckdb 0.8.0 loses one and exits 0."""
    if evidence.unchecked:
        return None
    for block, stream in evidence.tally.streams():
        missing = lost_rows(stream)
        if missing:
            target = _name(block, "target")
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
    """Rows of a stream that are neither loaded nor rejected; 0 where one side gives no counts."""
    if stream.extracted is None or stream.counted_loaded is None:
        return 0
    return max(0, stream.extracted - stream.counted_loaded - (stream.rejected or 0))


def _state_missing(evidence: Evidence) -> FlextError | None:
    for block in evidence.tally.blocks:
        rows = sum(stream.counted_loaded or stream.extracted or 0 for stream in block.streams.values())
        if rows and not block.state_saved and block.state_id in evidence.incremental:
            target = _name(block, "target")
            return StateNotSavedError(
                f"{rows:,} rows were loaded by {target}, but no bookmark was saved for {block.state_id}",
                f"A rerun reads them again. Check that {target} writes back the state it is given",
                evidence.details | {"plugin": target, "state_id": block.state_id, "rows": rows},
            )
    return None


def _name(block: BlockTally, side: Side) -> str:
    """The plugin on that side; from the state id when it never said a word."""
    plugin = block.speaker(side)
    if plugin is not None:
        return plugin.name
    found = _STATE_ID.match(block.state_id or "")
    return found[side] if found and side in {"tap", "target"} else f"the {side}"


def _stream(block: BlockTally, side: Side) -> str | None:
    plugin = block.speaker(side)
    if plugin is not None and plugin.failure is not None and plugin.failure.source.stream:
        return plugin.failure.source.stream
    if plugin is not None and plugin.stream:
        return plugin.stream
    failed = [stream.name for stream in block.streams.values() if stream.status == "failed"]
    return failed[0] if side == "tap" and failed else None


def _words(block: BlockTally, side: Side | None) -> list[str]:
    """What the plugin itself says of its failure: its exception with its causes, else its last error lines."""
    plugins = [p for p in block.plugins.values() if side is None or p.side == side]
    said: list[str] = []
    for plugin in plugins:
        said += _words_of(plugin)
    return said


def _words_of(plugin: PluginWords) -> list[str]:
    if plugin.failure is not None:
        exception = f"{plugin.failure.type}: {plugin.failure.message}".strip(": ")
        event = plugin.failure.source.event
        return [*([event] if event and event not in exception else []), exception, *plugin.failure.causes]
    if plugin.errors:
        return list(plugin.errors)[-4:]
    lines = list(plugin.lines)
    for number, line in enumerate(lines):
        if line.startswith("Traceback (most recent call last)"):
            return lines[-1:] if number < len(lines) - 1 else []
    return [line for line in lines if _COMPLAINT.search(line)][-3:]


def _said(lines: Sequence[str]) -> str:
    text = " | ".join(dict.fromkeys(line.strip() for line in lines if line.strip()))
    return f": {clip(text, 1500)}" if text else ""


def _how(code: int) -> str:
    number = -code if code < 0 else code - 128
    if code < 0 or 128 < code < 128 + signal.NSIG:
        try:
            return f"was ended by {signal.Signals(number).name}"
        except ValueError:
            return f"was ended by signal {number}"
    return f"failed (exit code {code})"


_USAGE, _VERSION = 2, 3
_CANNOT_START = re.compile(r"Cannot start plugin (?P<name>[^:\s]+): (?P<why>.*)", re.DOTALL)
# What ExecutableNotFoundError says: which executable "could not be found", which plugin "may not have been installed
# yet" (plugin_invoker.py).
_NO_EXECUTABLE = re.compile(
    r"Executable '[^']*' could not be found\.(?: \S+ '(?P<plugin>[^']*)')?"
    r"|may not have been installed|No such file or directory: '[^']*/venv/"
)
_UNKNOWN_BLOCK = re.compile(r"Block (\S+) not found|Plugin '?([^' ]+)'? is not known to Meltano")
_NO_DEFINITION = re.compile(r"[Pp]lugin '?([\w.-]+)'? (?:could not be found|is not known|not found)")
_STATE_ID = re.compile(r"[^:]*:(?P<tap>[^:]+)-to-(?P<target>[^:]+)")
_REFUSES_SETTINGS = re.compile(r"ConfigValidationError|Config validation failed|PluginConfigError", re.IGNORECASE)
_NO_ROOM = re.compile(r"No space left on device|ENOSPC|disk (?:is )?full|database or disk is full", re.IGNORECASE)
_DATABASE = re.compile(
    r"Could not connect to the database|OperationalError|Cannot upgrade the system database|database is locked"
)
_BROKEN_PROJECT = re.compile(r"meltano\.yml|parse|YAML|ConfigurationError|invalid", re.IGNORECASE)
_COMPLAINT = re.compile(r"error|exception|fail|refused|denied|invalid|cannot|could not|not found", re.IGNORECASE)
_NOISE = re.compile(r"^Need help fixing|^Usage: |^Try '")
