"""A migration: its phases one after the other, from any of them to any of them.

What belongs here: the order, the folder, and what is answered. What does not: the phases (``phases``).
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from pydantic import JsonValue

from flext_pipelines.oud.migration.figures import ReviewedValue
from flext_pipelines.oud.migration.files import WrittenFile, storage, write_file
from flext_pipelines.oud.migration.html import html_report
from flext_pipelines.oud.migration.knowledge import Knowledge
from flext_pipelines.oud.migration.markdown import markdown_report
from flext_pipelines.oud.migration.opening import read_export, schema_phase
from flext_pipelines.oud.migration.outcome import REPORT_FILES, Migration, PhaseOutcome, outcome, phase_outcome
from flext_pipelines.oud.migration.plan import ACCESS_FILE, PHASES, EntryPhase, MigrationPlan, Phase
from flext_pipelines.oud.migration.report import Report
from flext_pipelines.oud.migration.reporting import make_report
from flext_pipelines.oud.migration.stage import MANIFEST, PhaseRecord, Stage, open_stage
from flext_pipelines.values import Progress, ignore_progress


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
    performed: list[PhaseOutcome] = []
    report: Report | None = None
    with open_stage(plan, begin, replace=replace) as stage, storage(stage.folder):
        knowledge = Knowledge(plan)
        for phase in PHASES[PHASES.index(begin) : PHASES.index(end) + 1]:
            on_progress(Progress(text=f"Phase {phase}"))
            began = time.perf_counter()
            if phase == "report":
                report = _report(plan, stage, began)
            else:
                record = _performed(phase, knowledge, stage, on_progress)
                seconds = time.perf_counter() - began
                stage.finish_phase(phase, record.model_copy(update={"seconds": round(seconds, 3)}))
            performed.append(phase_outcome(stage.state, phase))
    return outcome(plan.out, performed, report)


def _performed(
    phase: Phase, knowledge: Knowledge, stage: Stage, on_progress: Callable[[Progress], None]
) -> PhaseRecord:
    if phase == "schema":
        return schema_phase(knowledge, stage)
    results = read_export(knowledge, stage, on_progress) if phase == "read" else ()
    from flext_pipelines.oud.migration.phases import Phases  # late, see `opening`

    phases = Phases(knowledge, stage, on_progress)
    match phase:
        case "read":
            return phases.ordered(results)
        case "acls":
            return phases.acls()
        case "rejected":
            return phases.rejected()
        case _:
            return phases.entries(cast("EntryPhase", phase))


def _report(plan: MigrationPlan, stage: Stage, began: float) -> Report:
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
    stage.finish_phase("report", PhaseRecord(files=files, seconds=round(time.perf_counter() - began, 3)))
    _write_manifest(stage, (*report.files, *files))
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
