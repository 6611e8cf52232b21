"""DuckDB, embedded: one file, one writing process."""

from __future__ import annotations

import contextlib
import logging
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from target_flext_sql.errors import SettingsError, WarehouseBusyError, WarehouseError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

logger = logging.getLogger("target-flext-sql")

_HUGE_CHUNK = 24_000_000
_LOCK_WORDS = ("could not set lock", "conflicting lock", "already attached by process")


def _next_step(message: str) -> str:
    lowered = message.lower()
    if "no space" in lowered or "disk" in lowered:
        return "free disk space and run again; nothing of this batch was kept"
    if "permission denied" in lowered:
        return "give the user of this process the right to write the file and its folder"
    if "out of memory" in lowered:
        return "raise duckdb_memory_limit or lower the tap's batch size, and run again"
    if "newer version" in lowered or "storage version" in lowered:
        return "upgrade the duckdb package of this plugin: the file was written by a newer one"
    return "nothing of this batch was kept; run again when the cause is gone"


class DuckDBDriver:
    """A DuckDB file.

    Args:
        settings: `path`, `duckdb_memory_limit`, `duckdb_threads`, `lock_timeout`.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        path = settings.get("path")
        if not path:
            raise SettingsError("The setting 'path' is missing", next_step="set it to the DuckDB file to load into")
        self.path = Path(str(path)).expanduser()
        self._config = {
            "memory_limit": settings.get("duckdb_memory_limit") or "128MB",
            "threads": int(settings.get("duckdb_threads") or 2),
            "preserve_insertion_order": "true",
        }
        self._room = 0
        self._lock_timeout = float(settings.get("lock_timeout") or 0)
        self._connection: duckdb.DuckDBPyConnection | None = None

    def warm(self) -> None:
        """Import DuckDB."""
        import duckdb  # noqa: F401 - imported for its effect

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            message = str(error)
            raise WarehouseError(f"DuckDB file {self.path}: {doing} failed", message, _next_step(message)) from error

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The open connection."""
        if self._connection is None:
            raise WarehouseError(f"DuckDB file {self.path} is not open")
        return self._connection

    def connect(self) -> None:
        """Open the file, making its folder; waits with backoff while another process holds it."""
        import duckdb

        if self._connection is not None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WarehouseError(
                f"Cannot make the folder of the DuckDB file {self.path}", str(error), "check the path and its rights"
            ) from error
        deadline = time.monotonic() + self._lock_timeout
        pause = 0.05
        while True:
            try:
                self._connection = duckdb.connect(str(self.path), config=self._config)
            except duckdb.IOException as error:
                message = str(error)
                if not any(word in message.lower() for word in _LOCK_WORDS):
                    raise WarehouseError(
                        f"Cannot open the DuckDB file {self.path}", message, _next_step(message)
                    ) from error
                if time.monotonic() >= deadline:
                    raise WarehouseBusyError(
                        f"The DuckDB file {self.path} is in use by another process",
                        f"{message} (waited {self._lock_timeout:g} s)",
                        "close that process (a shell or notebook that has the file open?) or raise lock_timeout",
                    ) from error
                time.sleep(min(pause * random.uniform(0.5, 1.5), max(deadline - time.monotonic(), 0.01)))  # noqa: S311 - jitter, no secret
                pause = min(pause * 2, 2.0)
            except duckdb.Error as error:
                raise WarehouseError(
                    f"Cannot open the DuckDB file {self.path}", str(error), _next_step(str(error))
                ) from error
            else:
                return

    def close(self) -> None:
        """Close the file."""
        import duckdb

        if self._connection is not None:
            with contextlib.suppress(duckdb.Error):
                self._connection.close()
            self._connection = None

    def begin(self) -> None:
        """Start a transaction."""
        self.execute("BEGIN TRANSACTION")

    def commit(self) -> None:
        """Commit to the write-ahead log and fsync it."""
        self.execute("COMMIT")
        self._make_room(0)

    def _make_room(self, size: int) -> None:
        """Raise the memory limit while a chunk of huge values is loaded: one value of 50 MB is copied a few times.

        Args:
            size: Bytes of the chunk; 0, at the end of a transaction, goes back to the limit of the settings.
        """
        limit = str(self._config["memory_limit"])
        if size > max(_HUGE_CHUNK, self._room):
            logger.info("Values of %d MB in one chunk: DuckDB may use more than %s", size // 1_000_000, limit)
            self._room = size
            self.execute(f"SET memory_limit = '{256 + 5 * size // 1_000_000}MB'")
        elif not size and self._room:
            self._room = 0
            self.execute(f"SET memory_limit = '{limit}'")

    def rollback(self) -> None:
        """Roll back what is open, if anything is."""
        import duckdb

        if self._connection is not None:
            with contextlib.suppress(duckdb.Error):
                self._connection.execute("ROLLBACK")
            with contextlib.suppress(WarehouseError):
                self._make_room(0)

    def execute(self, sql: str) -> int:
        """Run a statement; DML returns its count."""
        with self._translated(sql.split("(")[0][:60].strip()):
            result = self.connection.execute(sql)
            if result.description is None:
                return -1
            row = result.fetchone()
        return int(row[0]) if row is not None and isinstance(row[0], int) else -1

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a query."""
        with self._translated("a query"):
            return self.connection.execute(sql).fetchall()

    def ingest(self, schema: str | None, table: str, data: pa.Table, *, stage: bool = False) -> int:
        """Insert straight from Arrow memory, columns by name."""
        home = "temp.main." if stage else (f'"{schema}".' if schema else "")
        quoted = table.replace('"', '""')
        self._make_room(data.nbytes)
        with self._translated(f"loading rows into {table}"):
            self.connection.register("_flext_ingest", data)
            try:
                self.execute(f'INSERT INTO {home}"{quoted}" BY NAME SELECT * FROM _flext_ingest')
            finally:
                self.connection.unregister("_flext_ingest")
        return int(data.num_rows)

    def lock(self, name: str) -> None:
        """The file has one writing process already."""
