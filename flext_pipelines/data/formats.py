"""The rows of a version in other formats: JSON lines, CSV, Avro.

Parquet is what the landing zone keeps; another format is written beside it, for whoever reads that. Exact values
stay exact: decimals and 64-bit integers keep their digits, instants are ISO 8601 in UTC, bytes are base64.

What belongs here: formats. What does not: where the files lie and when they count (``landing``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from flext_pipelines.data.engine import Engine, identifier, literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pyarrow as pa

    from flext_pipelines.data.dataset import Part

OutputFormat = Literal["parquet", "json", "csv", "avro"]
_AVRO_ROWS = 10_000


def exporter(output_format: OutputFormat) -> Callable[[Path, Sequence[Part]], Sequence[Path]] | None:
    """Writes the parts of a folder in a format, a file for each part; None for Parquet, which is there already."""
    if output_format == "parquet":
        return None

    def export(folder: Path, parts: Sequence[Part]) -> Sequence[Path]:
        written = []
        for part in parts:
            source = folder / part.name
            if output_format == "avro":
                written.append(_avro(source, source.with_suffix(".avro")))
            else:
                suffix = ".jsonl" if output_format == "json" else ".csv"
                written.append(_text(source, source.with_suffix(suffix), output_format))
        return written

    return export


def _text(source: Path, target: Path, output_format: OutputFormat) -> Path:
    """DuckDB writes JSON lines and CSV; the columns are brought into a form that loses nothing first."""
    import pyarrow.parquet as pq

    options = "FORMAT csv, HEADER" if output_format == "csv" else "FORMAT json"
    columns = ", ".join(_exact(field, output_format) for field in pq.read_schema(source))
    with Engine(target.parent / ".scratch", read=[source], write=[target]) as engine:
        query = f"SELECT {columns} FROM read_parquet({literal(str(source))})"  # noqa: S608  quoted names and one path
        engine.run(f"COPY ({query}) TO {literal(str(target))} ({options})")
    return target


def _exact(field: pa.Field[pa.DataType], output_format: OutputFormat) -> str:
    import pyarrow as pa

    name, kind = identifier(field.name), field.type
    form = name
    if pa.types.is_timestamp(kind):
        digits = "%n" if kind.unit == "ns" else "%f"
        zone = "Z" if kind.tz else ""
        moment = f"timezone('UTC', {name})" if kind.tz else name
        form = f"strftime({moment}, '%Y-%m-%dT%H:%M:%S.{digits}{zone}')"
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        form = f"to_base64({name})"
    elif pa.types.is_decimal(kind):
        form = f"CAST({name} AS VARCHAR)"
    elif pa.types.is_floating(kind) and output_format == "json":
        form = f"CASE WHEN isfinite({name}) THEN {name} END"
    return f"{form} AS {name}"


def _avro(source: Path, target: Path) -> Path:
    import fastavro
    import pyarrow.parquet as pq

    with pq.ParquetFile(source) as file, target.open("wb") as out:
        fields = [avro_field(field, number) for number, field in enumerate(file.schema_arrow)]
        names = dict(zip(file.schema_arrow.names, (str(field["name"]) for field in fields), strict=True))
        schema = fastavro.parse_schema({"type": "record", "name": "row", "namespace": "flext", "fields": fields})
        rows = (
            {names[name]: value for name, value in row.items()}
            for batch in file.iter_batches(_AVRO_ROWS)
            for row in batch.to_pylist()
        )
        # A fixed marker instead of random bytes: the same rows give the same file.
        fastavro.writer(out, schema, rows, codec="deflate", sync_marker=b"flext-pipelines-")
    return target


def avro_field(field: pa.Field[pa.DataType], number: int) -> dict[str, object]:
    """The Avro field of an Arrow column; a name that Avro does not allow is kept as its ``aliases``-free ``doc``."""
    import re

    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", field.name)
    name = field.name if plain else f"{re.sub(r'[^A-Za-z0-9_]', '_', field.name)}_{number}"
    name = name if name[0].isalpha() or name[0] == "_" else f"_{name}"
    described = {} if plain else {"doc": field.name}
    return {"name": name, "type": ["null", _avro_type(field.type)], "default": None, **described}


def _avro_type(kind: pa.DataType) -> object:
    import pyarrow as pa

    types = pa.types
    if types.is_boolean(kind):
        return "boolean"
    if types.is_integer(kind):
        return "long"
    if types.is_floating(kind):
        return "double"
    if types.is_decimal(kind):
        return {"type": "bytes", "logicalType": "decimal", "precision": kind.precision, "scale": kind.scale}
    if types.is_date(kind):
        return {"type": "int", "logicalType": "date"}
    if types.is_timestamp(kind):
        return {"type": "long", "logicalType": f"{'' if kind.tz else 'local-'}timestamp-micros"}
    if types.is_time(kind):
        return {"type": "long", "logicalType": "time-micros"}
    return "bytes" if types.is_binary(kind) or types.is_large_binary(kind) else "string"
