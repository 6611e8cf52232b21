"""Texts that a database cannot hold, although they are valid JSON."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ForbiddenText:
    """One such rule of a dialect.

    Attributes:
        kind: The kind of column it is about.
        pattern: Regular expression (RE2) that finds it.
        reason: Why the row is rejected.
        required_only: Only where a value is required.
    """

    kind: str
    pattern: str
    reason: str
    required_only: bool = False
