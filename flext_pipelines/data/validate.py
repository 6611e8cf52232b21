"""Holding data against a contract: every check counted, the failing rows kept with their reasons.

What belongs here: counting, keeping, judging, the report. What does not: what a check asks (``checks``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flext_pipelines.data.checks import DATA, Compiler, RowCheck, references_of
from flext_pipelines.data.contract import Contract, Severity
from flext_pipelines.data.dataset import DataReference, Draft, name_for
from flext_pipelines.data.engine import Engine, identifier, literal
from flext_pipelines.data.sources import Tables, engine_with, origin_of
from flext_pipelines.errors import ContractBrokenError
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flext_pipelines.data.landing import LandingZone
    from flext_pipelines.data.sources import Origin

REASONS = "_reasons"
MOST_FAILING_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class ValidateRequest:
    """What to hold against what; see ``ValidateDataCommand``."""

    source: DataReference
    contract: Contract
    contract_name: str
    strict: bool = False
    max_failing_rows: int = MOST_FAILING_ROWS
    as_of: datetime | None = None
    max_workers: int | None = None
    idempotency_key: str | None = None
    fingerprint: str = ""


class CheckResult(Value):
    """What one check found.

    Attributes:
        name: ``<column>.<check>``, or the expression's name.
        column: The column, if it is about one.
        severity: Whether a failure breaks the contract.
        failing: Rows that fail; for a check on the whole 0 or 1.
        percent: The same, of all rows.
        tolerated: The threshold in words.
        passed: Whether ``failing`` is within it.
        reason: What failing means.
    """

    name: str
    column: str | None
    severity: Severity
    failing: int
    percent: float
    tolerated: str
    passed: bool
    reason: str


class ValidationReport(Value):
    """Data held against a contract.

    Attributes:
        reference: The data, with the version; the next command takes it.
        contract: Name of the contract.
        rows: How many rows were checked.
        failing_rows: Rows that fail any check, warnings included.
        checks: Every check, in the order of the contract.
        failing: Dataset with the failing rows and their reasons in ``_reasons``; None without any.
        failing_kept: How many of them it holds; the rest is only counted.
        passed: Whether the contract is kept.
    """

    reference: DataReference
    contract: str
    rows: int
    failing_rows: int
    checks: tuple[CheckResult, ...]
    failing: DataReference | None
    failing_kept: int
    passed: bool


def validate(landing: LandingZone, tables: Tables | None, request: ValidateRequest) -> ValidationReport:
    """Hold data against a contract.

    Raises:
        ContractBrokenError: It is broken beyond a threshold; details carry the report.
        ConfigError: The contract does not fit the data.
        NotFoundError: The data, or what the contract refers to, do not exist.
    """
    origin = origin_of(landing, request.source)
    report = _report(landing, tables, request, origin)
    if report.passed:
        return report
    broken = [check for check in report.checks if not check.passed and _counts(check, strict=request.strict)]
    listed = "; ".join(f"{check.name}: {check.reason} ({check.failing} rows)" for check in broken[:5])
    raise ContractBrokenError(
        f"{report.reference} breaks {request.contract_name!r} in {len(broken)} of {len(report.checks)} checks: "
        f"{listed}",
        f"Look at the failing rows in {report.failing}" if report.failing else "Correct the data, or the contract",
        {"report": report.model_dump(mode="json"), "failing": str(report.failing) if report.failing else None},
    )


def _counts(check: CheckResult, *, strict: bool) -> bool:
    return strict or check.severity == "error"


def _report(landing: LandingZone, tables: Tables | None, request: ValidateRequest, origin: Origin) -> ValidationReport:
    referred = {str(reference): reference for reference in references_of(request.contract)}
    relations = {text: f"referred_{number}" for number, text in enumerate(referred, 1)}
    origins = {DATA: origin, **{relations[text]: origin_of(landing, one) for text, one in referred.items()}}
    with (
        landing.writer(failing_dataset(origin.reference)) as writer,
        engine_with(writer.scratch() / "validate", origins, tables, threads=request.max_workers) as engine,
    ):
        compiler = Compiler(engine, request.contract, relations, request.as_of or datetime.now(UTC))
        compiler.compile()
        rows, failing_rows, counts = _count(engine, compiler.rows)
        checks = _results(compiler, rows, counts)
        kept: DataReference | None = None
        kept_rows = 0
        if failing_rows and request.max_failing_rows:
            done = landing.with_key(writer.dataset, request.idempotency_key, request.fingerprint)
            if done is None:
                for batch in engine.stream(_failing(engine, compiler.rows, counts, request.max_failing_rows)):
                    writer.append(batch)
                done = writer.commit(
                    Draft(
                        mode="failing",
                        source=f"{origin.reference} against {request.contract_name}",
                        idempotency_key=request.idempotency_key,
                        request=request.fingerprint,
                    )
                )
            kept, kept_rows = done.reference, done.rows
    return ValidationReport(
        reference=origin.reference,
        contract=request.contract_name,
        rows=rows,
        failing_rows=failing_rows,
        checks=checks,
        failing=kept,
        failing_kept=kept_rows,
        passed=all(check.passed or not _counts(check, strict=request.strict) for check in checks),
    )


def failing_dataset(reference: DataReference) -> str:
    """Where the failing rows of some data are kept: beside them, under ``<name>.failing``."""
    if reference.dataset is not None:
        return name_for(reference.dataset, "failing")
    return name_for((reference.table or reference.files[0]).rpartition("/")[2], "failing")


def _count(engine: Engine, checks: Sequence[RowCheck]) -> tuple[int, int, list[int]]:
    """All rows, rows that fail any check, rows that fail each: one pass over the data."""
    if not checks:
        return engine.number(f"SELECT count(*) FROM {DATA}"), 0, []  # noqa: S608  quoted names only
    flags = ", ".join(f"coalesce(({check.fails}), false) AS f{number}" for number, check in enumerate(checks))
    any_of = " OR ".join(f"f{number}" for number in range(len(checks)))
    sums = ", ".join(f"count(*) FILTER (f{number})" for number in range(len(checks)))
    found = engine.one(f"SELECT count(*), count(*) FILTER ({any_of}), {sums} FROM (SELECT {flags} FROM {DATA})")  # noqa: S608  quoted names only
    total, failing, *each = (int(str(value)) for value in found)
    return total, failing, each


def _failing(engine: Engine, checks: Sequence[RowCheck], counts: Sequence[int], most: int) -> str:
    """The failing rows with a list of reasons; only checks that found any are asked again."""
    asked = [check for check, count in zip(checks, counts, strict=True) if count]
    told = ", ".join(
        f"CASE WHEN ({check.fails}) THEN {literal(f'{check.name}: {check.reason}')} END" for check in asked
    )
    reasons = f"list_filter([{told}], lambda reason: reason IS NOT NULL)"
    # Failing rows may be checked again; their old reasons make room for the new ones.
    columns = ", ".join(identifier(name) for name in engine.columns(DATA) if name.casefold() != REASONS)
    judged = f"SELECT {columns}, {reasons} AS {REASONS} FROM {DATA}"  # noqa: S608  quoted names
    return f"SELECT * FROM ({judged}) WHERE len({REASONS}) > 0 LIMIT {most}"  # noqa: S608  quoted names only


def _results(compiler: Compiler, rows: int, counts: Sequence[int]) -> tuple[CheckResult, ...]:
    of_rows = [
        CheckResult(
            name=check.name,
            column=check.column,
            severity=check.severity,
            failing=count,
            percent=100 * count / rows if rows else 0.0,
            tolerated=str(check.threshold),
            passed=check.threshold.tolerates(count, rows),
            reason=check.reason,
        )
        for check, count in zip(compiler.rows, counts, strict=True)
    ]
    of_all = [
        CheckResult(
            name=verdict.name,
            column=verdict.column,
            severity=verdict.severity,
            failing=0 if verdict.met else 1,
            percent=0.0,
            tolerated="none",
            passed=verdict.met,
            reason=verdict.reason,
        )
        for verdict in compiler.verdicts
    ]
    return (*of_all, *of_rows)
