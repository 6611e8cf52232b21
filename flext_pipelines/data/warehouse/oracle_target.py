"""Oracle as a target, through python-oracledb in its thin mode.

No Oracle server is part of the tests: the statements are tested as text (``dialect``), this connection is not.

What belongs here: its connection, staging and errors. What does not: what is loaded.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from flext_pipelines.data.engine import identifier
from flext_pipelines.data.warehouse.dialect import Dialect
from flext_pipelines.data.warehouse.target import no_such_table
from flext_pipelines.errors import (
    ConfigError,
    ContractBrokenError,
    FlextError,
    LoadFailedError,
    NotFoundError,
    StorageFullError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import oracledb
    import pyarrow as pa

    from flext_pipelines.data.warehouse.table_name import TableName

_STAGE = "ORA$PTT_FLEXT_STAGE"
_ROWS = 100_000
_BY_CODE: dict[int, tuple[type[FlextError], str]] = {
    1017: (ConfigError, "Correct user and password of the warehouse (FLEXT_WAREHOUSE_URL)"),
    1: (ContractBrokenError, "Transform the rows, or change the table"),
    1400: (ContractBrokenError, "Transform the rows, or change the table"),
    1438: (ContractBrokenError, "Transform the rows, or change the table"),
    1722: (ContractBrokenError, "Transform the rows, or change the table"),
    12899: (ContractBrokenError, "Transform the rows, or make the column wider"),
    1653: (StorageFullError, "Extend the tablespace, then run it again"),
    1536: (StorageFullError, "Raise the quota, then run it again"),
    942: (NotFoundError, "Create the table, or name another"),
    12541: (UnavailableError, "See that the listener runs, then run it again"),
    12514: (ConfigError, "Correct the service name of the warehouse (FLEXT_WAREHOUSE_URL)"),
    3113: (UnavailableError, "See that the server runs, then run it again"),
    3114: (UnavailableError, "See that the server runs, then run it again"),
}


class OracleTarget:
    """An Oracle database.

    DDL commits in Oracle, so tables and columns are made before the first row of a load.

    Args:
        url: ``oracle://user:password@host:port/service``.
    """

    def __init__(self, url: str) -> None:
        import oracledb

        self.dialect = Dialect("oracle")
        parts = urlsplit(url)
        try:
            self._connection = oracledb.connect(
                user=unquote(parts.username or ""),
                password=unquote(parts.password or ""),
                host=parts.hostname or "localhost",
                port=parts.port or 1521,
                service_name=parts.path.strip("/"),
            )
        except oracledb.Error as error:
            raise _ours(error) from error

    def columns(self, table: TableName) -> dict[str, str]:
        """Database type by column."""
        rows = self.fetch(
            "SELECT column_name, data_type FROM all_tab_columns WHERE table_name = :1 "
            "AND owner = coalesce(:2, sys_context('userenv', 'current_schema')) ORDER BY column_id",
            [table.name, table.schema],
        )
        return {str(name): str(kind) for name, kind in rows}

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run a statement."""
        with _translated(), self._connection.cursor() as cursor:
            cursor.execute(sql, list(parameters))
            return int(cursor.rowcount)

    def fetch(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Rows of a query."""
        with _translated(), self._connection.cursor() as cursor:
            cursor.execute(sql, list(parameters))
            return list(cursor.fetchall())

    def stage(self, rows: pa.Table, *, append: bool = False) -> str:
        """Put rows into a private temporary table; its DDL does not commit."""
        if not append:
            with self._connection.cursor() as cursor:
                cursor.execute(
                    f"BEGIN EXECUTE IMMEDIATE 'DROP TABLE {_STAGE}'; "
                    "EXCEPTION WHEN OTHERS THEN IF SQLCODE <> -942 THEN RAISE; END IF; END;"
                )
            columns = ", ".join(
                f"{identifier(field.name)} {self.dialect.column_type(field.type)}" for field in rows.schema
            )
            self.execute(f"CREATE PRIVATE TEMPORARY TABLE {_STAGE} ({columns}) ON COMMIT DROP DEFINITION")
        names = ", ".join(identifier(name) for name in rows.schema.names)
        marks = ", ".join(self.dialect.mark(number) for number in range(1, len(rows.schema) + 1))
        with _translated(), self._connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {_STAGE} ({names}) VALUES ({marks})", rows)  # noqa: S608  quoted names only
        return _STAGE

    def lock(self, table: TableName) -> None:
        """One load of a table at a time."""
        self.execute(f"LOCK TABLE {self.dialect.table(table)} IN SHARE ROW EXCLUSIVE MODE")

    @contextmanager
    def rows(self, table: TableName) -> Iterator[pa.RecordBatchReader]:
        """The rows of a table, as Arrow."""
        import pyarrow as pa

        if not self.columns(table):
            raise no_such_table(self, table, "the warehouse")
        query = f"SELECT * FROM {self.dialect.table(table)}"  # noqa: S608  a quoted name
        with _translated():
            frames = (pa.table(frame) for frame in self._connection.fetch_df_batches(query, size=_ROWS))
            first = next(frames)
            rest = (batch for table_ in frames for batch in table_.to_batches())
            yield pa.RecordBatchReader.from_batches(
                first.schema, (b for part in (first.to_batches(), rest) for b in part)
            )

    def commit(self) -> None:
        """Make the changes last."""
        with _translated():
            self._connection.commit()

    def rollback(self) -> None:
        """Undo them."""
        with _translated():
            self._connection.rollback()

    def close(self) -> None:
        """Undo what is not committed, and leave."""
        self._connection.close()


@contextmanager
def _translated() -> Iterator[None]:
    import oracledb

    try:
        yield
    except oracledb.Error as error:
        raise _ours(error) from error


def _ours(error: oracledb.Error) -> FlextError:
    """Ours for an ORA- or DPY- error, by its number."""
    found = error.args[0] if error.args else None
    code = int(getattr(found, "code", 0) or 0)
    full = str(getattr(found, "full_code", "") or "")
    if full.startswith("DPY-6") or full == "DPY-4011":
        code = 12541
    kind, instruction = _BY_CODE.get(code, (LoadFailedError, "See the reason; nothing of this batch was kept"))
    return kind(f"Oracle: {str(error).splitlines()[0]}", instruction, {"code": full or code})
