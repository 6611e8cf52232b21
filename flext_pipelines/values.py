"""Plain frozen values that every layer may speak of.

What belongs here: the base of value types, and the progress of long work. What does not: values of one
system (they live with their gateway or domain).
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen value with JSON both ways; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Progress(Value):
    """One step of long work, for whoever waits: a Dagster log line, a live table at a terminal.

    Attributes:
        kind: ``milestone``, ``warning`` and ``error`` are worth a line of their own; ``count`` is not.
        text: The line.
        stream: The Singer stream or table it is about.
        side: What ``rows`` counts.
        rows: Rows so far, in total.
    """

    kind: Literal["milestone", "warning", "error", "count"] = "milestone"
    text: str = ""
    stream: str | None = None
    side: Literal["extracted", "loaded", "rejected"] | None = None
    rows: int | None = None


def ignore_progress(_: Progress) -> None:
    """The listener of callers who wait for the result only."""
