"""The phases before there are arrays: schema, and reading the export.

They come before numpy is imported, whose threads would keep workers from being forked.

What belongs here: these two. What does not: the other phases (``phases``).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable

from pydantic import JsonValue

from flext_pipelines.oud.migration.figures import PartResult
from flext_pipelines.oud.migration.files import write_file
from flext_pipelines.oud.migration.knowledge import Knowledge
from flext_pipelines.oud.migration.parts import read_parts
from flext_pipelines.oud.migration.stage import PhaseRecord, Stage
from flext_pipelines.values import Progress

SCHEMA_FILE = "00-schema/99-user.ldif"


def schema_phase(knowledge: Knowledge, stage: Stage) -> PhaseRecord:
    """``99-user.ldif``, and every finding."""
    schema = knowledge.schema
    findings: list[JsonValue] = [dict(finding._asdict()) for finding in schema.findings]
    figures: dict[str, JsonValue] = {
        "given": knowledge.plan.schema_file is not None, "read": schema.read, "attributes": schema.attributes_written,
        "classes": schema.classes_written, "findings": findings,
    }  # fmt: skip
    if knowledge.plan.schema_file is None:
        return PhaseRecord(result=figures)
    file = write_file(stage.folder, SCHEMA_FILE, b"".join(schema.lines()), 1)
    return PhaseRecord(files=(file,), result=figures)


def read_export(knowledge: Knowledge, stage: Stage, on_progress: Callable[[Progress], None]) -> list[PartResult]:
    """Read the export into spools."""
    folder = stage.work / "parts"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return read_parts(knowledge.plan, knowledge.transform, folder, on_progress=on_progress)
