"""The migration as a whole: perform its phases, launch them as a Dagster run, ask how it stands and what came out.

What belongs here: these messages and their handlers. What does not: phases (``flext_pipelines.oud.migration``), the
assets that send one message for each phase (``assets/oud.py``).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from flext_pipelines.commands.launching import run_tags
from flext_pipelines.commands.message import Command, Context, Query
from flext_pipelines.commands.messages import raise_its_error
from flext_pipelines.errors import NotFoundError
from flext_pipelines.oud.migration.judge import Judgement
from flext_pipelines.oud.migration.one_file import Transformed
from flext_pipelines.oud.migration.outcome import Migration
from flext_pipelines.oud.migration.plan import FILE_BYTES, PHASES, PROBES, Phase
from flext_pipelines.oud.migration.report import Report
from flext_pipelines.runs.location import MESSAGE_JOB, OUD_JOB, RunStatus, Tag, migration_run_config
from flext_pipelines.runs.progress import listening
from flext_pipelines.runs.records import RunFilter
from flext_pipelines.values import Progress, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flext_pipelines.oud.migration.plan import MigrationPlan
    from flext_pipelines.runs.gateway import Runs
    from flext_pipelines.runs.record import Materialization
    from flext_pipelines.runs.status import PipelineStatus

_MEGABYTE = 1 << 20
_MESSAGE = "oud.MigrateOUDData"

InputFile = Field(min_length=1, description="Data LDIF, exported by ldifwrite or `ldapsearch -L`.")
BaseDn = Field(min_length=1, description="The subtree that migrates.")
SchemaFile = Field(default=None, min_length=1, description="Schema LDIF: cn=subschemasubentry.")
OwnedSchema = Field(default=None, min_length=1, description="The target's own schema: an export of cn=schema.")
TargetBase = Field(default=None, min_length=1, description="Another name for the base in the new directory.")
RootPolicy = Field(default=None, min_length=1, description="LDIF with the root DSE's orclaci values.")
RulesFile = Field(default=None, min_length=1, description="YAML with rules over the built-in ones.")
FlavourField: Literal["oud", "389"] = Field(
    default="oud", description="Dialect of the aci values: Oracle Unified Directory's, or 389's."
)
Workers = Field(default=1, ge=1, le=64, description="Processes that read and transform.")
Strict = Field(default=False, description="Stop at the first record that is no LDIF; else it is rejected.")
Folder = Field(min_length=1, description="The folder that a migration wrote.")


class MigrateOUDDataCommand(Command[Migration]):
    """Migrate an export of Oracle Internet Directory to LDIF files that Oracle Unified Directory loads.

    The folder is there when everything in it is whole: numbered files by phase, parents before children; rejected
    records with their reasons; a report. Nobody is granted more than before, and that is proved on the data. Phases
    may be performed apart: what those before ``from_phase`` left is used, if inputs are the same.
    """

    performed_in_run: ClassVar[bool] = True

    input_file: str = InputFile
    base_dn: str = BaseDn
    output_dir: str = Field(min_length=1, description="Folder of the result.")
    schema_file: str | None = SchemaFile
    owned_schema: str | None = OwnedSchema
    target_base: str | None = TargetBase
    root_policy: str | None = RootPolicy
    rules: str | None = RulesFile
    flavour: Literal["oud", "389"] = FlavourField
    ssf: int = Field(default=1, ge=1, le=1024, description="Security strength that stands for OID's SSL bind modes.")
    workers: int = Workers
    file_megabytes: int = Field(default=FILE_BYTES // _MEGABYTE, ge=1, description="Size of a numbered file.")
    merge_aci: bool = Field(default=False, description="Write aci values into their entries.")
    drop_dangling: bool = Field(default=False, description="Drop values that name entries which are not there.")
    strict: bool = Strict
    version_line: bool = Field(default=False, description="Begin files with `version: 1`; slapadd refuses it.")
    probes: int = Field(default=PROBES, ge=0, description="Questions of the proof.")
    from_phase: Phase = Field(default=PHASES[0], description="Begin with this phase.")
    to_phase: Phase = Field(default=PHASES[-1], description="End with this phase.")
    replace: bool = Field(default=False, description="Let the result take the place of an earlier one.")

    @model_validator(mode="after")
    def _phases_in_order(self) -> MigrateOUDDataCommand:
        if PHASES.index(self.to_phase) < PHASES.index(self.from_phase):
            message = f"to_phase {self.to_phase} comes before from_phase {self.from_phase}"
            raise ValueError(message)
        return self


class LaunchOUDMigrationCommand(Command[Migration]):
    """Launch a Dagster run of the job ``oud_migration``, one asset for each phase, and answer when it has ended."""

    migration: MigrateOUDDataCommand = Field(description="What to migrate.")


class DiagnoseOUDDataQuery(Query[Report]):
    """Say what a migration would come to, and what OUD will not take; nothing is written or changed anywhere."""

    input_file: str = InputFile
    base_dn: str = BaseDn
    schema_file: str | None = SchemaFile
    owned_schema: str | None = OwnedSchema
    target_base: str | None = TargetBase
    root_policy: str | None = RootPolicy
    rules: str | None = RulesFile
    flavour: Literal["oud", "389"] = FlavourField
    workers: int = Workers
    strict: bool = Strict
    probes: int = Field(default=PROBES, ge=0, description="Questions of the proof.")


class TransformLDIFCommand(Command[Transformed]):
    """Transform one LDIF file by the rules, in its order, without phases: entries kept, the others counted.

    Access values are taken out and not converted, since their meaning depends on the whole policy.
    """

    performed_in_run: ClassVar[bool] = True

    input_file: str = InputFile
    output_file: str = Field(min_length=1, description="LDIF file to write; it is there when it is whole.")
    base_dn: str | None = Field(default=None, min_length=1, description="Only this subtree; by default everything.")
    rejects_file: str | None = Field(default=None, min_length=1, description="Keep rejected records here.")
    schema_file: str | None = SchemaFile
    target_base: str | None = TargetBase
    rules: str | None = RulesFile
    strict: bool = Strict
    version_line: bool = Field(default=False, description="Begin with `version: 1`.")


class PhaseStatus(Value):
    """How one phase of a run stands.

    Attributes:
        phase: The phase.
        state: What is known of it.
        records: Records in its files.
        files: Files that it left.
        bytes: Bytes of them.
        seconds: How long it took.
        finished_at: When it ended (UTC).
    """

    phase: Phase
    state: Literal["completed", "running", "failed", "pending", "cancelled"]
    records: int | None = None
    files: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    finished_at: datetime | None = None


class MigrationStatus(Value):
    """How a run of a migration stands.

    Attributes:
        execution_id: Dagster's run id.
        status: Of the run.
        started_at: When it began (UTC).
        phases: Each phase that the run intends to perform.
        error: Why it failed, if it did.
        report: The report's page, when it is written.
    """

    execution_id: str
    status: RunStatus
    started_at: datetime | None = None
    phases: tuple[PhaseStatus, ...]
    error: str | None = None
    report: str | None = None


class GetMigrationStatusQuery(Query[MigrationStatus]):
    """Phases of a migration's run with their counts, from Dagster's run metadata."""

    execution_id: str | None = Field(
        default=None, pattern=r"^[0-9A-Fa-f-]{4,36}$", description="Execution id; by default the last migration."
    )


class GetReportQuery(Query[Report]):
    """The report of a migration: counters, phases, reasons, access control, proof, and what needs a person."""

    output_dir: str = Folder


class ValidateDataQuery(Query[Judgement]):
    """Judge the folder of a result by its files alone, as if nobody knew who wrote them.

    Read equals written, rejected and excluded; checksums; DNs once; parents first; references; no attribute of OID
    left; every aci one that OUD takes.
    """

    output_dir: str = Folder


def _plan(command: MigrateOUDDataCommand | DiagnoseOUDDataQuery, out: str) -> MigrationPlan:
    from flext_pipelines.oud.migration.plan import MigrationPlan

    fields = command.model_dump(
        exclude={"idempotency_key", "input_file", "output_dir", "file_megabytes", "from_phase", "to_phase", "replace"}
    )
    size = command.file_megabytes * _MEGABYTE if isinstance(command, MigrateOUDDataCommand) else FILE_BYTES
    return MigrationPlan.model_validate({**fields, "export": command.input_file, "out": out, "file_bytes": size})


def migrate_oud_data(command: MigrateOUDDataCommand, *, context: Context) -> Migration:
    """Perform the phases in this process."""
    from flext_pipelines.oud.migration.migrate import migrate

    return migrate(
        _plan(command, command.output_dir),
        begin=command.from_phase,
        end=command.to_phase,
        replace=command.replace,
        on_progress=context.on_progress,
    )


def launch_oud_migration(command: LaunchOUDMigrationCommand, *, runs: Runs, context: Context) -> Migration:
    """Launch, wait, and read the answer from the folder."""
    from flext_pipelines.oud.migration.outcome import outcome_in

    wanted = command.migration
    phases = PHASES[PHASES.index(wanted.from_phase) : PHASES.index(wanted.to_phase) + 1]
    payload = wanted.model_dump(mode="json", exclude_unset=True, exclude={"from_phase", "to_phase"})
    for name in ("input_file", "schema_file", "owned_schema", "root_policy", "rules", "output_dir"):
        if payload.get(name):
            payload[name] = str(Path(payload[name]).absolute())  # the run may be performed elsewhere
    with listening(context.on_progress):
        execution_id = runs.launch(
            OUD_JOB,
            run_config=migration_run_config(payload),
            tags=run_tags(context) | {Tag.MESSAGE: _MESSAGE},
            asset_keys=[(OUD_JOB, phase) for phase in phases],
            on_created=lambda run_id: context.on_progress(Progress(text=f"Run {run_id} of {OUD_JOB}")),
        )
    raise_its_error(runs.status(execution_id))
    return outcome_in(Path(wanted.output_dir), phases)


def diagnose_oud_data(query: DiagnoseOUDDataQuery, *, context: Context) -> Report:
    """Migrate into a folder that goes away."""
    from flext_pipelines.oud.migration.migrate import diagnose

    return diagnose(_plan(query, "nowhere"), on_progress=context.on_progress)


def transform_ldif(command: TransformLDIFCommand, *, context: Context) -> Transformed:
    """One file to one file."""
    from flext_pipelines.oud.migration.one_file import FilePlan, transform_file

    plan = FilePlan.model_validate(command.model_dump(exclude={"idempotency_key"}))
    return transform_file(plan, on_progress=context.on_progress)


def get_migration_status(query: GetMigrationStatusQuery, *, runs: Runs) -> MigrationStatus:
    """From the run's record and what its steps recorded."""
    status = runs.status(query.execution_id or _last_migration(runs))
    if status.job == MESSAGE_JOB:
        return _of_message(status, runs)
    if status.job != OUD_JOB:
        raise _no_migration(status)
    made = {one.asset.rpartition("/")[2]: one for one in runs.records.materializations(status.execution_id)}
    planned = [phase for phase in PHASES if not status.streams or phase in status.streams]
    states = dict.fromkeys(planned, "pending")
    waiting = [phase for phase in planned if phase not in made]
    if waiting and status.status in {"running", "failed", "cancelled"}:
        states[waiting[0]] = status.status
    states.update(dict.fromkeys((phase for phase in planned if phase in made), "completed"))
    report = made["report"].metadata.get("report") if "report" in made else None
    return MigrationStatus(
        execution_id=status.execution_id,
        status=status.status,
        started_at=status.started_at,
        phases=tuple(_phase_status(phase, states[phase], made.get(phase)) for phase in planned),
        error=status.error.reason if status.error else None,
        report=str(report) if report else None,
    )


def _last_migration(runs: Runs) -> str:
    """The last run of a migration, as a job of phases or as one message."""
    as_message = RunFilter(job=MESSAGE_JOB, tags={Tag.MESSAGE: _MESSAGE})
    last = [*runs.records.runs(RunFilter(job=OUD_JOB), 1), *runs.records.runs(as_message, 1)]
    if not last:
        raise NotFoundError("No migration was run yet", "`flext oud migrate --help` shows how")
    return max(last, key=lambda run: run.created_at).run_id


def _no_migration(status: PipelineStatus) -> NotFoundError:
    return NotFoundError(
        f"Execution {status.execution_id} is no migration but one of {status.pipeline}",
        f"`flext status` lists runs of {OUD_JOB}",
        {"execution_id": status.execution_id},
    )


def _of_message(status: PipelineStatus, runs: Runs) -> MigrationStatus:
    """How a migration stands that was sent as one message: its phases are in its answer, and not before."""
    record = runs.records.run(status.execution_id)
    if record is None or record.tags.get(Tag.MESSAGE) != _MESSAGE:
        raise _no_migration(status)
    answer = runs.answer(status.execution_id)
    made = Migration.model_validate(answer) if isinstance(answer, dict) else None
    return MigrationStatus(
        execution_id=status.execution_id,
        status=status.status,
        started_at=status.started_at,
        phases=tuple(
            PhaseStatus(phase=one.phase, state="completed", records=one.records, files=one.files, bytes=one.bytes,
                        seconds=one.seconds)
            for one in made.performed
        ) if made else (),
        error=status.error.reason if status.error else None,
        report=made.report if made else None,
    )  # fmt: skip


def _phase_status(phase: Phase, state: str, made: Materialization | None) -> PhaseStatus:
    if made is None:
        return PhaseStatus.model_validate({"phase": phase, "state": state})
    known = {name: made.metadata.get(name) for name in ("records", "files", "bytes", "seconds")}
    return PhaseStatus.model_validate({"phase": phase, "state": state, "finished_at": made.time, **known})


def get_report(query: GetReportQuery) -> Report:
    """As the migration wrote it."""
    from flext_pipelines.oud.migration.outcome import report_in

    return report_in(Path(query.output_dir))


def validate_data(query: ValidateDataQuery, *, context: Context) -> Judgement:
    """Read every file again."""
    from flext_pipelines.oud.migration.judge import judge

    return judge(Path(query.output_dir), on_progress=context.on_progress)


HANDLERS: Mapping[type, Callable[..., object]] = {
    MigrateOUDDataCommand: migrate_oud_data,
    LaunchOUDMigrationCommand: launch_oud_migration,
    DiagnoseOUDDataQuery: diagnose_oud_data,
    TransformLDIFCommand: transform_ldif,
    GetMigrationStatusQuery: get_migration_status,
    GetReportQuery: get_report,
    ValidateDataQuery: validate_data,
}
