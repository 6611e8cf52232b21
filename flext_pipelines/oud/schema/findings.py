"""What was found in a schema, and what was done about it.

What belongs here: one value for every remark of the migration. What does not: the reasons for them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from flext_pipelines.oud.schema.elements import ElementKind

Severity: TypeAlias = Literal["error", "warning", "info"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


class Finding(NamedTuple):
    """One remark on one definition.

    Attributes:
        severity: ``error``: something is not carried over or was guessed, and a person must decide. ``warning``: the
            target will behave differently, or data must follow. ``info``: the same thing, written differently.
        line: Where the definition begins in the file, or where in it the fault stands.
        column: Where in that line, from 1; None for the whole definition.
        kind: What is defined; None when that cannot be told.
        name: Its first name; empty when it cannot be told.
        oid: Its OID; empty when it cannot be told.
        code: What kind of remark this is, for programs.
        reason: What stands there.
        fix: What was done; empty when nothing was.
    """

    severity: Severity
    line: int
    kind: ElementKind | None
    name: str
    oid: str
    code: str
    reason: str
    fix: str
    column: int | None = None
