"""``flext oud``: the tools of the directory migration."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

import click

from flext_pipelines.cli import output
from flext_pipelines.cli.ldif import diff, ldif
from flext_pipelines.cli.oud_directory import diagnose, load, verify
from flext_pipelines.cli.oud_migrate import migrate, report, status, transform, validate
from flext_pipelines.cli.oud_rules import rules
from flext_pipelines.cli.oud_schema import schema
from flext_pipelines.cli.performing import perform
from flext_pipelines.cli.session import json_option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flext_pipelines.commands.oud.access import AciVerdict, ConvertedAcl

_REFUSED = 2
"""Exit code when a value must be changed first."""

flavour_option = click.option(
    "--flavour",
    type=click.Choice(["oud", "389"]),
    default="oud",
    help="Dialect: Oracle Unified Directory, or 389 Directory Server.  [default: oud]",
)


@click.group()
def oud() -> None:
    """Move an Oracle Internet Directory to Oracle Unified Directory."""


oud.add_command(ldif)
oud.add_command(diff)
oud.add_command(load)
oud.add_command(verify)
oud.add_command(diagnose)
oud.add_command(rules)
oud.add_command(schema)
for migration_command in (migrate, report, status, transform, validate):
    oud.add_command(migration_command)


@oud.command(short_help="Convert access values from standard input to aci values.")
@click.option("--dn", required=True, help="DN of the entry that holds the values; '' for the root DSE.")
@click.option(
    "--kind",
    type=click.Choice(["orclaci", "orclentrylevelaci"]),
    default="orclaci",
    help="The attribute of values that have no name in front.  [default: orclaci]",
)
@flavour_option
@click.option("--suffix", "suffixes", multiple=True, help="With --dn '': DN of a suffix that gets the aci.")
@json_option
def acl(dn: str, kind: str, flavour: str, suffixes: tuple[str, ...], as_json: bool) -> int:
    """Convert access values from standard input, one a line, to aci values; grant nobody more than before.

    The values are taken as one policy of one entry. A line may begin with orclaci: or orclentrylevelaci: and may be
    folded as in LDIF. What cannot be said exactly is left out and listed. A value that is no directive: exit code 2.

    \b
    Examples:
      echo 'access to entry by * (browse)' | flext oud acl --dn cn=users,dc=example,dc=com
      perl -0pe 's/\\n //g' one-entry.ldif | grep -i -E '^orcl(entrylevel)?aci:' | flext oud acl --dn dc=example,dc=com
    """
    from flext_pipelines.errors import UsageError

    if not dn.strip() and not suffixes:
        raise UsageError(
            "The root DSE's policy is written to suffixes, and none is named", "Name one: --suffix dc=example,dc=com"
        )
    fields = {"dn": dn, "kind": kind, "flavour": flavour, "suffixes": suffixes}
    answer = cast("ConvertedAcl", _judged("oud.ConvertAcl", fields, as_json=as_json))
    (output.print_json if as_json else _show_acl)(answer)
    return _REFUSED if answer.unreadable else 0


def _show_acl(answer: object) -> None:
    found = cast("ConvertedAcl", answer)
    for aci in found.aci:
        click.echo(f"aci: {aci}")
    for note in found.notes:
        click.echo(f"{click.style('note', fg='cyan')}      {note}", err=True)
    for part in found.left_out:
        colour = "red" if part.severity == "error" else "yellow"
        click.echo(f"{click.style('left out', fg=colour)}  value {part.number}: {part.reason}", err=True)
        click.echo(f"          {part.part}", err=True)


@oud.command("aci-check", short_help="Judge aci values from standard input.")
@click.option("--dn", help="DN of the entry that holds the values; a target must not lie outside.")
@flavour_option
@json_option
def aci_check(dn: str | None, flavour: str, as_json: bool) -> int:
    """Judge aci values from standard input, one a line, as the server does over LDAP; an import checks none.

    OUD goes into lockdown mode when it starts and finds an invalid one. One that is refused: exit code 2.

    \b
    Examples:
      perl -0pe 's/\\n //g' result/04-acls-0001.ldif | grep ^aci: | flext oud aci-check
      flext oud aci-check --flavour 389 --json < values.txt
    """
    fields = {"flavour": flavour} if dn is None else {"flavour": flavour, "dn": dn}
    verdicts = cast("tuple[AciVerdict, ...]", _judged("oud.CheckAci", fields, as_json=as_json))
    (output.print_json if as_json else _show_verdicts)(verdicts)
    return 0 if all(verdict.valid for verdict in verdicts) else _REFUSED


def _show_verdicts(answer: object) -> None:
    verdicts = cast("tuple[AciVerdict, ...]", answer)
    for verdict in verdicts:
        if not verdict.valid:
            click.echo(f"{click.style('refused', fg='red')}  value {verdict.number}: {verdict.reason}")
            click.echo(f"         {verdict.aci}")
    valid = sum(verdict.valid for verdict in verdicts)
    click.echo(f"{valid} of {len(verdicts)} values are valid.")


def _judged(message: str, fields: Mapping[str, object], *, as_json: bool) -> object:
    """Send the message with the values of standard input.

    Raises:
        UsageError: There are none, or they are no UTF-8.
    """
    from flext_pipelines.commands import registry
    from flext_pipelines.errors import UsageError
    from flext_pipelines.oud.acl.values import split_values

    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"Standard input is no UTF-8 at byte {error.start + 1}", "Give such a value in base64 after two colons"
        ) from None
    values = list(split_values(text.split("\n")))
    if not values:
        raise UsageError("Standard input has no values", "Give them one a line")
    spec = registry.find(registry.all_specs(), message)
    return perform(spec, registry.parse(spec, {**fields, "values": values}), as_json=as_json)
