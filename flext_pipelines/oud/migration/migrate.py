"""A migration: its phases one after the other, from any of them to any of them.

What belongs here: the order, the folder, and what is answered. What does not: the phases (``phases``).
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from pydantic import Field, JsonValue

from flext_pipelines.oud.migration.access import ReviewedValue
from flext_pipelines.oud.migration.accounting import Counters
from flext_pipelines.oud.migration.files import WrittenFile, storage, write_file
from flext_pipelines.oud.migration.html import html_report
from flext_pipelines.oud.migration.markdown import markdown_report
from flext_pipelines.oud.migration.phases import ACCESS_FILE, Phases
from flext_pipelines.oud.migration.plan import PHASES, EntryPhase, MigrationPlan, Phase
from flext_pipelines.oud.migration.report import Need, PhaseRow, Report, Warning, make_report
from flext_pipelines.oud.migration.stage import MANIFEST, PhaseRecord, Stage, open_stage
from flext_pipelines.values import Progress, Value, ignore_progress

REPORT_FILES = ("report.json", "report.md", "report.html")


class PhaseOutcome(Value):
    """A phase that was performed.

    Attributes:
        phase: Which.
        files: Files that it left.
        records: Records in them.
        bytes: Bytes of them.
        seconds: How long it took.
    """

    phase: Phase
    files: int = 0
    records: int = 0
    bytes: int = 0
    seconds: float = 0


class Migration(Value):
    """What a migration, or a part of one, came to.

    Attributes:
        out: The folder of the result.
        complete: Whether the result is whole and in its place.
        performed: The phases that were performed.
        counters: Of all records; None while the result is not whole.
        needs: What needs a person.
        warnings: What a reader should know.
        report: The report's page; None while there is none.
        markdown: The report as Markdown, for a preview; None while there is none.
    """

    out: str
    complete: bool
    performed: tuple[PhaseOutcome, ...] = ()
    counters: Counters | None = None
    needs: tuple[Need, ...] = ()
    warnings: tuple[Warning, ...] = ()
    report: str | None = None
    markdown: str | None = Field(default=None, repr=False)


def migrate(
    plan: MigrationPlan,
    *,
    begin: Phase = PHASES[0],
    end: Phase = PHASES[-1],
    replace: bool = False,
    on_progress: Callable[[Progress], None] = ignore_progress,
) -> Migration:
    """Perform phases.

    Args:
        plan: What is asked.
        begin: The first phase; what those before it left must be there, made of the same inputs.
        end: The last phase.
        replace: Let a new result take the place of one that is there.
        on_progress: Told what is done.

    Raises:
        FlextError: See ``open_stage``; and whatever a phase meets. The place of the result is untouched then.
    """
    performed, report = [], None
    with open_stage(plan, begin, replace=replace) as stage, storage(stage.folder):
        phases = Phases(plan, stage, on_progress)
        for phase in PHASES[PHASES.index(begin) : PHASES.index(end) + 1]:
            on_progress(Progress(text=f"Phase {phase}"))
            began = time.perf_counter()
            if phase == "report":
                report = _report(plan, stage)
            else:
                record = _performed(phases, phase)
                seconds = time.perf_counter() - began
                stage.finish_phase(phase, record.model_copy(update={"seconds": round(seconds, 3)}))
            performed.append(_outcome(stage, phase, time.perf_counter() - began))
    return Migration(
        out=str(plan.out),
        complete=report is not None,
        performed=tuple(performed),
        counters=report.account.counters if report else None,
        needs=report.needs if report else (),
        warnings=report.warnings if report else (),
        report=str(plan.out / REPORT_FILES[2]) if report else None,
        markdown=markdown_report(report) if report else None,
    )


def _performed(phases: Phases, phase: Phase) -> PhaseRecord:
    match phase:
        case "schema":
            return phases.schema()
        case "read":
            return phases.read()
        case "acls":
            return phases.acls()
        case "rejected":
            return phases.rejected()
        case _:
            return phases.entries(cast("EntryPhase", phase))


def _report(plan: MigrationPlan, stage: Stage) -> Report:
    """Check the sum, write the report and the manifest, and put the result into its place."""
    review = [
        ReviewedValue.model_validate_json(line) for line in (stage.folder / ACCESS_FILE).read_bytes().splitlines()
    ]
    report = make_report(plan, stage, review)
    texts = (report.model_dump_json(indent=1), markdown_report(report), html_report(report))
    files = tuple(
        write_file(stage.folder, name, text.encode("utf-8", "surrogateescape"))
        for name, text in zip(REPORT_FILES, texts, strict=True)
    )
    stage.finish_phase("report", PhaseRecord(files=files))
    _write_manifest(stage, (*report.files, *files))
    shutil.rmtree(stage.work / "spools", ignore_errors=True)
    stage.publish()
    return report


def _write_manifest(stage: Stage, files: tuple[WrittenFile, ...]) -> None:
    manifest: dict[str, JsonValue] = {
        "format": stage.state.format,
        "inputs": {name: file.model_dump(mode="json") for name, file in stage.state.inputs.items()},
        "options": stage.state.options,
        "files": [file.model_dump(mode="json") for file in files],
    }
    write_file(stage.folder, MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n")


def _outcome(stage: Stage, phase: Phase, seconds: float) -> PhaseOutcome:
    files = stage.state.phases[phase].files
    return PhaseOutcome(
        phase=phase,
        files=len(files),
        records=sum(file.records or 0 for file in files),
        bytes=sum(file.size for file in files),
        seconds=round(seconds, 3),
    )


def diagnose(plan: MigrationPlan, *, on_progress: Callable[[Progress], None] = ignore_progress) -> Report:
    """Everything but the result: what a migration would report, in a folder that goes away.

    Args:
        plan: What is asked; its ``out`` is not touched.
        on_progress: Told what is done.
    """
    with tempfile.TemporaryDirectory(prefix="flext-diagnose-") as name:
        out = Path(name) / "result"
        migrate(plan.model_copy(update={"out": out}), on_progress=on_progress)
        return Report.model_validate_json((out / REPORT_FILES[0]).read_bytes())


__all__ = ["Migration", "PhaseOutcome", "PhaseRow", "diagnose", "migrate"]
