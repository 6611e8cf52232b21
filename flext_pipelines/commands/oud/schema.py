"""Schema: the message that judges OID's schema and makes the target's file of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from flext_pipelines.commands.message import Command
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ElementKind = Literal["attributeType", "objectClass", "matchingRule", "matchingRuleUse", "ldapSyntax"]


class SchemaFinding(Value):
    """One remark on one definition.

    Attributes:
        severity: `error`: a person must decide. `warning`: the target behaves differently, or data must follow.
            `info`: the same thing, written differently.
        line: Line of the schema file.
        column: Column in that line, from 1, where reading stopped.
        kind: What is defined; absent for a record that is no LDIF.
        name: Its first name.
        oid: Its OID.
        code: What kind of remark it is.
        reason: What stands there.
        fix: What was done; empty when nothing was.
    """

    severity: Literal["error", "warning", "info"]
    line: int
    column: int | None = None
    kind: ElementKind | None = None
    name: str
    oid: str
    code: str
    reason: str
    fix: str


class SchemaReport(Value):
    """What became of a schema.

    Attributes:
        source: The file.
        definitions: Attribute types and object classes that it defines.
        attribute_types: How many of them the target lacks and can have.
        object_classes: The same of object classes.
        errors: Findings that need a person.
        warnings: Findings that change what the target does.
        infos: Findings on spelling.
        findings: All of them, by line.
        renamed: New names of attributes by old ones in lower case; data and access values must follow.
        renamed_classes: The same of object classes.
        written: The file that was written.
    """

    source: str
    definitions: int
    attribute_types: int
    object_classes: int
    errors: int
    warnings: int
    infos: int
    findings: tuple[SchemaFinding, ...]
    renamed: dict[str, str]
    renamed_classes: dict[str, str]
    written: str | None = None


class ValidateSchemaCommand(Command[SchemaReport]):
    """Judge an OID schema, tell every fix it needs, and write what OUD lacks of it as `99-user.ldif`.

    What is written can be loaded: each definition is read back strictly, stands behind what it leans on, and names
    nothing that is unknown. What cannot be said so is left out and is a finding of severity `error`.
    """

    schema_file: str = Field(min_length=1, description="OID's schema as LDIF: an export of cn=subschemasubentry.")
    out_file: str | None = Field(default=None, min_length=1, description="Write the target's file here: 99-user.ldif.")
    owned_file: str | None = Field(
        default=None,
        min_length=1,
        description="The target's own schema as LDIF, an export of cn=schema. Instead of the built-in list when it is "
        "whole (it defines `top`), and else besides it.",
    )
    rules_file: str | None = Field(
        default=None,
        min_length=1,
        description="Rules of the migration, over the built-in ones: their renames and kinds apply.",
    )
    lenient: bool = Field(default=False, description="Go on after a record that is no LDIF; it is a finding.")


def validate_schema(command: ValidateSchemaCommand) -> SchemaReport:
    """Read, fix, leave out, order, and write if asked to."""
    from pathlib import Path

    from flext_pipelines.oud.rules.reading import read_rules
    from flext_pipelines.oud.schema.migrate import migrate_schema

    rules = read_rules(Path(command.rules_file) if command.rules_file is not None else None)
    owned = Path(command.owned_file) if command.owned_file is not None else None
    found = migrate_schema(
        command.schema_file,
        renames={**rules.attributes.rename, **rules.classes.rename},
        kinds=rules.classes.kinds,
        owned=owned,
        lenient=command.lenient,
    )
    if command.out_file is not None:
        found.write(Path(command.out_file))
    return SchemaReport(
        source=command.schema_file,
        definitions=found.read,
        attribute_types=found.attributes_written,
        object_classes=found.classes_written,
        errors=found.count("error"),
        warnings=found.count("warning"),
        infos=found.count("info"),
        findings=tuple(SchemaFinding(**finding._asdict()) for finding in found.findings),
        renamed=dict(found.renamed),
        renamed_classes=dict(found.renamed_classes),
        written=command.out_file,
    )


HANDLERS: Mapping[type, Callable[..., object]] = {ValidateSchemaCommand: validate_schema}
