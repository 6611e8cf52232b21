"""DuckDB, locked in: it reads the files it was given, and nothing else of this machine or the network.

Every computation of the data domain runs in one: contracts, transforms, exports, deltas. Work larger than its
memory goes to files in a scratch folder. Access is shut and the configuration locked before any text of a user
is seen, so that even an expression that slipped through the checks of ``expressions`` could reach nothing.

What belongs here: opening, quoting, running, streaming, errors. What does not: any query.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Self

from flext_pipelines.errors import FlextError, InternalError, StorageFullError, UnavailableError, UsageError
from flext_pipelines.settings import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    import duckdb
    import pyarrow as pa

ROWS_PER_BATCH = 122_880
DEFAULT_MEMORY = "1GB"
_FULL = re.compile(r"no space left|file too large|disk quota|max_temp_directory_size", re.IGNORECASE)
_PLACE = re.compile(r"(?:\n+LINE \d+:|\s*Candidate functions:).*", re.DOTALL)


def identifier(name: str) -> str:
    """A name quoted for SQL: whatever it holds, it is one name.

    Raises:
        UsageError: It holds a zero byte, or nothing.
    """
    if not name or "\x00" in name:
        raise UsageError(f"{name!r} is no column name", "Name a column")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text quoted for SQL: whatever it holds, it is one value.

    Raises:
        UsageError: It holds a zero byte.
    """
    if "\x00" in text:
        raise UsageError("A text with a zero byte cannot be part of a query", "Remove the zero byte")
    return "'" + text.replace("'", "''") + "'"


class Engine:
    """One locked-in DuckDB, for as long as the ``with`` block lasts.

    Args:
        scratch: Folder for what does not fit into memory; made, and emptied at the end. Files in it may be used.
        read: Files that may be read.
        write: Files that may be written.
        threads: How many to use; None leaves it to DuckDB.
        memory: Most memory before work goes to the scratch folder, such as ``1GB``.
    """

    def __init__(
        self,
        scratch: Path,
        *,
        read: Sequence[Path] = (),
        write: Sequence[Path] = (),
        threads: int | None = None,
        memory: str = DEFAULT_MEMORY,
    ) -> None:
        self.scratch = scratch
        self._allowed = [str(path) for path in (*read, *write)]
        self._threads = threads
        self._memory = memory
        self._connection: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        """Open, allow the files, lock."""
        import duckdb

        make_private(self.scratch)
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": self._memory,
            "temp_directory": str(self.scratch / "spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "preserve_insertion_order": True,
        }
        if self._threads is not None:
            config["threads"] = self._threads
        self._database = self.scratch / "engine.duckdb"
        self._remove()  # whoever was killed here before us
        self._connection = duckdb.connect(str(self._database), config=config)
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute(f"SET allowed_directories = [{literal(f'{self.scratch}/')}]")
        self._connection.execute(f"SET allowed_paths = [{', '.join(literal(path) for path in self._allowed)}]")
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, and remove the work file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._remove()

    def _remove(self) -> None:
        for leftover in (self._database, self._database.with_suffix(".duckdb.wal")):
            leftover.unlink(missing_ok=True)
        shutil.rmtree(self.scratch / "spill", ignore_errors=True)

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The open connection."""
        assert self._connection is not None, "an Engine is used in a with block"
        return self._connection

    def run(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Run one statement; its rows come back, so it should have few.

        Raises:
            UsageError: DuckDB does not understand it, or a column does not exist.
            StorageFullError: The scratch folder's disk is full.
            UnavailableError: Memory is not enough.
        """
        import duckdb

        try:
            return self.connection.execute(sql, list(parameters) or None).fetchall()
        except duckdb.Error as error:
            raise engine_error(error) from error

    def one(self, sql: str, parameters: Sequence[object] = ()) -> tuple[object, ...]:
        """The one row of a query."""
        return self.run(sql, parameters)[0]

    def number(self, sql: str) -> int:
        """The one whole number of a query."""
        value = self.one(sql)[0]
        return int(value) if isinstance(value, int) else 0

    def columns(self, relation: str) -> dict[str, str]:
        """Names and DuckDB types of a relation's columns."""
        return {str(row[0]): str(row[1]) for row in self.run(f"DESCRIBE FROM {relation}")}

    def view(self, name: str, files: Sequence[Path]) -> None:
        """Give Parquet files a name; columns that some files lack are null in those."""
        paths = ", ".join(literal(str(path)) for path in files)
        scan = f"read_parquet([{paths}], union_by_name = true)"
        self.run(f"CREATE VIEW {identifier(name)} AS SELECT * FROM {scan}")  # noqa: S608  quoted paths

    def alias(self, name: str, known: str) -> None:
        """Give a relation a second name."""
        self.run(f"CREATE VIEW {identifier(name)} AS FROM {identifier(known)}")

    def table(self, name: str, reader: pa.RecordBatchReader) -> None:
        """Copy a stream of rows into a table of the work file."""
        import duckdb

        incoming = f"incoming_{name}"
        try:
            self.connection.register(incoming, reader)
            self.connection.execute(f"CREATE TABLE {identifier(name)} AS FROM {identifier(incoming)}")
            self.connection.unregister(incoming)
        except duckdb.Error as error:
            raise engine_error(error) from error

    def schema(self, sql: str) -> pa.Schema:
        """The Arrow schema of a query's rows."""
        return self._reader(f"SELECT * FROM ({sql}) LIMIT 0").schema  # noqa: S608  the query is ours

    def stream(self, sql: str, rows: int = ROWS_PER_BATCH) -> Iterator[pa.RecordBatch]:
        """A query's rows in order, batch by batch; memory stays flat."""
        import duckdb

        try:
            yield from self._reader(sql, rows)
        except (duckdb.Error, OSError) as error:
            raise engine_error(error) from error

    def _reader(self, sql: str, rows: int = ROWS_PER_BATCH) -> pa.RecordBatchReader:
        import duckdb

        try:
            reader: pa.RecordBatchReader = self.connection.sql(sql).to_arrow_reader(rows)
        except duckdb.Error as error:
            raise engine_error(error) from error
        return reader


def message_of(error: Exception) -> str:
    """What DuckDB says, without its picture of the query."""
    return _PLACE.sub("", str(error)).strip()


def engine_error(error: Exception) -> FlextError:
    """Ours for an error of DuckDB: a full disk, too little memory, a query that makes no sense."""
    import duckdb

    text = message_of(error)
    if _FULL.search(text):
        return StorageFullError(
            f"No room is left for work in progress: {text}", "Free space below the landing zone, then run it again"
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return UnavailableError(
            f"The memory given does not suffice: {text}", "Use fewer workers (max_workers), or give it more memory"
        )
    if isinstance(error, (duckdb.ProgrammingError, duckdb.NotSupportedError, duckdb.DataError)):
        return UsageError(text, "Correct the expression, or the names in it")
    if isinstance(error, duckdb.IOException):
        return UnavailableError(f"A file cannot be read: {text}", "See that it exists and is whole")
    return InternalError(f"DuckDB failed: {text}", "This is a fault in flext-pipelines", {"type": type(error).__name__})
