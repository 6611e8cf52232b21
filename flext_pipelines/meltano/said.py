"""What Meltano and a plugin said, in plain lines for the details of an error.

What belongs here: words out of log lines. What does not: what they mean (``log``, ``failures``).
"""

from __future__ import annotations

import json
import re

from flext_pipelines.meltano.log import LogRecord, PlainLine, PluginFailure, parse_line

_SAYS_NOTHING = ("Need help fixing this problem?", "Using logging configuration", "Meltano ", "Environment ")


_WARNING = re.compile(r"\w*Warning: |Enable tracemalloc")
_MOST_COMPLAINTS = 2


def complaints(stderr: str) -> list[str]:
    """What a plugin complained of in its standard error: its last error records, else its last plain lines.

    Structured lines (singer_sdk.logging) say their level; Python's warnings at exit come last and say nothing.
    """
    errors: list[str] = []
    plain: list[str] = []
    for line in stderr.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            if line.strip() and not is_python_warning(line):
                plain.append(line.strip())
            continue
        if isinstance(record, dict) and record.get("level") in {"error", "critical"}:
            errors.append(str(record.get("message") or record.get("event") or "").strip())
    return (errors or plain)[-_MOST_COMPLAINTS:]


def is_python_warning(line: str) -> bool:
    """Whether Python says it, at its exit or before, and not the plugin."""
    return _WARNING.search(line) is not None


def words_of(line: str) -> list[str]:
    """The message of a log line, cut at its line ends; nothing of what Meltano says at every start."""
    record = parse_line(line)
    if isinstance(record, PlainLine):
        return record.text.splitlines()
    if isinstance(record, PluginFailure):
        return [f"{record.type}: {record.message}"]
    if isinstance(record, LogRecord) and not record.event.startswith(_SAYS_NOTHING):
        return [text for text in record.event.splitlines() if text.strip()]
    return []
