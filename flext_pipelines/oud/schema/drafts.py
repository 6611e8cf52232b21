"""A definition on its way from OID to OUD, and the book in which every remark on it is kept.

What belongs here: the state that each step of the migration reads and changes. What does not: any step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from flext_pipelines.oud.schema.elements import AttributeType, ElementKind, ObjectClass
from flext_pipelines.oud.schema.findings import Finding, Severity
from flext_pipelines.oud.schema.target import TargetSchema

Carried: TypeAlias = AttributeType | ObjectClass
"""What a schema file can bring to a server; matching rules and syntaxes are code."""


@dataclass(eq=False)
class Draft:
    """One attribute type or object class.

    Attributes:
        element: As it would be written now.
        original: As it was read.
        line: Of the file, where it begins.
    """

    element: Carried
    original: Carried
    line: int

    @property
    def kind(self) -> ElementKind:
        """What it defines."""
        return "attributeType" if isinstance(self.element, AttributeType) else "objectClass"

    @property
    def respelled(self) -> bool:
        """Whether a name of it was changed."""
        return self.element.names != self.original.names

    def change(self, **fields: object) -> None:
        """Give some fields of the element other values."""
        self.element = replace(self.element, **fields)  # type: ignore[arg-type]  # the callers know their fields


@dataclass
class Book:
    """What every step shares.

    Attributes:
        target: What the server has.
        findings: Every remark so far.
        renames: New names of attributes and of classes by old ones in lower case.
        gone: Why an element is not carried, by each of its names and OIDs in lower case.
    """

    target: TargetSchema
    findings: list[Finding] = field(default_factory=list)
    renames: dict[ElementKind, dict[str, str]] = field(default_factory=lambda: {"attributeType": {}, "objectClass": {}})
    gone: dict[ElementKind, dict[str, str]] = field(default_factory=lambda: {"attributeType": {}, "objectClass": {}})

    def note(
        self, severity: Severity, draft: Draft, code: str, reason: str, fix: str = "", *, column: int | None = None
    ) -> None:
        """Write a remark on a definition down."""
        names = draft.original.names or draft.element.names
        self.findings.append(
            Finding(
                severity,
                draft.line,
                draft.kind,
                names[0] if names else "",
                draft.original.oid,
                code,
                reason,
                fix,
                column,
            )
        )

    def drop(self, severity: Severity, draft: Draft, code: str, reason: str, fix: str = "left out") -> None:
        """Write down that a definition is not carried, and remember why for what leans on it."""
        self.note(severity, draft, code, reason, fix)
        for key in (*draft.original.keys, *draft.element.keys):
            self.gone[draft.kind].setdefault(key, code)
            self.renames[draft.kind].pop(key, None)

    def rename(self, draft: Draft, old: str, new: str) -> None:
        """Entries and access values that use the old name must follow."""
        if old.lower() != new.lower():
            self.renames[draft.kind][old.lower()] = new

    def owned(self, kind: ElementKind) -> Mapping[str, Carried]:
        """What the target has of a kind, by every name and OID in lower case."""
        return self.target.attributes if kind == "attributeType" else self.target.classes
