"""The smallest tap: one stream of rows that it makes itself, as many as its settings say.

Run as ``python -m memory_tap`` it is a process like any tap.
"""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import typing as th

from singer_columnar import settings as sending
from singer_columnar.chunk import Chunk, Misfit
from singer_columnar.columns import Column, Kind, arrow_schema, column_from_schema
from singer_columnar.errors import SettingsError
from singer_columnar.pump import Pump
from singer_columnar.reading import StreamPlan
from singer_columnar.settings import FULL_TABLE, INCREMENTAL
from singer_columnar.stream import ColumnarStream
from singer_columnar.tap import ColumnarTap

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, MutableMapping, Sequence

    import pyarrow as pa

    from singer_columnar.reading import CatalogDict

COLUMNS = (
    Column("id", Kind.INTEGER, nullable=False),
    Column("amount", Kind.DECIMAL, precision=12, scale=2),
    Column("note", Kind.TEXT),
)


class Numbers:
    """Progress of the stream: the highest id that is out, or the number of rows."""

    def __init__(self, key: str | None) -> None:
        self.key = key
        self.last: int | None = None
        self.rows = 0

    def note(self, batch: pa.RecordBatch, *, in_order: bool) -> None:
        """Rows are out."""
        assert in_order
        self.rows += batch.num_rows
        self.last = batch.column("id")[-1].as_py()

    def save(self, state: MutableMapping[str, Any], *, complete: bool) -> None:
        """The bookmark, or that the read is not complete."""
        if self.key is None and not complete:
            state["progress_markers"] = {"rows": self.rows}
            return
        state.pop("progress_markers", None)
        if self.key is not None and self.last is not None:
            state.update(replication_key=self.key, replication_key_value=self.last)

    def remark(self) -> str | None:
        """Something to say where there was nothing to read."""
        return None if self.rows else "there is no row"


class Counting:
    """Some of the rows, in chunks: a part of a read."""

    def __init__(self, config: Mapping[str, Any], columns: Sequence[Column], first: int, end: int) -> None:
        self._config, self._columns, self._first, self._end = config, columns, first, end

    def items(self) -> Generator[Chunk]:
        """The chunks; a row whose id is ``misfit`` does not fit."""
        import pyarrow as pa

        step = int(self._config.get("chunk_rows") or 10)
        for start in range(self._first, self._end, step):
            time.sleep(float(self._config.get("wait") or 0))
            ids = range(start, min(start + step, self._end))
            misfit = self._config.get("misfit")
            good = [{"id": one, "amount": None, "note": f"row {one}"} for one in ids if one != misfit]
            bad = [
                Misfit({"id": one, "amount": "much"}, "amount", "a text", one - start) for one in ids if one == misfit
            ]
            yield Chunk(pa.RecordBatch.from_pylist(good, arrow_schema(self._columns)), bad)

    def cancel(self) -> None:
        """Nothing waits for long."""


class NumbersRead:
    """One read of the stream."""

    def __init__(self, stream: NumbersStream, tap: MemoryTap) -> None:
        self._stream, self._tap = stream, tap
        self._first = 1

    def begin(self, state: Mapping[str, Any]) -> Numbers:
        """From the bookmark on."""
        if self._stream.replication_key:
            self._first = int(state.get("replication_key_value", 0)) + 1
        return Numbers(self._stream.replication_key)

    def pump(self) -> Pump[Chunk]:
        """Two halves, read side by side."""
        config, end = self._tap.config, int(self._tap.config["rows"]) + 1
        middle = (self._first + end) // 2
        parts = [Counting(config, self._stream.columns, *ends) for ends in ((self._first, middle), (middle, end))]
        return Pump(parts, self._tap.stop, parallel=2)


class NumbersStream(ColumnarStream):
    """The rows 1 to ``rows``."""

    def __init__(self, tap: MemoryTap, entry: CatalogDict) -> None:
        self._memory = tap
        plan = StreamPlan(
            name=entry["stream"],
            columns={name: column_from_schema(name, one) for name, one in entry["schema"]["properties"].items()},
            key_properties=("id",),
            replication_method=entry["replication_method"],
            replication_key="id" if entry["replication_method"] == INCREMENTAL else None,
        )
        super().__init__(tap, entry, plan)

    def open_read(self) -> NumbersRead:
        """One read of the rows."""
        return NumbersRead(self, self._memory)


class MemoryTap(ColumnarTap):
    """The tap."""

    name = "tap-memory"
    secret_settings = ("token",)
    config_jsonschema: ClassVar[dict[str, Any]] = copy.deepcopy(
        th.PropertiesList(
            th.Property("rows", th.IntegerType, required=True, description="How many."),
            th.Property("token", th.StringType, secret=True, description="A secret."),
            th.Property("incremental", th.BooleanType, default=False, description="By id."),
            th.Property("misfit", th.IntegerType, description="Id of the row that does not fit."),
            th.Property("chunk_rows", th.IntegerType, description="Rows of a chunk."),
            th.Property("wait", th.NumberType, description="Seconds before each chunk."),
            sending.BATCH_ROWS,
            sending.ON_MISFIT,
            sending.EMIT_ACTIVATE_VERSION_MESSAGES,
            sending.BATCH_CONFIG,
        ).to_dict()
    )

    def discover_entries(self) -> list[CatalogDict]:
        """One entry; a token that is wrong is refused, and named as no tap should."""
        if str(self.config.get("token", "")).startswith("wrong"):
            raise SettingsError(f"The token {self.config['token']} is refused", "Ask for another.")
        method = INCREMENTAL if self.config.get("incremental") else FULL_TABLE
        return [
            {
                "tap_stream_id": "numbers",
                "stream": "numbers",
                "key_properties": ["id"],
                "replication_method": method,
                "schema": {"type": "object", "properties": {one.name: one.json_schema() for one in COLUMNS}},
                "metadata": [{"breadcrumb": [], "metadata": {"inclusion": "available"}}],
            }
        ]

    def make_stream(self, entry: CatalogDict) -> NumbersStream:
        """The stream of the entry."""
        return NumbersStream(self, entry)


if __name__ == "__main__":
    MemoryTap.cli()
