"""A stand-in for ``oracledb.Connection``: it keeps to the Protocol ``OracleConnection`` and reads a SQLite file.

It answers only the plain SQL of the contract test in ``test_tap_readers``; Oracle's functions are not imitated. What
the reader sends to a real Oracle is tested as text in ``test_tap_oracle``.
"""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa


class FakeCursor:
    """A cursor on the SQLite file."""

    def __init__(self, connection: FakeOracleConnection) -> None:
        self._connection = connection
        self._row: tuple[Any, ...] | None = None

    def __enter__(self) -> FakeCursor:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, sql: str, parameters: dict[str, Any]) -> None:
        """Run a query of one row."""
        if "SYSTIMESTAMP" in sql:
            self._row = (dt.datetime.now(dt.UTC).replace(tzinfo=None).isoformat(),)
            return
        self._row = self._connection.query(sql, parameters)[0]

    def fetchone(self) -> tuple[Any, ...] | None:
        """The row."""
        return self._row


class FakeOracleConnection:
    """What the reader uses of a connection."""

    class Error(Exception):
        """As ``oracledb.Error``."""

    def __init__(self, path: Path) -> None:
        self._sqlite = sqlite3.connect(path)

    def query(self, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Run a query in SQLite's words, with Oracle's errors."""
        sql = re.sub(r"FETCH FIRST (\d+) ROWS ONLY", r"LIMIT \1", sql)
        try:
            return self._sqlite.execute(sql, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                raise self.Error("ORA-00942: table or view does not exist") from error
            raise self.Error(str(error)) from error

    def fetch_df_batches(
        self,
        statement: str,
        parameters: dict[str, Any] | None = None,
        size: int | None = None,
        *,
        fetch_decimals: bool | None = None,
    ) -> Iterator[pa.Table]:
        """The rows as Arrow tables of ``size`` rows; an empty one at the end, as the driver gives for no rows."""
        assert fetch_decimals
        rows = self.query(statement, parameters or {})
        step = size or 100
        for start in range(0, len(rows), step):
            columns = zip(*rows[start : start + step], strict=True)
            yield pa.table([pa.array(column) for column in columns], names=["ID", "NAME", "K"])
        yield pa.table({"ID": pa.array([], pa.int64())})  # fmt: skip

    def cursor(self) -> FakeCursor:
        """A cursor."""
        return FakeCursor(self)

    def cancel(self) -> None:
        """Nothing runs."""

    def close(self) -> None:
        """Close the file."""
        self._sqlite.close()
