"""DuckDB as a target: a file of this machine.

What belongs here: its connection, staging and errors. What does not: what is loaded.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from flext_pipelines.data.engine import message_of
from flext_pipelines.data.warehouse.dialect import Dialect
from flext_pipelines.data.warehouse.table_name import TableName
from flext_pipelines.data.warehouse.target import no_such_table
from flext_pipelines.errors import (
    ContractBrokenError,
    FlextError,
    LoadFailedError,
    StorageFullError,
    UnavailableError,
)
from flext_pipelines.settings import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import duckdb
    import pyarrow as pa

_STAGE = "flext_stage"
_ARRIVING = "flext_arriving"
_FULL = ("no space left", "file too large", "disk quota")


class DuckDBTarget:
    """A DuckDB file, open for this process alone.

    Args:
        path: The file; made if it does not exist.

    Raises:
        UnavailableError: Another process has it open.
    """

    def __init__(self, path: Path) -> None:
        import duckdb

        self.dialect = Dialect("duckdb")
        self._path = path
        make_private(path.parent)
        try:
            self._connection = duckdb.connect(str(path), config={"autoinstall_known_extensions": False})
            self._connection.execute("SET TimeZone = 'UTC'")
        except duckdb.Error as error:
            raise _ours(error, path) from error
        self._open = False

    def columns(self, table: TableName) -> dict[str, str]:
        """Database type by column."""
        where = "table_schema = $2" if table.schema else "table_schema = current_schema() AND $2 = ''"
        rows = self.fetch(
            "SELECT column_name, data_type FROM information_schema.columns "  # noqa: S608  one of two texts of ours
            f"WHERE table_name = $1 AND {where} AND table_catalog = current_database() ORDER BY ordinal_position",
            [table.name, table.schema or ""],
        )
        return {str(name): str(kind) for name, kind in rows}

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run a statement."""
        rows = self._run(sql, parameters)
        return rows[0][0] if rows and len(rows[0]) == 1 and isinstance(rows[0][0], int) else -1

    def fetch(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Rows of a query."""
        return self._run(sql, parameters)

    def stage(self, rows: pa.Table, *, append: bool = False) -> str:
        """Put rows into a temporary table."""
        import duckdb

        self._begin()
        try:
            self._connection.register(_ARRIVING, rows)
            if append:
                self._connection.execute(f"INSERT INTO temp.{_STAGE} FROM {_ARRIVING}")
            else:
                self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {_STAGE} AS FROM {_ARRIVING}")
            self._connection.unregister(_ARRIVING)
        except duckdb.Error as error:
            raise _ours(error, self._path) from error
        return f"temp.{_STAGE}"

    def lock(self, table: TableName) -> None:
        """Nothing to do: the file is open for this process alone, and a load uses one connection."""

    @contextmanager
    def rows(self, table: TableName) -> Iterator[pa.RecordBatchReader]:
        """The rows of a table."""
        import duckdb

        if not self.columns(table):
            raise no_such_table(self, table, self._path.name)
        try:
            yield self._connection.sql(f"FROM {self.dialect.table(table)}").to_arrow_reader(122_880)
        except duckdb.Error as error:
            raise _ours(error, self._path) from error

    def commit(self) -> None:
        """Make the changes last."""
        if self._open:
            self._run("COMMIT", ())
            self._open = False

    def rollback(self) -> None:
        """Undo them."""
        import duckdb

        if self._open:
            self._open = False
            try:
                self._connection.execute("ROLLBACK")
            except duckdb.TransactionException:
                return  # DuckDB had undone it by itself when the statement failed

    def close(self) -> None:
        """Undo what is not committed, and leave."""
        self.rollback()
        self._connection.close()

    def _begin(self) -> None:
        if not self._open:
            self._connection.execute("BEGIN")
            self._open = True

    def _run(self, sql: str, parameters: Sequence[object]) -> list[tuple[object, ...]]:
        import duckdb

        try:
            self._begin()
            return self._connection.execute(sql, list(parameters) or None).fetchall()
        except duckdb.Error as error:
            raise _ours(error, self._path) from error


def _ours(error: duckdb.Error, path: Path) -> FlextError:
    """Ours for an error of DuckDB while loading."""
    import duckdb

    text = message_of(error)
    if any(words in text.lower() for words in _FULL):
        return StorageFullError(f"{path} cannot grow: {text}", "Free space, then run it again")
    if "could not set lock" in text.lower() or "conflicting lock" in text.lower():
        return UnavailableError(
            f"Another process has {path.name} open",
            "Close it there: a DuckDB file is written by one process at a time",
            {"file": str(path)},
        )
    if isinstance(error, duckdb.IOException):
        return UnavailableError(f"{path} cannot be used: {text}", "Look at the file and its folder")
    if isinstance(error, (duckdb.DataError, duckdb.IntegrityError)):
        return ContractBrokenError(
            f"The rows do not fit the table: {text}", "Transform them, or change the table", {"target": path.name}
        )
    return LoadFailedError(f"{path.name} refused: {text}", "See the reason; nothing of this batch was kept")
