"""``flext oud schema``: what an OID schema needs to be loaded by OUD, for people and for programs.

What belongs here: options and the table. What does not: any judgement of a schema (``oud.schema``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from flext_pipelines.cli import output
from flext_pipelines.cli.performing import perform
from flext_pipelines.cli.session import json_option

if TYPE_CHECKING:
    from flext_pipelines.commands.oud.schema import SchemaReport

_NEEDS_A_PERSON = 2
"""Exit code when definitions are left out that somebody must decide on."""


@click.command(short_help="Judge an OID schema and write what OUD lacks of it.")
@click.argument("file")
@click.option("--out", type=click.Path(dir_okay=False), help="Write the target's schema file, 99-user.ldif, here.")
@click.option(
    "--owned",
    type=click.Path(dir_okay=False),
    help="The target's own schema, an export of cn=schema; it stands for the built-in list when it is whole.",
)
@click.option("--rules", type=click.Path(dir_okay=False), help="YAML file with rules over the built-in ones.")
@click.option("--lenient", is_flag=True, help="Go on after a record that is no LDIF.")
@click.option("--all", "show_all", is_flag=True, help="List remarks on spelling too.")
@json_option
def schema(
    file: str, out: str | None, owned: str | None, rules: str | None, lenient: bool, show_all: bool, as_json: bool
) -> int:
    """Judge an OID schema (cn=subschemasubentry as LDIF) and write what OUD lacks of it.

    Every definition that is not RFC 4512 or not OUD's is listed with its line, the reason and the fix. The file that
    --out names can be loaded as config/schema/99-user.ldif: what cannot be is left out. Any error: exit code 2.

    \b
    Examples:
      ldapsearch -L -b cn=subschemasubentry -s base "(objectclass=*)" attributetypes objectclasses > oid-schema.ldif
      flext oud schema oid-schema.ldif
      flext oud schema oid-schema.ldif --owned oud-schema.ldif --out 99-user.ldif
    """
    from flext_pipelines.commands import registry

    given = {
        "schema_file": file, "out_file": out, "owned_file": owned, "rules_file": rules, "lenient": lenient or None,
    }  # fmt: skip
    spec = registry.find(registry.all_specs(), "oud.ValidateSchema")
    fields = {name: value for name, value in given.items() if value is not None}
    report = cast("SchemaReport", perform(spec, registry.parse(spec, fields), as_json=as_json))
    if as_json:
        output.print_json(report)
    else:
        _show(report, show_all=show_all)
    return _NEEDS_A_PERSON if report.errors else 0


def _show(report: SchemaReport, *, show_all: bool) -> None:
    shown = [finding for finding in report.findings if show_all or finding.severity != "info"]
    rows = [(one.severity, str(one.line), one.kind, one.name or one.oid, one.reason, one.fix) for one in shown]
    nothing = (
        "Nothing needs a person." if not report.infos or show_all else "Only remarks on spelling; --all lists them."
    )
    output.table("", ("severity", "line", "kind", "name", "reason", "fix"), rows, empty=nothing)
    renamed = {**report.renamed, **report.renamed_classes}
    output.fields(
        {
            "definitions": report.definitions,
            "errors": report.errors,
            "warnings": report.warnings,
            "spelling": report.infos or None,
            "attribute types": report.attribute_types,
            "object classes": report.object_classes,
            "renamed": [f"{old} to {new}" for old, new in renamed.items()],
            "written": report.written,
        }
    )
