"""From a batch as it came to rows that the table can take, and rows that it cannot, with the reason.

Works on whole Arrow columns; a row is looked at alone only when its column holds a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_flext_sql.columns import Column, ColumnType, StreamSchema
from target_flext_sql.forbidden import ForbiddenText
from target_flext_sql.values import arrow_type, build, json_text

if TYPE_CHECKING:
    import pyarrow as pa

ROW_COLUMN = "_flext_row"


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that broke the schema.

    Attributes:
        reason: Why, in one sentence.
        column: Source name of the column, or None when the row as a whole is at fault.
        row: The row as JSON text.
    """

    reason: str
    column: str | None
    row: str


@dataclass(slots=True)
class Chunk:
    """Part of a batch, ready to stage.

    Attributes:
        table: Good rows: one column per table column in carrier types, and `_flext_row`, their place in the batch.
        rejects: Bad rows.
        received: Rows that came, good and bad.
    """

    table: pa.Table
    rejects: list[Reject] = field(default_factory=list)
    received: int = 0


def recast(array: pa.Array, logical: ColumnType, carrier: ColumnType) -> pa.Array:
    """Turn an array of the source's type into what the database column is fed with.

    Args:
        array: Values in `arrow_type(logical)`.
        logical: What the source holds.
        carrier: What the database stores (see `Storage` in dialects/base.py).

    Returns:
        The array in `arrow_type(carrier)`; no value changes its meaning.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = arrow_type(carrier)
    if array.type == wanted:
        return array
    if carrier.kind == "text" and logical.kind in {"timestamp", "timestamptz"}:
        return pc.replace_substring(pc.cast(array, pa.string()), " ", "T")
    return pc.cast(array, wanted)


def _nested_to_json(array: pa.Array) -> list[str | None]:
    return [None if value is None else json_text(value) for value in array.to_pylist()]


def _python_values(array: pa.Array) -> Sequence[Any]:
    """Take values out of Arrow without losing any: temporal values as ISO text, the rest as Python objects."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(array.type):
        if array.type.tz is not None:
            array = pc.cast(array, pa.timestamp(array.type.unit, tz="UTC"))
        return pc.replace_substring(pc.cast(array, pa.string()), " ", "T").to_pylist()  # type: ignore[no-any-return]
    if pa.types.is_time(array.type):
        return pc.cast(array, pa.string()).to_pylist()  # type: ignore[no-any-return]
    return array.to_pylist()  # type: ignore[no-any-return]


_SAFE_CASTS: Mapping[str, str] = {
    "boolean": "is_boolean",
    "integer": "is_integer",
    "decimal": "is_decimal",
    "float": "is_floating",
    "date": "is_date32",
    "time": "is_time",
    "timestamp": "is_timestamp",
    "timestamptz": "is_timestamp",
}


def _same_family(array: pa.Array, column_type: ColumnType) -> bool:
    """Say whether an Arrow cast keeps the meaning of a value (it then only checks the range)."""
    import pyarrow as pa

    kind = column_type.kind
    if kind in {"text", "json"}:
        return bool(pa.types.is_string(array.type) or pa.types.is_large_string(array.type))
    if kind == "binary":
        return bool(
            pa.types.is_binary(array.type)
            or pa.types.is_large_binary(array.type)
            or pa.types.is_fixed_size_binary(array.type)
        )
    if kind == "timestamp" and pa.types.is_timestamp(array.type):
        return array.type.tz is None
    if kind == "decimal" and pa.types.is_integer(array.type):
        return True
    return bool(getattr(pa.types, _SAFE_CASTS[kind])(array.type))


def from_arrow(array: pa.Array, column_type: ColumnType) -> tuple[pa.Array, dict[int, str]]:
    """Turn a Parquet column into the stream's type, exactly.

    Args:
        array: The column as the file holds it.
        column_type: What the schema says it holds.

    Returns:
        The array in `arrow_type(column_type)` and the reason for each row that breaks the type.
    """
    import pyarrow as pa

    wanted = arrow_type(column_type)
    if array.type == wanted and column_type.kind not in {"json", "decimal"}:
        return array, {}
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), wanted), {}
    if column_type.kind == "json":
        return _json_from_arrow(array)
    if array.type == wanted and pa.types.is_decimal(wanted):
        return array, {}
    if _same_family(array, column_type):
        try:
            return array.cast(wanted), {}
        except pa.ArrowInvalid:
            pass
    return build(_python_values(array), column_type)


def _json_from_arrow(array: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    """JSON columns come as JSON text; nested Arrow values (the SDK's own Parquet writer) are rendered."""
    import msgspec
    import pyarrow as pa

    if not _same_family(array, ColumnType("json")):
        return pa.array(_nested_to_json(array), type=pa.string()), {}
    reasons: dict[int, str] = {}
    decode = msgspec.json.decode
    for row, value in enumerate(array.to_pylist()):
        if value is None:
            continue
        try:
            decode(value)
        except msgspec.DecodeError as error:
            reasons[row] = f"not valid JSON: {error}"
    return array.cast(pa.string()), reasons


@dataclass(slots=True)
class _Faults:
    """Reasons by row; the first reason of a row stands."""

    by_row: dict[int, tuple[str, str | None]] = field(default_factory=dict)

    def add(self, row: int, reason: str, column: str | None) -> None:
        self.by_row.setdefault(row, (reason, column))

    def add_mask(self, mask: pa.Array, reason: str, column: str) -> None:
        import pyarrow.compute as pc

        for row in pc.indices_nonzero(pc.fill_null(mask, False)).to_pylist():
            self.add(row, reason, column)


def _check_column(array: pa.Array, column: Column, faults: _Faults, forbidden: Sequence[ForbiddenText]) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.required and array.null_count:
        what = "the key is null" if column.key else "a required value is missing"
        faults.add_mask(pc.is_null(array), what, column.source)
    if column.type.kind == "text" and column.type.length is not None and len(array):
        lengths = pc.utf8_length(array)
        if (pc.max(lengths).as_py() or 0) > column.type.length:
            limit = f"the text is longer than {column.type.length} characters"
            faults.add_mask(pc.greater(lengths, column.type.length), limit, column.source)
    if column.type.kind == "integer" and (column.minimum is not None or column.maximum is not None):
        _check_range(array, column, faults)
    for rule in forbidden:
        if (
            rule.kind == column.type.kind
            and (column.required or not rule.required_only)
            and pa.types.is_string(array.type)
        ):
            found = pc.match_substring_regex(array, rule.pattern)
            if pc.any(found).as_py():
                faults.add_mask(found, rule.reason, column.source)


def _check_range(array: pa.Array, column: Column, faults: _Faults) -> None:
    import pyarrow.compute as pc

    limits = pc.min_max(array).as_py()
    if limits["min"] is None:
        return
    if column.minimum is not None and limits["min"] < column.minimum:
        faults.add_mask(pc.less(array, column.minimum), f"below the minimum {column.minimum}", column.source)
    if column.maximum is not None and limits["max"] > column.maximum:
        faults.add_mask(pc.greater(array, column.maximum), f"above the maximum {column.maximum}", column.source)


def assemble(
    schema: StreamSchema,
    carriers: Mapping[str, ColumnType],
    arrays: Mapping[str, tuple[pa.Array, Mapping[int, str]]],
    first_row: int,
    row_json: Callable[[int], str],
    *,
    faults: Mapping[int, tuple[str, str | None]] | None = None,
    forbidden: Sequence[ForbiddenText] = (),
) -> Chunk:
    """Check converted columns and part good rows from bad ones.

    Args:
        schema: The stream's columns.
        carriers: Carrier type of each source column.
        arrays: Converted array and reasons of each source column.
        first_row: Place of the first row in its batch.
        row_json: Gives the row at an index as JSON text, for a reject.
        faults: Reasons already found, by row.
        forbidden: Texts that the database cannot hold.

    Returns:
        The chunk.
    """
    import pyarrow as pa

    found = _Faults(dict(faults or {}))
    columns, names = [], []
    count = 0
    for column in schema.columns:
        array, reasons = arrays[column.source]
        count = len(array)
        for row, reason in reasons.items():
            found.add(row, reason, column.source)
        if len(reasons) < count:
            _check_column(array, column, found, forbidden)
        columns.append(recast(array, column.type, carriers[column.source]))
        names.append(column.name)
    columns.append(pa.array(range(first_row, first_row + count), type=pa.int64()))
    table = pa.table(columns, names=[*names, ROW_COLUMN])
    if not found.by_row:
        return Chunk(table, received=count)
    rejects = [Reject(reason, where, row_json(row)) for row, (reason, where) in sorted(found.by_row.items())]
    keep = pa.array([row not in found.by_row for row in range(count)], type=pa.bool_())
    return Chunk(table.filter(keep), rejects, received=count)


def conform(
    batch: pa.RecordBatch,
    schema: StreamSchema,
    carriers: Mapping[str, ColumnType],
    first_row: int,
    forbidden: Sequence[ForbiddenText] = (),
    constants: Mapping[str, Any] | None = None,
) -> Chunk:
    """Bring rows of a Parquet file into the table's types.

    Args:
        batch: Rows as the file holds them; columns are found by name, a missing one is null.
        schema: The stream's columns.
        carriers: Carrier type of each source column.
        first_row: Place of the first row in its batch.
        forbidden: Texts that the database cannot hold.
        constants: Values of columns that are not in the file (metadata columns).

    Returns:
        The chunk.
    """
    import pyarrow as pa

    present = set(batch.schema.names)
    arrays: dict[str, tuple[pa.Array, Mapping[int, str]]] = {}
    for column in schema.columns:
        if column.source in present:
            arrays[column.source] = from_arrow(batch.column(column.source), column.type)
        elif (constants or {}).get(column.source) is not None:
            arrays[column.source] = build([(constants or {})[column.source]] * batch.num_rows, column.type)
        else:
            arrays[column.source] = (pa.nulls(batch.num_rows, arrow_type(column.type)), {})

    def row_json(row: int) -> str:
        values = {name: _python_values(batch.column(name).slice(row, 1))[0] for name in batch.schema.names}
        return json_text(values)

    return assemble(schema, carriers, arrays, first_row, row_json, forbidden=forbidden)
