"""Applying rules to data: one new version, and every row accounted for.

Runs of row rules are one query each, streamed from Parquet to Parquet. Rules on the whole set are computed by
DuckDB in a work file. Nothing depends on how many threads work or how rows are cut into batches.

What belongs here: the order of steps, errors and what becomes of them, counts. What does not: a rule's SQL.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field, JsonValue

from flext_pipelines.data.dataset import DataReference, Draft, Manifest
from flext_pipelines.data.parts import PartWriter
from flext_pipelines.data.python_step import apply_hook
from flext_pipelines.data.row_steps import RowSteps, described, naming
from flext_pipelines.data.rules import Calculation, ColumnRename, DataType, Filter, Python, Rule, references_of
from flext_pipelines.data.set_steps import set_query
from flext_pipelines.data.sources import Origin, Tables, engine_with, origin_of
from flext_pipelines.errors import TransformFailedError
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from flext_pipelines.data.dataset_writer import DatasetWriter
    from flext_pipelines.data.engine import Engine
    from flext_pipelines.data.landing import LandingZone

ErrorHandling = Literal["fail", "skip", "quarantine"]
_SOURCE = "source"
_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class TransformRequest:
    """What to apply to what; see ``TransformDataCommand``."""

    source: DataReference
    output: str
    rules: tuple[Rule, ...]
    error_handling: ErrorHandling = "fail"
    max_error_percentage: float = 5.0
    chunk_size: int = 100_000
    max_workers: int | None = None
    memory: str = "1GB"
    idempotency_key: str | None = None
    fingerprint: str = ""


class StepCount(Value):
    """What one rule did.

    Attributes:
        rule: Its number, from 1.
        kind: Its kind.
        rows_in: Rows that reached it.
        rows_out: Rows that left it.
        errors: Rows that it could not treat; they went to quarantine or were skipped.
        filtered: Rows that it left out on purpose.
    """

    rule: int
    kind: str
    rows_in: int
    rows_out: int
    errors: int = 0
    filtered: int = 0


class Transformation(Value):
    """What a transform came to.

    Attributes:
        reference: The new version, for the next command.
        source: What it was made from.
        rows_in: Rows of the source.
        rows_out: Rows of the new version.
        errors: Rows with errors, of all rules.
        filtered: Rows that filters left out.
        quarantined: Rows with errors that were kept, with rule and reason.
        skipped: Rows with errors that were not kept.
        quarantine: Where they are kept.
        samples: The first few reasons.
        steps: Rule by rule.
        bytes: Size of the new version.
        checksum: Of the new version; equal for equal input and rules.
        columns: Arrow type by column.
        already_done: True when an earlier call with the same key made it.
    """

    reference: DataReference
    source: DataReference
    rows_in: int
    rows_out: int
    errors: int = 0
    filtered: int = 0
    quarantined: int = 0
    skipped: int = 0
    quarantine: DataReference | None = None
    samples: tuple[str, ...] = ()
    steps: tuple[StepCount, ...] = ()
    bytes: int
    checksum: str
    columns: dict[str, str]
    already_done: bool = Field(default=False)


@dataclass(slots=True)
class _Account:
    """Rows so far."""

    steps: list[StepCount] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)
    errors: int = 0
    filtered: int = 0


def transform(landing: LandingZone, tables: Tables | None, request: TransformRequest) -> Transformation:
    """Apply the rules and keep the result as a new version.

    Raises:
        TransformFailedError: Rows have errors and the policy is to fail, or they are too many.
        UsageError: A rule is wrong; names it by its number.
        NotFoundError: The source, or data that a rule reads, do not exist.
        AlreadyRunningError: The output is being written.
    """
    with landing.writer(request.output) as writer:
        done = landing.with_key(request.output, request.idempotency_key, request.fingerprint)
        if done is not None:
            return _transformation(done, already_done=True)
        origins = {_SOURCE: origin_of(landing, request.source)}
        for name, reference in references_of(request.rules).items():
            origins[name] = origin_of(landing, reference)
        scratch = writer.scratch() / "transform"
        with (
            landing.writer(f"{request.output}.quarantine") as quarantine,
            engine_with(scratch, origins, tables, threads=request.max_workers, memory=request.memory) as engine,
        ):
            work = _Work(request, engine, writer, quarantine)
            work.perform()
            kept = _keep_quarantine(landing, quarantine, request, origins[_SOURCE], work.account)
        account = work.account
        rows_in = account.steps[0].rows_in if account.steps else work.rows_in
        result = {
            "source": origins[_SOURCE].reference.model_dump(mode="json"),
            "rows_in": rows_in,
            "errors": account.errors,
            "filtered": account.filtered,
            "quarantined": kept.rows if kept else 0,
            "skipped": account.errors - (kept.rows if kept else 0),
            "quarantine": kept.reference.model_dump(mode="json") if kept else None,
            "samples": cast("JsonValue", account.samples),
            "steps": cast("JsonValue", [step.model_dump(mode="json") for step in account.steps]),
        }
        draft = Draft(
            mode="transform",
            source=str(origins[_SOURCE].reference),
            idempotency_key=request.idempotency_key,
            request=request.fingerprint,
            result=result,
        )
        return _transformation(writer.commit(draft, schema=work.schema), already_done=False)


def _keep_quarantine(
    landing: LandingZone, writer: DatasetWriter, request: TransformRequest, source: Origin, account: _Account
) -> Manifest | None:
    if request.error_handling != "quarantine" or not account.errors:
        return None
    # A run that died between the two versions left its quarantine behind whole; it is the same one.
    key = request.idempotency_key
    done = landing.with_key(writer.dataset, key, request.fingerprint)
    draft = Draft(
        mode="quarantine",
        source=f"{source.reference} on its way to {request.output}",
        idempotency_key=key,
        request=request.fingerprint,
    )
    return done or writer.commit(draft)


class _Work:
    """One transform at work."""

    def __init__(
        self, request: TransformRequest, engine: Engine, writer: DatasetWriter, quarantine: DatasetWriter
    ) -> None:
        self.account = _Account()
        self.rows_in = 0
        self._request = request
        self._engine = engine
        self._writer = writer
        self._quarantine = quarantine
        self._base = f"SELECT * FROM {_SOURCE}"  # noqa: S608  quoted names only
        self.schema = engine.schema(self._base)

    def perform(self) -> None:
        """Every rule, then the rows into the writer."""
        self.rows_in = self._engine.number(f"SELECT count(*) FROM {_SOURCE}")  # noqa: S608  quoted names only
        rows = self.rows_in
        numbered = list(enumerate(self._request.rules, 1))
        while numbered:
            number, rule = numbered[0]
            if isinstance(rule, (ColumnRename, DataType, Calculation, Filter)):
                steps = RowSteps(self._engine, self._base)
                while numbered and isinstance(numbered[0][1], (ColumnRename, DataType, Calculation, Filter)):
                    following, one = numbered.pop(0)
                    assert isinstance(one, (ColumnRename, DataType, Calculation, Filter))
                    steps.add(following, one)
                rows = self._row_rules(steps, rows)
                continue
            numbered.pop(0)
            with naming(number, rule):
                made = self._python(number, rule) if isinstance(rule, Python) else self._whole(number, rule)
            self.account.steps.append(StepCount(rule=number, kind=rule.kind, rows_in=rows, rows_out=made))
            rows = made
        self.schema = self._engine.schema(self._base)
        for batch in self._engine.stream(self._base):
            self._writer.append(batch)

    def _row_rules(self, steps: RowSteps, rows: int) -> int:
        """Count what each rule of a run did, and set the bad rows apart; rows that went through come back."""
        counts = steps.counts()
        bad = sum(count for mark, count in counts.items() if mark is not None and mark > 0)
        if bad:
            self._errors(steps, counts, bad, rows)
        for number, rule in steps.steps:
            errors, filtered = counts.get(number, 0), counts.get(-number, 0)
            out = rows - errors - filtered
            self.account.steps.append(
                StepCount(rule=number, kind=rule.kind, rows_in=rows, rows_out=out, errors=errors, filtered=filtered)
            )
            self.account.filtered += filtered
            rows = out
        self._base = steps.good
        return rows

    def _errors(self, steps: RowSteps, counts: dict[int | None, int], bad: int, rows: int) -> None:
        request = self._request
        samples = self._engine.run(f"SELECT _rule, _reason FROM ({steps.bad}) LIMIT {_SAMPLES}")  # noqa: S608  quoted names only
        told = [f"rule {number}: {reason}" for number, reason in samples]
        percent = 100 * bad / rows
        if request.error_handling == "fail" or percent > request.max_error_percentage:
            rules = {number: rule for number, rule in steps.steps if counts.get(number)}
            named = ", ".join(f"{described(number, rule)}: {counts[number]} rows" for number, rule in rules.items())
            limit = (
                "the policy is to fail"
                if request.error_handling == "fail"
                else f"{percent:.2f} % are more than the {request.max_error_percentage} % allowed"
            )
            raise TransformFailedError(
                f"{bad} of {rows} rows cannot be treated ({limit}): {named}; first {told[0]}",
                "Correct the rows or the rule, or set error_handling to quarantine and a higher max_error_percentage",
                {"rule": min(rules), "errors": bad, "rows": rows, "samples": told},
            )
        self.account.errors += bad
        self.account.samples += told[: _SAMPLES - len(self.account.samples)]
        if request.error_handling == "quarantine":
            for batch in self._engine.stream(steps.bad):
                self._quarantine.append(batch)

    def _whole(self, number: int, rule: Rule) -> int:
        assert not isinstance(rule, (ColumnRename, DataType, Calculation, Filter, Python))
        query = set_query(self._engine, self._base, number, rule)
        self._engine.run(f"CREATE TABLE step_{number} AS {query}")
        self._base = f"SELECT * FROM step_{number}"  # noqa: S608  quoted names only
        return self._engine.number(f"SELECT count(*) FROM step_{number}")  # noqa: S608  quoted names only

    def _python(self, number: int, rule: Python) -> int:
        folder = self._engine.scratch / f"step_{number}"
        folder.mkdir()
        parts = PartWriter(folder)
        rows = self._engine.stream(self._base, self._request.chunk_size)
        made = None
        try:
            for batch in apply_hook(rule, rows, self._engine.schema(self._base)):
                made = batch.schema
                parts.append(batch)
            written = parts.finish(made)
        finally:
            parts.abandon()
        self._engine.view(f"step_{number}", [folder / part.name for part in written])
        self._base = f"SELECT * FROM step_{number}"  # noqa: S608  quoted names only
        return parts.rows


def _transformation(manifest: Manifest, *, already_done: bool) -> Transformation:
    known = {
        **(manifest.result or {}),
        "reference": manifest.reference.model_dump(mode="json"),
        "rows_out": manifest.rows,
        "bytes": manifest.bytes,
        "checksum": manifest.checksum,
        "columns": {column.name: column.type for column in manifest.columns},
        "already_done": already_done,
    }
    return Transformation.model_validate_json(json.dumps(known))
