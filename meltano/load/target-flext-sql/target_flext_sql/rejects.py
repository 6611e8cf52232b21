"""The rejects table of a stream, and the limit on rejects."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence

from target_flext_sql.columns import ColumnType
from target_flext_sql.conform import Reject
from target_flext_sql.dialects.base import STAMP_COLUMN, TableColumn
from target_flext_sql.errors import SettingsError, TooManyRejectsError
from target_flext_sql.ledger import BATCHES_PER_LOAD
from target_flext_sql.naming import REJECTS_SUFFIX
from target_flext_sql.warehouse import Table, Warehouse

STAGE = "_flext_stage_rejects"


class RejectLimit:
    """The `max_rejects` setting: a number of rows, or a percentage of a stream's rows so far.

    Args:
        setting: None or empty for no limit, ``100`` or ``5%``.
    """

    def __init__(self, setting: str | int | None) -> None:
        text = str(setting).strip() if setting is not None else ""
        self._percent = text.endswith("%")
        try:
            self._limit = float(text.rstrip("%")) if text else None
        except ValueError:
            raise SettingsError(
                f"max_rejects is '{text}'", "it is neither a number nor a percentage", "write 0, 100 or 5%"
            ) from None

    def check(self, stream: str, rejected: int, received: int, sample: Reject | None) -> None:
        """Raise when a stream has more rejects than allowed.

        Args:
            stream: Stream name.
            rejected: Rejected rows of this load.
            received: All rows of this load.
            sample: One of them, to show.

        Raises:
            TooManyRejectsError: The limit is exceeded.
        """
        if self._limit is None or not rejected:
            return
        value = 100 * rejected / received if self._percent else rejected
        if value > self._limit:
            limit = f"{self._limit:g}{'%' if self._percent else ''}"
            shown = f"; for example column '{sample.column}': {sample.reason}" if sample else ""
            raise TooManyRejectsError(
                f"Stream '{stream}': {rejected} of {received} rows break the schema, more than max_rejects {limit}",
                f"see the reasons{shown}",
                "mend the rows at the source or raise max_rejects; the last batch was rolled back",
            )


class RejectsTable:
    """`<table>__rejects`: each row that broke the schema, with the reason.

    Args:
        warehouse: Where it lives.
        stream: Stream name.
        schema: Schema of the stream's table.
        table: Name of the stream's table.
    """

    def __init__(self, warehouse: Warehouse, stream: str, schema: str | None, table: str) -> None:
        self._warehouse = warehouse
        self._stream = stream
        dialect = warehouse.dialect
        name = table + dialect.own(REJECTS_SUFFIX)
        self._table = Table(schema, name, dialect.ref(schema, name))
        text, number = ColumnType("text"), ColumnType("integer")
        self._columns: list[TableColumn] = [
            *warehouse.plain_columns(
                reason=text,
                column_name=ColumnType("text", length=500),
                row_json=text,
                row_hash=ColumnType("text", length=64),
                stream=ColumnType("text", length=500),
                load_id=number,
                rejected_at=ColumnType("timestamptz", 6),
            ),
            TableColumn(dialect.own(STAMP_COLUMN), warehouse.storage(number)),
        ]
        self._made = False

    @property
    def name(self) -> str:
        """Name of the table."""
        return self._table.name

    def prepare(self) -> None:
        """Make the table if it is missing."""
        if not self._made:
            self._warehouse.make_table(
                self._stream, self._table.schema, self._table.name, self._columns, with_key=False
            )
            self._made = True

    def forget_made(self) -> None:
        """Forget that the table was made: the transaction that made it was rolled back."""
        self._made = False

    def exists(self) -> bool:
        """Say whether the database has the table."""
        return self._made or bool(self._warehouse.look(self._table.schema, self._table.name).types)

    def write(self, rejects: Sequence[Reject], stamp: int) -> None:
        """Write rejects in the open transaction; the same row of an earlier load is replaced.

        Args:
            rejects: The rows and reasons.
            stamp: The batch that holds them.
        """
        import pyarrow as pa

        from target_flext_sql.values import arrow_type

        self.prepare()
        dialect, driver = self._warehouse.dialect, self._warehouse.driver
        now = dt.datetime.now(tz=dt.UTC)
        rows = [
            (
                reject.reason,
                reject.column,
                reject.row,
                hashlib.sha256(f"{reject.column}\0{reject.reason}\0{reject.row}".encode(errors="replace")).hexdigest(),
                self._stream,
                stamp // BATCHES_PER_LOAD,
                now,
                stamp,
            )
            for reject in rejects
        ]
        source = self._warehouse.stage(dialect.own(STAGE), self._columns)
        arrays = [
            pa.array([row[index] for row in rows], type=arrow_type(column.storage.carrier))
            for index, column in enumerate(self._columns)
        ]
        data = pa.table(arrays, names=[column.name for column in self._columns])
        driver.ingest(None, dialect.own(STAGE), data, stage=True)
        hashed, stamped = dialect.q_own("row_hash"), dialect.q_own(STAMP_COLUMN)
        first = stamp // BATCHES_PER_LOAD * BATCHES_PER_LOAD
        driver.execute(
            f"DELETE FROM {self._table.ref} WHERE {stamped} < {first} "
            f"AND {hashed} IN (SELECT s.{hashed} FROM {source} s)"
        )
        listed = dialect.names([column.name for column in self._columns])
        driver.execute(f"INSERT INTO {self._table.ref} ({listed}) SELECT {listed} FROM {source} s")

    def forget(self, low: int, high: int) -> None:
        """Remove the rejects of a load whose rows are removed."""
        if self.exists():
            self._warehouse.driver.execute(self._warehouse.dialect.delete_stamps(self._table.ref, low, high))
