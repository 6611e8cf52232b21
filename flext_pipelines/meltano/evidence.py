"""What a run left behind for the verdict, and how to quote it to a person.

What belongs here: the evidence, names and last words of plugins, how a process ended. What does not: verdicts
(``failures``, ``start_failures``).
"""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from flext_pipelines.meltano.lines import clip
from flext_pipelines.meltano.log import Side
from flext_pipelines.meltano.running import Ending
from flext_pipelines.meltano.said import is_python_warning
from flext_pipelines.meltano.tally import BlockTally, PluginWords, Tally

_STATE_ID = re.compile(r"[^:]*:(?P<tap>[^:]+)-to-(?P<target>[^:]+)")
_COMPLAINT = re.compile(r"error|exception|fail|refused|denied|invalid|cannot|could not|not found", re.IGNORECASE)


BOOKMARK_KEPT = "The bookmark stands where the last loaded batch left it, so a rerun goes on from there"


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


def kept(evidence: Evidence) -> str:
    """Where the bookmarks stand, for whoever stopped the run."""
    if not evidence.bookmarks:
        return "no bookmark had been saved"
    return f"bookmark kept at {', '.join(evidence.bookmarks)}"


def name_of(block: BlockTally, side: Side) -> str:
    """The plugin on that side; from the state id when it never said a word."""
    plugin = block.speaker(side)
    if plugin is not None:
        return plugin.name
    found = _STATE_ID.match(block.state_id or "")
    return found[side] if found and side in {"tap", "target"} else f"the {side}"


def stream_of(block: BlockTally, side: Side) -> str | None:
    """The stream that a failed plugin was at, if it told."""
    plugin = block.speaker(side)
    if plugin is not None and plugin.failure is not None and plugin.failure.source.stream:
        return plugin.failure.source.stream
    if plugin is not None and plugin.stream:
        return plugin.stream
    failed = [stream.name for stream in block.streams.values() if stream.status == "failed"]
    return failed[0] if side == "tap" and failed else None


def words_of(block: BlockTally, side: Side | None) -> list[str]:
    """What the plugin itself says of its failure: its exception with its causes, else its last error lines."""
    plugins = [p for p in block.plugins.values() if side is None or p.side == side]
    said: list[str] = []
    for plugin in plugins:
        said += _words_of_plugin(plugin)
    return said


def _words_of_plugin(plugin: PluginWords) -> list[str]:
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


def last_lines(block: BlockTally, side: Side) -> list[str]:
    """The end of what a plugin said that named no error.

    Meltano logs plain lines of a plugin at level info, whatever they are (output_logger.py), and a sentence such as
    *The setting 'path' is missing* has none of the words that a complaint is known by.
    """
    plugin = block.speaker(side)
    lines = plugin.lines if plugin else ()
    return [line for line in lines if line.strip() and not line[0].isspace() and not is_python_warning(line)][-2:]


def quoted(lines: Sequence[str]) -> str:
    """Lines as the end of a sentence: ``: this | that``; nothing when there are none."""
    text = " | ".join(dict.fromkeys(line.strip() for line in lines if line.strip()))
    return f": {clip(text, 1500)}" if text else ""


def how(code: int) -> str:
    """``failed (exit code 3)``, ``was ended by SIGKILL``."""
    number = -code if code < 0 else code - 128
    if code < 0 or 128 < code < 128 + signal.NSIG:
        try:
            return f"was ended by {signal.Signals(number).name}"
        except ValueError:
            return f"was ended by signal {number}"
    return f"failed (exit code {code})"
