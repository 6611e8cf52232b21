"""``flext audit``: who did what, and whether the trail is unbroken."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from flext_pipelines.cli import output
from flext_pipelines.cli.options import command_for
from flext_pipelines.errors import AuditBrokenError

if TYPE_CHECKING:
    from flext_pipelines.control.chain import AuditReport
    from flext_pipelines.control.entries import AuditPage


@click.group()
def audit() -> None:
    """Read and verify the audit trail."""


def show_page(answer: object) -> None:
    """A page of commands, newest first."""
    page = cast("AuditPage", answer)
    rows = [
        (entry.number, output.moment(entry.at), entry.actor, entry.source, entry.message, entry.outcome, entry.seconds,
         str((entry.error or {}).get("reason", entry.note or "")))
        for entry in page.entries
    ]  # fmt: skip
    columns = ("number", "at", "actor", "door", "message", "outcome", "seconds", "why")
    output.table("", columns, rows, empty="No command was sent yet.")
    if page.next_before is not None:
        click.echo(f"Older: flext audit list --before {page.next_before}")


def show_report(answer: object) -> None:
    """What a check of the trail found."""
    report = cast("AuditReport", answer)
    for finding in report.findings:
        click.echo(f"{click.style(finding.kind, fg='red')} at row {finding.number}: {finding.text}")
    if report.unfinished:
        click.echo(f"{report.unfinished} commands have no outcome: flext audit list --outcome unfinished")
    if report.intact:
        click.echo(f"{click.style('Unbroken', fg='green')}: {report.rows:,} rows, checked in {report.seconds:.2f} s.")
        click.echo(f"Head {report.head_number}, hash {report.head_hash}")


def judge_report(answer: object) -> None:
    """A broken trail is an error.

    Raises:
        AuditBrokenError: Something was changed or is missing.
    """
    report = cast("AuditReport", answer)
    if not report.intact:
        raise AuditBrokenError(
            f"The audit trail is broken in {report.findings_in_all} places",
            "Compare it with a backup; note the head hash of each check elsewhere to prove what came before",
            {"findings": [finding.model_dump() for finding in report.findings]},
        )


audit.add_command(
    command_for(
        "audit.ListAudit",
        "list",
        show_page,
        examples=("flext audit list --outcome failed", "flext audit list --actor nightly --since 2026-01-01 --json"),
    )
)
audit.add_command(
    command_for("audit.VerifyAudit", "verify", show_report, examples=("flext audit verify",), judge=judge_report)
)
