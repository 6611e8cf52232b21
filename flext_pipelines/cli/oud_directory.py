"""``flext oud load``, ``verify`` and ``diagnose``: live directories."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from flext_pipelines.cli import output
from flext_pipelines.cli.live import watching
from flext_pipelines.cli.options import command_for
from flext_pipelines.cli.performing import perform
from flext_pipelines.cli.session import send, settings
from flext_pipelines.commands import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flext_pipelines.oud.directory.reports import DirectoryDiagnosis, LoadReport, VerifyReport

_PERSON_NEEDED = 2
_MOST_SHOWN = 20
_PATHS = {"files", "journal", "rejects", "bind_password_file", "ca_file", "bind_samples"}


def _directory_command(
    message: str, name: str, show: Callable[[object], None], judge: Callable[[object], int], *, examples: Sequence[str]
) -> click.Command:
    """A command made from a message about a directory, which asks for the password when nothing else gives it.

    A password that was typed is sent at once and not through a run, whose config is stored as text.
    """
    spec = registry.find(registry.all_specs(), message)
    made = command_for(
        message, name, show, arguments=("files",), fixed={"bind_password": None}, examples=examples
    )  # fmt: skip

    def callback(as_json: bool, **given: object) -> int:
        payload = {key: value for key, value in given.items() if value is not None and value != ()}
        for name in _PATHS & payload.keys():  # the run that loads may be performed elsewhere
            given_path = payload[name]
            payload[name] = (
                str(Path(given_path).absolute()) if isinstance(given_path, str) else
                tuple(str(Path(one).absolute()) for one in cast("Sequence[str]", given_path))
            )  # fmt: skip
        typed = _typed_password(payload)
        if typed is None:
            answer = perform(spec, registry.parse(spec, payload), as_json=as_json)
        else:
            with watching(as_json=as_json) as on_progress:
                answer = send(registry.parse(spec, {**payload, "bind_password": typed}), on_progress)
        (output.print_json if as_json else show)(answer)
        return judge(answer)

    made.callback = callback
    return made


def _typed_password(payload: dict[str, object]) -> str | None:
    """The password from the terminal; None when another source has it, or there is no terminal to ask at."""
    given = payload.get("bind_password_file") or settings().oud_bind_password is not None
    if not payload.get("bind_dn") or given or not sys.stdin.isatty():
        return None
    typed: str = click.prompt(f"Password of {payload['bind_dn']}", hide_input=True, err=True)
    return typed


def show_load(answer: object) -> None:
    """What a load came to."""
    one = cast("LoadReport", answer)
    output.fields(
        {
            "server": one.url,
            "records": one.read,
            "added": one.added,
            "updated": one.updated or None,
            "modified": one.modified or None,
            "deleted": one.deleted or None,
            "renamed": one.renamed or None,
            "unchanged": one.unchanged or None,
            "skipped": one.skipped or None,
            "rejected": one.rejected or None,
            "reasons": [f"{reason} {count:,}" for reason, count in one.reasons.items()],
            "rejects": one.rejects_file,
            "schema": f"{one.schema_added} definitions added" if one.schema_added else None,
            "recovered": one.recovered or None,
            "tried again": one.retries or None,
            "journal": one.journal,
            "seconds": one.seconds,
            "note": "an earlier call had loaded it all" if one.already_done else None,
        }
    )


def show_verification(answer: object) -> None:
    """What differs, and how much was compared."""
    one = cast("VerifyReport", answer)
    for finding in one.findings[:_MOST_SHOWN]:
        name = f" {finding.attribute}" if finding.attribute else ""
        place = f"  ({finding.file}:{finding.line})" if finding.file else ""
        click.echo(f"{click.style(finding.kind, fg='red')}  {finding.dn}{name}  {finding.detail}{place}")
    if len(one.findings) > _MOST_SHOWN:
        click.echo(f"... and {len(one.findings) - _MOST_SHOWN:,} more; --json shows them")
    output.fields(
        {
            "server": one.url,
            "below": one.below,
            "expected": one.expected,
            "found": one.found,
            "same": one.same,
            "different": one.different or None,
            "missing": one.missing or None,
            "extra": one.extra or None,
            "references": one.references,
            "dangling": one.dangling or None,
            "logins": f"{one.bound} of {one.bound + one.refused}" if one.bound + one.refused else None,
            "seconds": one.seconds,
        }
    )
    if one.rights is not None:
        asked = {"rights asked": one.rights.asked, "left to the connection": one.rights.conditional or None}
        output.fields({**asked, "differing": str(one.rights.differing)})
        for difference in one.rights.differences[:_MOST_SHOWN]:
            who = difference.subject or "anonymous"
            yes = "the server grants" if difference.server else "the server denies"
            click.echo(f"  {yes} {who} {difference.right} {difference.attribute} on {difference.dn}")
        for note in one.rights.notes:
            click.echo(f"{click.style('note', fg='cyan')}  {note}")


def show_diagnosis(answer: object) -> None:
    """A server and what was found on it."""
    one = cast("DirectoryDiagnosis", answer)
    colours = {"error": "red", "warning": "yellow", "info": "cyan"}
    output.fields({"server": one.url, "product": one.product, "suffixes": one.naming_contexts})
    for finding in one.findings:
        click.echo(f"{click.style(finding.severity, fg=colours[finding.severity])}  {finding.text}")
        if finding.advice:
            click.echo(f"       {finding.advice}")


load = _directory_command(
    "oud.LoadDirectory", "load", show_load,
    lambda answer: _PERSON_NEEDED if cast("LoadReport", answer).rejected else 0,
    examples=(
        "flext oud load out/00-schema/*.ldif out/0[1-4]-*.ldif --to ldaps://oud:1636 --bind-dn 'cn=Directory Manager'",
        "flext oud load out/0[1-4]-*.ldif --to ldap://localhost:1389 --bind-dn cn=admin --policy update",
    ),
)  # fmt: skip

verify = _directory_command(
    "oud.VerifyDirectory", "verify", show_verification,
    lambda answer: 0 if cast("VerifyReport", answer).equal else _PERSON_NEEDED,
    examples=(
        "flext oud verify out/0[1-4]-*.ldif --to ldaps://oud.example.com:1636 --bind-dn 'cn=Directory Manager'",
        "flext oud verify out/0[1-4]-*.ldif --to ldap://localhost:1389 --bind-dn cn=admin --effective-rights 100",
    ),
)  # fmt: skip

diagnose = _directory_command(
    "oud.DiagnoseDirectory", "diagnose", show_diagnosis,
    lambda answer: _PERSON_NEEDED if any(
        one.severity == "error" for one in cast("DirectoryDiagnosis", answer).findings
    ) else 0,
    examples=("flext oud diagnose out/0[1-4]-*.ldif --to ldaps://oud:1636 --bind-dn 'cn=Directory Manager'",),
)  # fmt: skip
