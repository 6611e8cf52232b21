"""Messages, runs and tables for the tests of target-flext-sql.

Every test goes through the target's front door: Singer messages in, tables out. Nothing is mocked.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from target_flext_sql.target import TargetFlextSQL

INTEGER = {"type": ["integer", "null"]}
TEXT = {"type": ["string", "null"]}
Message = Mapping[str, Any]


def schema(
    stream: str, properties: Mapping[str, Any], keys: Sequence[str] = (), bookmark: str | None = None, **more: Any
) -> Message:
    """Return a SCHEMA message."""
    message = {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"type": "object", "properties": dict(properties), **more},
        "key_properties": list(keys),
    }
    return {**message, "bookmark_properties": [bookmark]} if bookmark else message


def records(stream: str, rows: Iterable[Mapping[str, Any]], version: int | None = None) -> list[Message]:
    """Return RECORD messages."""
    extra = {} if version is None else {"version": version}
    return [{"type": "RECORD", "stream": stream, "record": dict(row), **extra} for row in rows]


def state(**bookmarks: Any) -> Message:
    """Return a STATE message with a bookmark for each stream."""
    return {"type": "STATE", "value": {"bookmarks": bookmarks}}


def activate(stream: str, version: int) -> Message:
    """Return an ACTIVATE_VERSION message."""
    return {"type": "ACTIVATE_VERSION", "stream": stream, "version": version}


def batch(stream: str, *files: Path, form: str = "parquet", compression: str | None = "zstd") -> Message:
    """Return a BATCH message."""
    return {
        "type": "BATCH",
        "stream": stream,
        "encoding": {"format": form, "compression": compression},
        "manifest": [file.as_uri() for file in files],
    }


def parquet(path: Path, table: pa.Table) -> Path:
    """Write a Parquet file as the tap does and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd")
    return path


def lines(messages: Iterable[Message | str]) -> str:
    """Return messages as the text of a tap's output; a str is a raw line."""
    return "".join(f"{item if isinstance(item, str) else json.dumps(item)}\n" for item in messages)


def load(config: Mapping[str, Any], *messages: Message | str | Iterable[Message | str]) -> list[Any]:
    """Run the target in this process and return the states that it wrote."""
    flat: list[Message | str] = []
    for item in messages:
        if isinstance(item, str | Mapping):
            flat.append(item)
        else:
            flat.extend(item)
    target = TargetFlextSQL(config=dict(config))
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        target.run(io.StringIO(lines(flat)))
    return [json.loads(line) for line in out.getvalue().splitlines()]


def command(config_path: Path) -> list[str]:
    """Return the command line that starts the target."""
    return [sys.executable, "-m", "target_flext_sql", "--config", str(config_path)]


def run_process(config: Mapping[str, Any], text: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run the target as a process of its own."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    return subprocess.run(command(path), input=text, capture_output=True, text=True, timeout=120, check=False)


@dataclass(slots=True)
class Place:
    """A database to load into, and a way to look at it.

    Attributes:
        dialect: `duckdb` or `postgresql`.
        config: Settings of the target.
        schema: The schema that the tables go to.
    """

    dialect: str
    config: dict[str, Any]
    schema: str = "raw"
    extra: dict[str, Any] = field(default_factory=dict)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a query and return its rows, with exact Python values."""
        if self.dialect == "duckdb":
            import duckdb

            with contextlib.closing(duckdb.connect(self.config["path"])) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                found = connection.sql(statement).to_arrow_table()
                return list(zip(*(column.to_pylist() for column in found.columns), strict=True))
        import psycopg

        with psycopg.connect(self._uri, options="-c timezone=UTC") as connection:
            return connection.execute(statement).fetchall()

    @property
    def _uri(self) -> str:
        from target_flext_sql.drivers.postgres import connection_uri

        return connection_uri(self.config)

    def run(self, statement: str) -> None:
        """Run a statement that has no rows."""
        if self.dialect == "duckdb":
            import duckdb

            with contextlib.closing(duckdb.connect(self.config["path"])) as connection:
                connection.execute(statement)
            return
        import psycopg

        with psycopg.connect(self._uri) as connection:
            connection.execute(statement)

    def ref(self, table: str) -> str:
        """Return the quoted reference of a table."""
        return f'"{self.schema}"."{table}"'

    def rows(self, table: str, columns: str = "id, v", order: str = "1, 2") -> list[tuple[Any, ...]]:
        """Return a table's rows in order."""
        return self.sql(f"SELECT {columns} FROM {self.ref(table)} ORDER BY {order}")

    def rejects(self, table: str) -> list[tuple[Any, ...]]:
        """Return (column, reason, row) of a stream's rejects."""
        return self.sql(f"SELECT column_name, reason, row_json FROM {self.ref(table + '__rejects')} ORDER BY 1, 2, 3")

    def events(self, table: str) -> list[str]:
        """Return the events of a table in the bookkeeping."""
        return [
            row[0]
            for row in self.sql(
                f"SELECT event FROM {self.ref('_flext_loads')} WHERE table_name = '{table}' ORDER BY batch_id"
            )
        ]

    def types(self, table: str) -> dict[str, str]:
        """Return the native type of each column, without the load stamp."""
        from target_flext_sql.dialects.duckdb import DuckDBDialect
        from target_flext_sql.dialects.postgres import PostgresDialect

        dialect = DuckDBDialect() if self.dialect == "duckdb" else PostgresDialect()
        found = self.sql(dialect.describe(self.schema, table))
        return {name: native for name, native in found if name != "_flext_batch_id"}

    def exists(self, table: str) -> bool:
        """Say whether there is such a table."""
        return bool(self.types(table))


ROWS = [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}, {"id": 3, "v": "c"}]
TUPLES = [(1, "a"), (2, "b"), (3, "c")]
DECIMAL_4_2 = {"type": ["string", "null"], "format": "singer.decimal", "precision": 4, "scale": 2}
KEYED = schema("s", {"id": INTEGER, "v": TEXT}, ["id"])
KEYLESS = schema("s", {"id": INTEGER, "v": TEXT})


def arrow(rows: list[dict[str, object]]) -> pa.Table:
    """Return rows of (id, v) as an Arrow table."""
    return pa.table(
        {"id": pa.array([r["id"] for r in rows], pa.int64()), "v": pa.array([r["v"] for r in rows], pa.string())}
    )
