"""``flext oud migrate``, ``transform``, ``report``, ``status`` and ``validate``: the migration as a whole.

What belongs here: options, and what people see of an answer. What does not: any judgement (``commands/oud/migration``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from flext_pipelines.cli import output
from flext_pipelines.cli.options import command_for
from flext_pipelines.cli.oud_directory import show_diagnosis, show_load, show_verification
from flext_pipelines.cli.performing import perform
from flext_pipelines.cli.session import json_option
from flext_pipelines.commands import registry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flext_pipelines.commands.oud.migration import MigrationStatus
    from flext_pipelines.oud.directory.reports import DirectoryDiagnosis, LoadReport, VerifyReport
    from flext_pipelines.oud.migration.judge import Judgement
    from flext_pipelines.oud.migration.one_file import Transformed
    from flext_pipelines.oud.migration.outcome import Migration
    from flext_pipelines.oud.migration.report import Caution, Need, Report

NEEDS_A_PERSON = 2
"""Exit code when the work is done and something in it needs a person."""
_PHASES = ("schema", "read", "hierarchy", "users", "groups", "acls", "rejected", "report")
_MOST_SHOWN = 30


@click.command(short_help="Migrate an OID export to LDIF files that OUD loads, with a report.")
@click.argument("export")
@click.option("--base-dn", required=True, help="The subtree that migrates.")
@click.option("--out", help="Folder of the result; it is there when everything in it is whole.")
@click.option("--schema", help="Schema LDIF: an export of cn=subschemasubentry.")
@click.option("--owned-schema", help="The target's own schema, an export of cn=schema; by default what every OUD has.")
@click.option("--target-base", help="Another name for the base in the new directory.")
@click.option("--root-policy", help="LDIF with the root DSE's orclaci values, which no subtree export holds.")
@click.option("--rules", help="YAML file with rules over the built-in ones.")
@click.option(
    "--flavour", type=click.Choice(["oud", "389"]), default="oud", help="Dialect of the aci values.  [default: oud]"
)
@click.option("--ssf", type=int, help="Security strength that stands for OID's SSL bind modes.  [default: 1]")
@click.option("--workers", type=int, help="Processes that read and transform.  [default: 1]")
@click.option("--file-megabytes", type=int, help="Size of a numbered file.  [default: 256]")
@click.option("--merge-aci", is_flag=True, help="Write aci values into their entries.")
@click.option("--drop-dangling", is_flag=True, help="Drop values that name entries which are not there.")
@click.option("--version-line", is_flag=True, help="Begin files with `version: 1`; slapadd refuses it.")
@click.option("--strict", is_flag=True, help="Stop at the first record that is no LDIF; else it is rejected.")
@click.option("--probes", type=int, help="Questions of the proof.  [default: 20,000]")
@click.option("--from", "from_phase", type=click.Choice(_PHASES), help="Make this phase and those after it again.")
@click.option("--until", "to_phase", type=click.Choice(_PHASES), help="End with this phase.")
@click.option("--replace", is_flag=True, help="Take the place of an earlier result.")
@click.option("--here", is_flag=True, help="Perform it in this process, without a Dagster run.")
@click.option("--diagnose", is_flag=True, help="Write nothing; say what it would come to, and what OUD will not take.")
@click.option("--to", help="Then load this server (ldap://host:port) and compare it with the result.")
@click.option("--bind-dn", help="With --to: account that binds; password from FLEXT_OUD_BIND_PASSWORD.")
@click.option("--bind-password-file", help="With --to: file whose first line is the password.")
@click.option("--start-tls", is_flag=True, help="With --to: upgrade ldap:// to TLS first.")
@json_option
def migrate(export: str, as_json: bool, diagnose: bool, here: bool, **given: object) -> int:
    """Migrate an OID export to LDIF files that OUD loads, with a report; grant nobody more than before.

    It is a Dagster run of the job oud_migration, one asset for each phase. Exit code 2: done, and something needs a
    person; the report and the list at the end say what. Exit code 1: trying again may help.

    \b
    Examples:
      flext oud migrate export.ldif --schema oid-schema.ldif --base-dn dc=example,dc=com --out result
      flext oud migrate export.ldif --base-dn dc=example,dc=com --diagnose
      flext oud migrate export.ldif --base-dn dc=example,dc=com --out result --root-policy root.ldif --from acls
      flext oud migrate export.ldif --base-dn dc=example,dc=com --out result --to ldaps://oud:1636 --bind-dn cn=admin
    """
    from pathlib import Path

    from flext_pipelines.errors import UsageError

    fields = {name: value for name, value in given.items() if value is not None and value is not False}
    server: dict[str, object] = {
        name: fields.pop(name) for name in ("to", "bind_dn", "bind_password_file", "start_tls") if name in fields
    }
    names = {"schema": "schema_file", "out": "output_dir"}
    fields = {names.get(name, name): value for name, value in fields.items()} | {"input_file": export}
    if server and "to" not in server:
        raise UsageError("--bind-dn, --bind-password-file and --start-tls go with --to", "Name the server")
    if "bind_password_file" in server:  # the run that loads may be performed elsewhere
        server["bind_password_file"] = str(Path(str(server["bind_password_file"])).absolute())
    if diagnose and fields.keys() & {"from_phase", "to_phase", "replace"}:
        raise UsageError("--from, --until and --replace are about a result, and --diagnose makes none", "Leave one out")
    if diagnose:
        return _diagnose(fields, server, as_json=as_json)
    if "output_dir" not in fields:
        raise UsageError("--out is missing", "Name the folder of the result, or add --diagnose to write nothing")
    if server:  # a password that is wrong or missing is told before the work, and not hours later
        _ask("oud.DiagnoseDirectory", server, as_json=as_json)
    made = cast("Migration", _perform(fields, here=here, as_json=as_json))
    answers: dict[str, object] = {"migration": made}
    needs = bool(made.needs)
    if not as_json:
        show_migration(made)
    if server and made.complete:
        needs = _load(made, server, answers, as_json=as_json) or needs
    if as_json:
        output.print_json(answers if server else made)
    return NEEDS_A_PERSON if needs else 0


def _perform(fields: Mapping[str, object], *, here: bool, as_json: bool) -> object:
    """Send the message, or launch the run that sends it phase by phase."""
    if here:
        from flext_pipelines.cli.live import watching
        from flext_pipelines.cli.session import send

        message = registry.parse(registry.find(registry.all_specs(), "oud.MigrateOUDData"), fields)
        with watching(as_json=as_json) as on_progress:
            return send(message, on_progress)
    spec = registry.find(registry.all_specs(), "oud.LaunchOUDMigration")
    return perform(spec, registry.parse(spec, {"migration": fields}), as_json=as_json)


def _ask(name: str, fields: Mapping[str, object], *, as_json: bool) -> object:
    spec = registry.find(registry.all_specs(), name)
    return perform(spec, registry.parse(spec, fields), as_json=as_json)


def _diagnose(fields: Mapping[str, object], server: Mapping[str, object], *, as_json: bool) -> int:
    without = {"output_dir", "merge_aci", "drop_dangling", "version_line", "file_megabytes", "ssf"}
    asked = {name: value for name, value in fields.items() if name not in without}
    found = cast("DirectoryDiagnosis", _ask("oud.DiagnoseDirectory", server, as_json=as_json)) if server else None
    report = cast("Report", _ask("oud.DiagnoseOUDData", asked, as_json=as_json))
    answers: dict[str, object] = {"report": report}
    needs = not report.clean
    if not as_json:
        show_report(report)
    if found is not None:
        answers["server"] = found
        needs = needs or any(one.severity == "error" for one in found.findings)
        if not as_json:
            click.echo("")
            show_diagnosis(found)
    if as_json:
        output.print_json(answers if server else report)
    return NEEDS_A_PERSON if needs else 0


def _load(made: Migration, server: Mapping[str, object], answers: dict[str, object], *, as_json: bool) -> bool:
    """Load the server and compare it; whether that needs a person."""
    from pathlib import Path

    from flext_pipelines.errors import FlextError

    folder = Path(made.out).absolute()
    found = [*folder.glob("00-schema/*.ldif"), *(path for path in folder.glob("0[1-4]-*.ldif"))]
    files = [str(path) for path in sorted(found)]
    journal = str(folder / ".migration" / "load.journal")
    try:
        loaded = cast(
            "LoadReport", _ask("oud.LoadDirectory", {**server, "files": files, "journal": journal}, as_json=as_json)
        )
    except FlextError:
        click.echo(f"The result is whole: {made.out}. The same command with `--from report` loads on from where it "
                   f"stopped; to load otherwise, `flext oud load` with `--journal {journal}`", err=True)  # fmt: skip
        raise
    if not as_json:
        click.echo("")
        show_load(loaded)
    verified = cast("VerifyReport", _ask("oud.VerifyDirectory", {**server, "files": files}, as_json=as_json))
    answers |= {"load": loaded, "verify": verified}
    if not as_json:
        click.echo("")
        show_verification(verified)
    return bool(loaded.rejected or not verified.equal)


def show_migration(made: Migration) -> None:
    """The phases, the counters, and what needs a person."""
    rows = [(one.phase, one.files, one.records, one.bytes, one.seconds) for one in made.performed]
    output.table("", ("phase", "files", "records", "bytes", "seconds"), rows, empty="Nothing was performed.")
    if made.counters is not None:
        output.fields(made.counters.model_dump())
    if made.complete:
        _show_lists(made.needs, made.warnings)
        click.echo(f"\nThe report: {made.report}")
    else:
        click.echo(
            f"\nNot whole yet: go on with --from. What needs a person is known at the end; until then nothing is in "
            f"{made.out}."
        )


def _show_lists(needs: Sequence[Need], warnings: Sequence[Caution]) -> None:
    for caution in warnings:
        click.echo(f"{click.style('know', fg='yellow')}   {caution.text}", err=True)
    rows = [(need.count, need.text, need.action, need.where) for need in needs[:_MOST_SHOWN]]
    output.table("Needs a person", ("count", "what", "what to do", "where"), rows, empty="Nothing needs a person.")
    if len(needs) > _MOST_SHOWN:
        click.echo(f"And {len(needs) - _MOST_SHOWN} more; the report lists them.")


def show_report(answer: object) -> None:
    """The report's head and tables."""
    report = cast("Report", answer)
    rows = [(row.phase, row.files, row.records, row.bytes) for row in report.phases]
    output.table("", ("phase", "files", "records", "bytes"), rows, empty="No phases.")
    output.fields(report.account.counters.model_dump())
    reasons = [("excluded", *one) for one in report.account.excluded.items()]
    reasons += [("rejected", *one) for one in report.account.rejected.items()]
    output.table("Reasons", ("what", "reason", "count"), reasons, empty="Nothing was left out.")
    access, proof = report.access, report.proof
    output.fields(
        {
            "access values": access.values,
            "converted": access.converted,
            "in part": access.partly,
            "unreadable": access.unreadable,
            "aci values": access.acis,
            "proof": f"{proof.probes:,} questions, {proof.gained:,} rights gained, {proof.lost:,} lost",
        }
    )
    _show_lists(report.needs, report.warnings)


def _show_status(answer: object) -> None:
    status = cast("MigrationStatus", answer)
    rows = [(one.phase, one.state, one.records, one.files, one.seconds) for one in status.phases]
    output.table("", ("phase", "state", "records", "files", "seconds"), rows, empty="No phases.")
    output.fields(
        {"execution": status.execution_id, "status": status.status, "error": status.error, "report": status.report}
    )


def _show_judgement(answer: object) -> None:
    found = cast("Judgement", answer)
    rows = [(check.name, "no" if check.failed else "yes", check.checked, check.failed) for check in found.checks]
    output.table("", ("check", "sound", "checked", "wrong"), rows, empty="Nothing was checked.")
    for check in found.checks:
        for fault in check.faults:
            click.echo(f"{click.style('wrong', fg='red')}  {check.name}: {fault}")


def show_transformed(answer: object) -> None:
    """What became of the records and values of one file."""
    made = cast("Transformed", answer)
    output.fields({"output": made.output, "read": made.read, "access values taken out": made.access_values or None})
    kinds = {"written": made.written, "excluded": made.excluded, "rejected": made.rejected, "noted": made.notes,
             "values dropped": made.dropped}  # fmt: skip
    rows = [(count, kind, name) for kind, counts in kinds.items() for name, count in counts.items()]
    output.table("", ("count", "what", "which"), rows, empty="There was no record.")


report = command_for(
    "oud.GetReport", "report", show_report, arguments=("output_dir",),
    examples=("flext oud report result", "flext oud report result --json | jq .needs"),
)  # fmt: skip
status = command_for(
    "oud.GetMigrationStatus", "status", _show_status, arguments=("execution_id",), examples=("flext oud status",)
)
transform = command_for(
    "oud.TransformLDIF", "transform", show_transformed, arguments=("input_file", "output_file"),
    examples=(
        "flext oud transform part.ldif new.ldif --base-dn dc=example,dc=com",
        "zcat export.ldif.gz | flext oud transform - - --base-dn dc=example,dc=com > new.ldif",
    ),
)  # fmt: skip
validate = command_for(
    "oud.ValidateData", "validate", _show_judgement, arguments=("output_dir",), examples=("flext oud validate result",)
)


def _streaming(command: click.Command) -> click.Command:
    """A transformation that is also a filter: `-` is standard input or output, without a message or a run.

    A stream has no name that a run could be given, and its answer is the stream; the counts go to standard error.
    """

    def callback(as_json: bool, **given: object) -> int:
        if "-" not in {given["input_file"], given["output_file"]}:
            fields = {name: value for name, value in given.items() if value is not None}
            answer = cast("Transformed", _ask("oud.TransformLDIF", fields, as_json=as_json))
            (output.print_json if as_json else show_transformed)(answer)
            return NEEDS_A_PERSON if answer.rejected else 0
        import sys
        from contextlib import ExitStack
        from pathlib import Path

        from flext_pipelines.oud.ldif.reader import open_file
        from flext_pipelines.oud.ldif.writer import new_file
        from flext_pipelines.oud.migration.one_file import FilePlan, transform_stream

        fields = {name: value for name, value in given.items() if name in FilePlan.model_fields and value is not None}
        plan = FilePlan.model_validate(fields)
        with ExitStack() as closing:
            source = (
                sys.stdin.buffer if given["input_file"] == "-" else closing.enter_context(open_file(plan.input_file))
            )
            target = sys.stdout.buffer
            if given["output_file"] != "-":
                target = closing.enter_context(new_file(Path(str(given["output_file"]))))
            done = transform_stream(plan, source, target)
            target.flush()
        lost = sum(done.rejected.values())
        left_out = sum(done.excluded.values())
        click.echo(f"{done.read:,} read, {lost:,} rejected, {left_out:,} excluded", err=True)
        return NEEDS_A_PERSON if lost else 0

    command.callback = callback
    return command


def _judged(command: click.Command) -> click.Command:
    """A command whose exit code says whether the answer is sound."""
    spec = registry.find(registry.all_specs(), "oud.ValidateData")

    def callback(as_json: bool, output_dir: str) -> int:
        answer = cast("Judgement", perform(spec, registry.parse(spec, {"output_dir": output_dir}), as_json=as_json))
        (output.print_json if as_json else _show_judgement)(answer)
        return 0 if answer.sound else NEEDS_A_PERSON

    command.callback = callback
    return command


_judged(validate)
_streaming(transform)
