"""The rows of a load: in one order, in types that databases know, without doubles.

What belongs here: reading what is to be loaded. What does not: where it goes (``load``).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from flext_pipelines.data.engine import Engine, identifier
from flext_pipelines.data.sources import engine_with
from flext_pipelines.errors import ContractBrokenError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from flext_pipelines.data.sources import Origin, Tables

_DATA = "data"
_NESTED = ("STRUCT", "MAP", "UNION")
_AS_TEXT = ("UUID", "INTERVAL", "BIT", "ENUM", "TIMETZ", "TIME WITH TIME ZONE", "JSON")
_UNSIGNED = {"UTINYINT": "SMALLINT", "USMALLINT": "INTEGER", "UINTEGER": "BIGINT", "UBIGINT": "DECIMAL(20, 0)"}
_NUMBER = "_flext_n"


class LoadSource:
    """Rows that are to be loaded.

    Attributes:
        total: All of them.
        deduplicated: Rows left out, because a later row has the same keys.
        schema: Their columns.
    """

    def __init__(self, engine: Engine, unique_by: Sequence[str], keys: Sequence[str], order_by: str | None) -> None:
        self._engine = engine
        kinds = engine.columns(_DATA)
        _have(kinds, *unique_by, *keys, *((order_by,) if order_by else ()))
        if keys:
            _no_null_keys(engine, keys)
        columns = ", ".join(f"{_plain(name, kind)} AS {identifier(name)}" for name, kind in kinds.items())
        numbered = f"(SELECT *, row_number() OVER () AS {_NUMBER} FROM {_DATA})"  # noqa: S608  quoted names only
        if unique_by:
            parts = ", ".join(identifier(name) for name in unique_by)
            newest = f"{identifier(order_by)} DESC NULLS LAST, " if order_by else ""
            numbered = (
                f"(FROM {numbered} QUALIFY row_number() OVER (PARTITION BY {parts} "
                f"ORDER BY {newest}{_NUMBER} DESC) = 1 ORDER BY {_NUMBER})"
            )
            # Asked once, kept in the work file: each batch would sort everything again.
            engine.run(f"CREATE TABLE kept AS FROM {numbered}")
            numbered = "kept"
        self._sql = f"SELECT {columns} FROM {numbered}"  # noqa: S608  quoted names only
        read = engine.number(f"SELECT count(*) FROM {_DATA}")  # noqa: S608  quoted names only
        self.total = engine.number("SELECT count(*) FROM kept") if unique_by else read
        self.deduplicated = read - self.total
        self.schema = engine.schema(self._sql)

    def batches(self, size: int, skip: int) -> Iterator[pa.Table]:
        """Tables of ``size`` rows, the last one smaller, without the first ``skip`` rows."""
        import pyarrow as pa

        waiting: list[pa.RecordBatch] = []
        rows = 0
        offset = f" OFFSET {skip}" if skip else ""
        for batch in self._engine.stream(f"{self._sql}{offset}", size):
            waiting.append(batch)
            rows += batch.num_rows
            while rows >= size:
                table = pa.Table.from_batches(waiting, self.schema)
                yield table.slice(0, size)
                waiting = table.slice(size).to_batches()
                rows -= size
        if rows:
            yield pa.Table.from_batches(waiting, self.schema)


@contextmanager
def load_source(
    scratch: Path,
    origin: Origin,
    tables: Tables | None,
    *,
    unique_by: Sequence[str],
    keys: Sequence[str],
    order_by: str | None,
) -> Iterator[LoadSource]:
    """Open what is to be loaded.

    Raises:
        UsageError: A key is no column.
        ContractBrokenError: A merge key is null in some row.
    """
    with engine_with(scratch, {_DATA: origin}, tables) as engine:
        yield LoadSource(engine, unique_by, keys, order_by)


def _have(kinds: dict[str, str], *names: str) -> None:
    for name in names:
        if name not in kinds:
            raise UsageError(
                f"The data have no column {name!r}", f"Their columns are {', '.join(kinds)}", {"column": name}
            )


def _no_null_keys(engine: Engine, keys: Sequence[str]) -> None:
    null = " OR ".join(f"{identifier(key)} IS NULL" for key in keys)
    found = engine.number(f"SELECT count(*) FROM {_DATA} WHERE {null}")  # noqa: S608  quoted names only
    if found:
        raise ContractBrokenError(
            f"{found} rows have no value in a merge key ({', '.join(keys)})",
            "Validate with `required` and set those rows apart before loading",
            {"rows": found, "keys": list(keys)},
        )


def _plain(name: str, kind: str) -> str:
    """A column in a type that every target knows."""
    quoted = identifier(name)
    if kind.startswith(_NESTED) or kind.endswith("]"):
        return f"CAST(to_json({quoted}) AS VARCHAR)"
    if kind.startswith(_AS_TEXT):
        return f"CAST({quoted} AS VARCHAR)"
    return f"CAST({quoted} AS {_UNSIGNED[kind]})" if kind in _UNSIGNED else quoted
