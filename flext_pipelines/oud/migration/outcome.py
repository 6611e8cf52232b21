"""What a migration, or a part of one, came to: the answer of who asked for it.

What belongs here: this value, and reading it back from a folder. What does not: performing.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from flext_pipelines.errors import NotFoundError
from flext_pipelines.oud.migration.figures import Counters
from flext_pipelines.oud.migration.plan import Phase
from flext_pipelines.oud.migration.report import Caution, Need, Report, load_report
from flext_pipelines.oud.migration.stage import State, partial_folder, read_state
from flext_pipelines.values import Value

REPORT_FILES = ("report.json", "report.md", "report.html")
MOST_SHOWN = 50
"""Needs and warnings of an answer; the report holds all."""


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
    warnings: tuple[Caution, ...] = ()
    report: str | None = None
    markdown: str | None = Field(default=None, repr=False)


def outcome_in(out: Path, performed: tuple[Phase, ...]) -> Migration:
    """What the folder of a result says, or the hidden one beside it while it is not whole.

    Args:
        out: The folder.
        performed: The phases to speak of.

    Raises:
        NotFoundError: There is neither.
    """
    hidden = partial_folder(out)
    whole = "report" in performed or not hidden.exists()
    state = read_state(out if whole else hidden)
    report = load_report(out / REPORT_FILES[0]) if whole else None
    return outcome(out, [phase_outcome(state, phase) for phase in performed if phase in state.phases], report)


def outcome(out: Path, performed: list[PhaseOutcome], report: Report | None) -> Migration:
    """The answer."""
    from flext_pipelines.oud.migration.markdown import markdown_report

    return Migration(
        out=str(out),
        complete=report is not None,
        performed=tuple(performed),
        counters=report.account.counters if report else None,
        needs=report.needs[:MOST_SHOWN] if report else (),
        warnings=report.warnings[:MOST_SHOWN] if report else (),
        report=str(out / REPORT_FILES[2]) if report else None,
        markdown=markdown_report(report) if report else None,
    )


def phase_outcome(state: State, phase: Phase) -> PhaseOutcome:
    """A finished phase in figures."""
    record = state.phases[phase]
    return PhaseOutcome(
        phase=phase,
        files=len(record.files),
        records=sum(file.records or 0 for file in record.files),
        bytes=sum(file.size for file in record.files),
        seconds=record.seconds,
    )


def report_in(out: Path) -> Report:
    """The report of a result.

    Raises:
        NotFoundError: There is none.
    """
    path = out / REPORT_FILES[0]
    if not path.exists():
        raise NotFoundError(
            f"There is no report in {out}", "Name the folder that a migration wrote", {"folder": str(out)}
        )
    return load_report(path)
