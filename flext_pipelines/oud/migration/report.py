"""The report as values: what was asked, what became of everything, what needs a person.

It holds no time and no path of a machine: the same input gives the same bytes. When a run was made, Dagster knows.

What belongs here: its fields. What does not: where each comes from (``reporting``), how it looks (``markdown``,
``html``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from flext_pipelines.oud.migration.figures import (
    AccessFigures,
    Account,
    Proof,
    References,
    ReviewedValue,
)
from flext_pipelines.oud.migration.files import WrittenFile
from flext_pipelines.oud.migration.stage import InputFile
from flext_pipelines.values import Value

FORMAT = 1


class PhaseRow(Value):
    """One phase in the report's table.

    Attributes:
        phase: The phase.
        files: Files written.
        records: Records in them.
        bytes: Bytes of them.
    """

    phase: str
    files: int
    records: int
    bytes: int


class SchemaLine(Value):
    """One finding on the schema.

    Attributes:
        severity: ``error``, ``warning`` or ``info``.
        line: Of the schema file.
        name: What it is about.
        code: What kind of finding.
        reason: What stands there.
        fix: What was done.
    """

    severity: str
    line: int
    name: str
    code: str
    reason: str
    fix: str


class SchemaPart(Value):
    """The schema phase.

    Attributes:
        given: Whether there was a schema file.
        read: Definitions read.
        attributes: Attribute types written.
        classes: Object classes written.
        findings: Every finding.
    """

    given: bool = False
    read: int = 0
    attributes: int = 0
    classes: int = 0
    findings: tuple[SchemaLine, ...] = ()


class NoteLine(Value):
    """Something that was done to entries.

    Attributes:
        code: What.
        about: Attribute or class.
        severity: ``warning`` needs a person.
        meaning: The code in words.
        count: How often.
        examples: The first entries.
    """

    code: str
    about: str
    severity: str
    meaning: str
    count: int
    examples: tuple[str, ...] = ()


class Need(Value):
    """Something that needs a person.

    Attributes:
        code: What kind of thing.
        count: How many.
        text: What it is.
        action: What to do.
        where: The file or chapter that lists them.
    """

    code: str
    count: int
    text: str
    action: str
    where: str


class Caution(Value):
    """Something that a reader should know, and that stops nobody.

    Attributes:
        code: What kind of thing.
        text: What it is.
        steps: Commands, if there are some.
    """

    code: str
    text: str
    steps: tuple[str, ...] = ()


class Report(Value):
    """A migration, reported.

    Attributes:
        format: Of this report.
        base_dn: The base in the source.
        new_base: The base in the result.
        flavour: Dialect of the aci values.
        inputs: What was read, with checksums.
        options: What shaped the result.
        account: What became of every record.
        phases: The table of phases.
        files: What was written, with checksums.
        schema_part: The schema.
        notes: What was done to entries.
        dropped: Values of kept entries that were dropped.
        access: Access control in figures.
        review: Access values of which something is left out.
        proof: The proof.
        references: What entries refer to.
        side: Lines of the side files.
        warnings: What a reader should know.
        needs: What needs a person; empty when nothing does.
    """

    format: int = FORMAT
    base_dn: str
    new_base: str
    flavour: Literal["oud", "389"]
    inputs: dict[str, InputFile]
    options: dict[str, JsonValue]
    account: Account
    phases: tuple[PhaseRow, ...]
    files: tuple[WrittenFile, ...]
    schema_part: SchemaPart
    notes: tuple[NoteLine, ...]
    dropped: tuple[NoteLine, ...]
    access: AccessFigures
    review: tuple[ReviewedValue, ...]
    proof: Proof
    references: References
    side: dict[str, int]
    warnings: tuple[Caution, ...]
    needs: tuple[Need, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing needs a person."""
        return not self.needs


def needing(report: Report) -> str:
    """How many kinds of things need a person, as a sentence."""
    number = len(report.needs)
    return f"{number:,} kinds of things need a person." if number != 1 else "One kind of thing needs a person."


def load_report(path: Path) -> Report:
    """A report that was written."""
    return Report.model_validate_json(path.read_bytes())
