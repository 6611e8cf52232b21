"""Reading one table: where to start, what to ask for, and in which pieces."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any, Final

from singer_columnar.columns import Column, Kind
from singer_columnar.errors import SettingsError
from singer_columnar.pump import Pump
from singer_columnar.settings import FULL_TABLE, INCREMENTAL

from tap_flext_sql.bookmarks import (
    check_key,
    parse_value,
    signpost,
    step_back,
    stored_bookmark,
)
from tap_flext_sql.errors import ColumnMissingError
from tap_flext_sql.progress import FullProgress, KeyProgress
from tap_flext_sql.pump import QueryPart, in_background
from tap_flext_sql.query import Bound, TableQuery
from tap_flext_sql.readers.opening import open_reader
from tap_flext_sql.settings import TableOptions, options_for

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from singer_columnar.chunk import Chunk
    from singer_columnar.stopping import StopSignal

    from tap_flext_sql.catalog import TablePlan
    from tap_flext_sql.readers.protocol import Reader
    from tap_flext_sql.source import Source

_CLOCKED: Final = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ})


class TableRead:
    """One read of one table.

    Args:
        source: The database.
        config: The tap's settings.
        plan: What the catalog asks for.
        columns: The columns to read.
        limit: Most rows to read, None for all.
        stop: Ends waiting for the database.
        logger: For what a user should know.
    """

    def __init__(
        self,
        source: Source,
        config: Mapping[str, Any],
        plan: TablePlan,
        columns: Sequence[Column],
        limit: int | None,
        stop: StopSignal,
        logger: logging.Logger,
    ) -> None:
        self._source = source
        self._config = config
        self._plan = plan
        self._columns = tuple(columns)
        self._limit = limit
        self._stop = stop
        self._logger = logger
        self._progress: KeyProgress | None = None

    def _open(self, snapshot: str | None = None) -> Reader:
        return open_reader(self._source, self._config, snapshot)

    def _ask(self, question: Callable[[Reader], Any]) -> Any:
        """Ask something of a connection of its own."""

        def ask() -> Any:
            with contextlib.closing(self._open()) as reader:
                return question(reader)

        return in_background(ask, self._stop)

    @property
    def _options(self) -> TableOptions:
        return options_for(self._plan.table, list(self._plan.columns), self._config)

    # Where to start

    def begin(self, state: Mapping[str, Any]) -> KeyProgress | FullProgress:
        """Find where the read starts.

        Args:
            state: The stream's state.

        Returns:
            Its progress, at its start.

        Raises:
            SettingsError: If the replication method or key cannot be used.
        """
        plan = self._plan
        if plan.replication_method == FULL_TABLE:
            return FullProgress()
        if plan.replication_method != INCREMENTAL:
            raise SettingsError(
                f"Stream '{plan.name}' asks for replication method {plan.replication_method}",
                "This tap knows FULL_TABLE and INCREMENTAL.",
            )
        if plan.replication_key is None:
            raise SettingsError(
                f"Stream '{plan.name}' is to be read incrementally, but has no replication key",
                "Set replication-key in its metadata, or replication_method to FULL_TABLE.",
            )
        key = check_key(plan.columns.get(plan.replication_key), plan.replication_key, str(plan.table))
        progress = KeyProgress(key, stored_bookmark(state, key))
        self._logger.info("Stream '%s' starts at %s = %s", plan.name, key.name, progress.start)
        if key.kind in _CLOCKED:
            clock = self._ask(lambda reader: reader.clock())
            progress.limit = signpost(key, clock, self._config.get("timezone") or "UTC")
        self._progress = progress
        return progress

    def _start_value(self, progress: KeyProgress) -> Any:
        """The first key to read: the bookmark less the overlap, or a configured start; None to read from the start."""
        options = self._options
        if progress.start is not None:
            overlap = options.overlap
            seconds = overlap if overlap is not None else self._config.get("overlap_seconds") or 0
            count = overlap if overlap is not None else self._config.get("overlap_count") or 0
            return step_back(progress.column, progress.start, float(seconds), float(count))
        if options.start_value is not None:
            return parse_value(progress.column, options.start_value, "start_value")
        if progress.column.kind in _CLOCKED and self._config.get("start_date"):
            return parse_value(progress.column, self._config["start_date"], "start_date")
        return None

    def _end_value(self, progress: KeyProgress) -> Any:
        """The first key that is not read any more, such as the end of a partition; None to read to the end."""
        if progress.column.kind in _CLOCKED and self._config.get("end_date"):
            return parse_value(progress.column, self._config["end_date"], "end_date")
        return None

    # What to ask for

    def _base_query(self) -> TableQuery:
        plan = self._plan
        missing = sorted(plan.always_read - set(plan.columns))
        if missing:
            raise ColumnMissingError(
                f"Stream '{plan.name}' names column '{missing[0]}' as a key, which table '{plan.table}' does not have",
                "Correct the key in the catalog, or run discovery again.",
            )
        if not self._columns:
            raise SettingsError(f"No column of stream '{plan.name}' is selected", "Select one, or deselect the stream.")
        return TableQuery(plan.table, self._columns, limit=self._limit)

    def _keyed_queries(self, progress: KeyProgress) -> list[TableQuery]:
        key = progress.column
        keyed = dataclasses.replace(self._base_query(), key=key, null_keys=False)
        start, end = self._start_value(progress), self._end_value(progress)
        if start is not None or end is not None:
            self._warn_of_null_keys(key)
            ends = ((">=", start), ("<", end))
            bounds = tuple(Bound(key, sign, value) for sign, value in ends if value is not None)
            return [dataclasses.replace(keyed, bounds=bounds)]
        if key.nullable:
            # Without a bookmark the whole table is read. Rows without a key come first, before any bookmark is saved.
            return [dataclasses.replace(keyed, null_keys=True), keyed]
        return [keyed]

    def _warn_of_null_keys(self, key: Column) -> None:
        if not key.nullable or not self._config.get("count_null_keys", True):
            return
        count = self._ask(lambda reader: reader.count_null_keys(self._plan.table, key))
        if count:
            self._logger.warning(
                "Stream '%s': %d rows have no value in replication key '%s' and are left out; a full refresh reads "
                "them too",
                self._plan.name,
                count,
                key.name,
            )

    def _split_key(self) -> Column | None:
        """The column to split the table by; None when it is to be read in one piece."""
        from tap_flext_sql.ranges import SPLIT_KINDS

        options = self._options
        if self._ranges == 1 or self._limit is not None:
            return None
        keys = self._plan.key_properties
        name = options.split_key or (keys[0] if len(keys) == 1 else None)
        key = self._plan.columns.get(name) if name else None
        if key is not None and key.kind in SPLIT_KINDS and key.fits_int64:
            return key
        if options.split_key or options.split_ranges:
            raise SettingsError(
                f"Table '{self._plan.table}' cannot be split" + (f" by '{name}'" if name else ""),
                "Set split_key in table_options to an integer, date or timestamp column.",
            )
        return None

    @property
    def _ranges(self) -> int:
        return self._options.split_ranges or int(self._config.get("split_ranges") or 1)

    # Reading

    @contextlib.contextmanager
    def pump(self) -> Iterator[Pump[Chunk]]:
        """Read the rows, from where ``begin`` found.

        Yields:
            The chunks, in the order of the replication key or of the ranges.
        """
        progress = self._progress
        key = self._split_key() if progress is None else None
        if key is None:
            queries = [self._base_query()] if progress is None else self._keyed_queries(progress)
            with self._pumped(queries) as pump:
                yield pump
            return
        from tap_flext_sql.ranges import split

        base = self._base_query()
        keeper, snapshot, low, high = in_background(lambda: self._snapshot_and_range(base, key), self._stop)
        try:
            parallel = int(self._config.get("split_parallel") or 2)
            with self._pumped(split(base, key, low, high, self._ranges), snapshot, parallel) as pump:
                yield pump
        finally:
            keeper.close()

    def _pumped(self, queries: Sequence[TableQuery], snapshot: str | None = None, parallel: int = 1) -> Pump[Chunk]:
        return Pump([QueryPart(lambda: self._open(snapshot), query) for query in queries], self._stop, parallel)

    def _snapshot_and_range(self, base: TableQuery, key: Column) -> tuple[Reader, str | None, Any, Any]:
        """A connection whose snapshot the ranges share, as long as it is open, and the ends of the key."""
        keeper = self._open()
        try:
            low, high = keeper.key_range(base, key)
            return keeper, keeper.share_snapshot(), low, high
        except BaseException:
            keeper.close()
            raise
