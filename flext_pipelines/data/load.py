"""Loading data into a table: once, whole, verified.

A journal table in the target says how many rows of which load are in. It changes in the transaction that brings
the rows, so a load that was killed anywhere goes on where it stood, and one that is done is not done again.

What belongs here: the order of things, the journal, the counts. What does not: a database (``warehouse``).
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flext_pipelines.data.load_request import KEYED, Load, LoadRequest
from flext_pipelines.data.load_source import LoadSource, load_source
from flext_pipelines.data.sources import Origin, Tables, origin_of
from flext_pipelines.data.warehouse.dialect import JOURNAL_COLUMNS
from flext_pipelines.data.warehouse.table_name import TableName
from flext_pipelines.errors import ConflictError, ContractBrokenError, LoadFailedError, NotFoundError
from flext_pipelines.values import Progress, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

    from flext_pipelines.data.landing import LandingZone
    from flext_pipelines.data.warehouse.target import Target

JOURNAL = "_flext_loads"
_REPLACING = ", replacing"
"""What the journal adds to the mode of a load after which the table holds these rows and no others."""


@dataclass(slots=True)
class _Progress:
    """The journal's row of one load."""

    rows_done: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    rows_before: int = 0
    batches: int = 0
    finished: int = 0


def load(
    landing: LandingZone,
    tables: Tables | None,
    target: Target,
    request: LoadRequest,
    scratch: Path,
    on_progress: Callable[[Progress], None] = ignore_progress,
) -> Load:
    """Load data into a table; the target is closed afterwards.

    Raises:
        UsageError: The request contradicts itself, or names columns that are not there.
        NotFoundError: The data do not exist, or the table does not and may not be created.
        ContractBrokenError: The rows do not fit: their number, a null key, a type.
        LoadFailedError: The target refused, or its counts do not agree.
    """
    with closing(target):
        request.check()
        origin = origin_of(landing, request.source)
        unique_by = request.dedup_keys or (request.merge_keys if request.mode in KEYED else ())
        keys = request.merge_keys if request.mode in KEYED else ()
        with load_source(
            scratch, origin, tables, unique_by=unique_by, keys=keys, order_by=request.dedup_order_by
        ) as source:
            _check_expected(request, source)
            return _Loading(target, request, source, origin, on_progress).perform()


def _check_expected(request: LoadRequest, source: LoadSource) -> None:
    read = source.total + source.deduplicated
    if request.expected_record_count is not None and read != request.expected_record_count:
        raise ContractBrokenError(
            f"{request.source} holds {read} rows, {request.expected_record_count} were expected; nothing was loaded",
            "Extract it again, or correct expected_record_count",
            {"rows": read, "expected": request.expected_record_count},
        )


class _Loading:
    """One load at work."""

    def __init__(
        self,
        target: Target,
        request: LoadRequest,
        source: LoadSource,
        origin: Origin,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._target = target
        self._dialect = target.dialect
        self._request = request
        self._source = source
        self._origin = origin
        self._on_progress = on_progress
        self._journal = TableName(request.table.schema, JOURNAL)
        self._names = [*source.schema.names]
        self._added: tuple[str, ...] = ()
        self._id = self._load_id()

    def perform(self) -> Load:
        """Load what is not in yet."""
        request = self._request
        exists = bool(self._target.columns(request.table))
        self._prepare(exists=exists)
        at = self._remembered()
        resumed = at.rows_done
        if at.finished:
            self._target.rollback()
            return self._result(at, resumed, already=True)
        if request.at_once:
            at = self._all_at_once()
        else:
            for batch in self._source.batches(request.batch_size, at.rows_done):
                self._target.lock(request.table)
                self._expect(at)
                self._bring(batch, at)
                at.finished = int(at.rows_done == self._source.total)
                self._remember(at)
                self._target.commit()
                self._told(at)
            if not at.finished:
                at.finished = 1  # nothing to load is done, too
                self._remember(at)
                self._target.commit()
        self._verify(at)
        return self._result(at, resumed, already=False)

    def _load_id(self) -> str:
        """What makes two loads the same: these bytes, into this table, in this way."""
        request, origin = self._request, self._origin
        parts = [
            str(origin.reference),
            origin.checksum or "",
            str(request.table),
            request.mode,
            list(request.merge_keys),
            list(request.dedup_keys),
            request.dedup_order_by,
            request.delete_missing,
            request.truncate,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def _prepare(self, *, exists: bool) -> None:
        """Tables and columns, before the first row: some databases commit when one is made."""
        request, target = self._request, self._target
        if request.create_table:
            self._prepare_schema()
        if not target.columns(self._journal):
            target.execute(self._dialect.create_journal(self._journal))
        if not exists:
            if not request.create_table:
                raise NotFoundError(
                    f"There is no table {request.table}",
                    "Create it, or switch create_table on",
                    {"table": str(request.table)},
                )
            # What the journal knows of a table that is gone is not in it any more.
            self._forget(all_of_table=True)
            keys = request.merge_keys if request.mode in KEYED else ()
            target.execute(self._dialect.create_table(request.table, self._source.schema, keys))
        else:
            self._match_columns()
        if request.reload or self._origin.checksum is None:
            # Plain files and tables may have other rows today under the same name.
            self._forget(all_of_table=False)
        target.commit()

    def _prepare_schema(self) -> None:
        """The schema, where the table names one that is not there; asked first, since creating needs a privilege."""
        table, query = self._request.table, self._dialect.schema_exists()
        if table.schema and query and not self._target.fetch(query, (table.schema,)):
            self._target.execute(self._dialect.create_schema(table))

    def _match_columns(self) -> None:
        have = {name.casefold(): name for name in self._target.columns(self._request.table)}
        missing = [field for field in self._source.schema if field.name.casefold() not in have]
        if missing and not self._request.add_columns:
            raise ContractBrokenError(
                f"Table {self._request.table} has no column {', '.join(field.name for field in missing)}",
                "Add them, or switch add_columns on",
                {"table": str(self._request.table), "columns": [field.name for field in missing]},
            )
        for field in missing:
            self._target.execute(self._dialect.add_column(self._request.table, field))
        self._added = tuple(field.name for field in missing)

    def _all_at_once(self) -> _Progress:
        """Replace or reconcile the whole table in one transaction."""
        request, target = self._request, self._target
        target.lock(request.table)
        at = _Progress(rows_before=self._count())
        if request.mode == "overwrite" or request.truncate:
            at.deleted = at.rows_before
            target.execute(f"DELETE FROM {self._dialect.table(request.table)}")  # noqa: S608  a quoted name
        self._forget(all_of_table=True)
        for batch in self._source.batches(request.batch_size, 0):
            self._bring(batch, at)
            self._told(at)
        if request.delete_missing:
            at.deleted += self._delete_missing()
        at.finished = 1
        self._remember(at)
        target.commit()
        return at

    def _delete_missing(self) -> int:
        keys = list(self._request.merge_keys)
        stage = ""
        for number, batch in enumerate(self._source.batches(self._request.batch_size, 0)):
            stage = self._target.stage(batch.select(keys), append=number > 0)
        if not stage:
            stage = self._target.stage(self._source.schema.empty_table().select(keys))
        return self._target.execute(self._dialect.delete_missing(self._request.table, stage, keys))

    def _bring(self, batch: pa.Table, at: _Progress) -> None:
        """One batch into the table, its counts checked before the transaction ends."""
        request, target, dialect = self._request, self._target, self._dialect
        stage = target.stage(batch)
        if request.mode not in KEYED:
            inserted = target.execute(dialect.insert(request.table, stage, self._names))
            self._agree(inserted, batch.num_rows, "inserted")
        else:
            keys = request.merge_keys
            new = int(str(target.fetch(dialect.missing(request.table, stage, keys))[0][0]))
            update = dialect.update_existing(
                request.table, stage, self._names, keys, changed_only=request.mode == "merge"
            )
            updated = target.execute(update) if update is not None else 0
            inserted = target.execute(dialect.insert_new(request.table, stage, self._names, keys))
            self._agree(inserted, new, "inserted")
            if request.mode == "upsert" and update is not None:
                self._agree(updated, batch.num_rows - new, "updated")
            at.updated += updated
        at.inserted += inserted
        at.rows_done += batch.num_rows
        at.batches += 1

    def _agree(self, found: int, wanted: int, what: str) -> None:
        if found != wanted:
            raise LoadFailedError(
                f"{self._request.table}: {found} rows were {what} where {wanted} should be; the batch was undone",
                "See that no key stands twice in the table, and that no trigger or rule changes rows",
                {"table": str(self._request.table), "found": found, "expected": wanted},
            )

    def _verify(self, at: _Progress) -> None:
        """Count what the table holds now."""
        if not self._request.post_load_validation:
            return
        wanted = at.rows_before + at.inserted - at.deleted
        found = self._count()
        if found != wanted:
            raise LoadFailedError(
                f"{self._request.table} holds {found} rows where {wanted} should be: "
                f"{at.rows_before} before, {at.inserted} inserted, {at.deleted} deleted",
                "The rows are loaded; something else changed the table meanwhile. Compare it with the source",
                {"table": str(self._request.table), "found": found, "expected": wanted},
            )

    def _count(self) -> int:
        table = self._dialect.table(self._request.table)
        return int(str(self._target.fetch(f"SELECT count(*) FROM {table}")[0][0]))  # noqa: S608  a quoted name

    def _remembered(self) -> _Progress:
        fields = ("rows_done", "inserted", "updated", "deleted", "rows_before", "batches", "finished")
        rows = self._target.fetch(
            f"SELECT {', '.join(fields)} FROM {self._dialect.table(self._journal)} "  # noqa: S608  our own names
            f"WHERE load_id = {self._dialect.mark(1)}",
            [self._id],
        )
        if not rows:
            return _Progress(rows_before=self._count())
        return _Progress(*(int(str(value)) for value in rows[0]))

    def _expect(self, at: _Progress) -> None:
        """With the table locked: nobody else has gone on with this load meanwhile."""
        now = self._remembered()
        if now.rows_done != at.rows_done:
            raise ConflictError(
                f"Another process is loading {self._origin.reference} into {self._request.table}",
                "Let it finish; run this again afterwards, and it finds everything loaded",
                {"table": str(self._request.table)},
            )

    def _remember(self, at: _Progress) -> None:
        values: dict[str, object] = {
            "load_id": self._id,
            "dataset": str(self._origin.reference)[:1000],
            "checksum": self._origin.checksum or "",
            "target_table": str(self._request.table),
            "load_mode": f"{self._request.mode}{_REPLACING if self._request.at_once else ''}",
            "rows_total": self._source.total,
            "rows_done": at.rows_done,
            "inserted": at.inserted,
            "updated": at.updated,
            "deleted": at.deleted,
            "rows_before": at.rows_before,
            "batches": at.batches,
            "finished": at.finished,
            "loaded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        assert list(values) == [name for name, _ in JOURNAL_COLUMNS]
        self._forget(all_of_table=False)
        self._forget_replacements()
        marks = ", ".join(self._dialect.mark(number) for number in range(1, len(values) + 1))
        self._target.execute(
            f"INSERT INTO {self._dialect.table(self._journal)} ({', '.join(values)}) VALUES ({marks})",  # noqa: S608  quoted names only
            list(values.values()),
        )

    def _forget(self, *, all_of_table: bool) -> None:
        column, value = ("target_table", str(self._request.table)) if all_of_table else ("load_id", self._id)
        self._target.execute(
            f"DELETE FROM {self._dialect.table(self._journal)} WHERE {column} = {self._dialect.mark(1)}",  # noqa: S608  quoted names only
            [value],
        )

    def _forget_replacements(self) -> None:
        """The table does not hold just what an earlier replacement of it left, from this load on."""
        self._target.execute(
            f"DELETE FROM {self._dialect.table(self._journal)} "  # noqa: S608  quoted names only
            f"WHERE target_table = {self._dialect.mark(1)} AND load_mode LIKE {self._dialect.mark(2)}",
            [str(self._request.table), f"%{_REPLACING}"],
        )

    def _told(self, at: _Progress) -> None:
        self._on_progress(Progress(kind="count", stream=str(self._request.table), side="loaded", rows=at.rows_done))

    def _result(self, at: _Progress, resumed: int, *, already: bool) -> Load:
        unchanged = at.rows_done - at.inserted - at.updated if self._request.mode in KEYED else 0
        rows = self._count()
        self._target.rollback()
        return Load(
            reference=self._origin.reference,
            table=str(self._request.table),
            mode=self._request.mode,
            rows_read=self._source.total + self._source.deduplicated,
            deduplicated=self._source.deduplicated,
            inserted=at.inserted,
            updated=at.updated,
            unchanged=unchanged,
            deleted=at.deleted,
            rows_in_table=rows,
            batches=at.batches,
            resumed_at=0 if already else resumed,
            already_loaded=already,
            verified=self._request.post_load_validation and not already,
            columns_added=self._added,
        )
