"""What Meltano and a plugin said, in plain lines for the details of an error.

What belongs here: words out of log lines. What does not: what they mean (``log``, ``failures``).
"""

from __future__ import annotations

from flext_pipelines.meltano.log import LogRecord, PlainLine, PluginFailure, parse_line

_SAYS_NOTHING = ("Need help fixing this problem?", "Using logging configuration", "Meltano ", "Environment ")


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
