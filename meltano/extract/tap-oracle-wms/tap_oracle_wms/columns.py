"""A column as the wire contract sees it: its kind, its JSON schema, its Arrow type, and where its values come from.

One column has one kind, and the kind decides the JSON schema of the SCHEMA message, the value in a RECORD and the type
in a Parquet file, so that both ways of sending a row mean the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

NO_ZONE: Final = "none"
INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
DECIMAL_DIGITS: Final = 38

JsonSchema = dict[str, Any]
"""A JSON schema fragment: free-form JSON, hence ``Any``."""


class Kind(StrEnum):
    """What a column holds."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMP_TZ = "timestamp with time zone"
    TIME = "time"
    TEXT = "text"


class Part(StrEnum):
    """Which part of an API field a column holds."""

    VALUE = "value"
    REFERENCE_ID = "id"
    REFERENCE_KEY = "key"
    SET_COUNT = "count"
    SET_TOTAL = "total"
    JSON_TEXT = "json"


@dataclass(frozen=True)
class Column:
    """One column of a stream.

    Attributes:
        name: The column's name.
        kind: What it holds.
        path: The API field it comes from; further names lead into nested objects.
        part: Which part of that field.
        nullable: Whether NULL is allowed.
        scale: Digits after the point (``Kind.DECIMAL``).
        max_length: Longest text in characters, when something says so.
        declared: The field's type in the API's metadata.
    """

    name: str
    kind: Kind
    path: tuple[str, ...]
    part: Part = Part.VALUE
    nullable: bool = True
    scale: int = 0
    max_length: int | None = None
    declared: str = ""

    def json_schema(self) -> JsonSchema:
        """The column's property in the stream's JSON schema."""
        schema = self._json_type()
        if self.nullable:
            schema["type"] = [*schema["type"], "null"]
        schema["x-wms-path"] = list(self.path)
        if self.part is not Part.VALUE:
            schema["x-wms-part"] = self.part.value
        if self.declared:
            schema["x-wms-type"] = self.declared
        return schema

    def _json_type(self) -> JsonSchema:
        match self.kind:
            case Kind.INTEGER:
                return {"type": ["integer"], "minimum": INT64_MIN, "maximum": INT64_MAX}
            case Kind.DECIMAL:
                return {"type": ["string"], "format": "singer.decimal", "precision": DECIMAL_DIGITS,
                        "scale": self.scale}  # fmt: skip
            case Kind.BOOLEAN:
                return {"type": ["boolean"]}
            case Kind.DATE:
                return {"type": ["string"], "format": "date"}
            case Kind.TIMESTAMP:
                return {"type": ["string"], "format": "date-time", "x-timezone": NO_ZONE}
            case Kind.TIMESTAMP_TZ:
                return {"type": ["string"], "format": "date-time"}
            case Kind.TIME:
                return {"type": ["string"], "format": "time"}
            case Kind.TEXT:
                return {"type": ["string"], **({"maxLength": self.max_length} if self.max_length else {})}

    def arrow_type(self) -> pa.DataType:
        """The column's type in an Arrow batch and in a Parquet file."""
        import pyarrow as pa

        match self.kind:
            case Kind.INTEGER:
                return pa.int64()
            case Kind.DECIMAL:
                return pa.decimal128(DECIMAL_DIGITS, self.scale)
            case Kind.BOOLEAN:
                return pa.bool_()
            case Kind.DATE:
                return pa.date32()
            case Kind.TIMESTAMP:
                return pa.timestamp("us")
            case Kind.TIMESTAMP_TZ:
                return pa.timestamp("us", tz="UTC")
            case Kind.TIME:
                return pa.time64("us")
            case Kind.TEXT:
                return pa.string()


def column_from_schema(name: str, schema: Mapping[str, Any]) -> Column:
    """Read a column back from its JSON schema, as it stands in a catalog.

    Args:
        name: The property's name.
        schema: The property's schema, as ``Column.json_schema`` wrote it, or as a user changed it in the catalog.

    Returns:
        The column. A schema that none of ours matches is read as text.
    """
    declared = schema.get("type", ["string", "null"])
    types = {declared} if isinstance(declared, str) else set(declared)
    return Column(
        name=name,
        kind=_kind(types, schema),
        path=tuple(schema.get("x-wms-path", [name])),
        part=Part(schema.get("x-wms-part", Part.VALUE)),
        nullable="null" in types,
        scale=int(schema.get("scale", 0)),
        max_length=schema.get("maxLength"),
        declared=str(schema.get("x-wms-type", "")),
    )


def _kind(types: set[str], schema: Mapping[str, Any]) -> Kind:
    if "integer" in types:
        return Kind.INTEGER
    if "boolean" in types:
        return Kind.BOOLEAN
    match schema.get("format"):
        case "singer.decimal" | "x-singer.decimal":
            return Kind.DECIMAL
        case "date":
            return Kind.DATE
        case "time":
            return Kind.TIME
        case "date-time":
            return Kind.TIMESTAMP if schema.get("x-timezone") == NO_ZONE else Kind.TIMESTAMP_TZ
    return Kind.TEXT


def arrow_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """The Arrow schema of a stream's batches and files."""
    import pyarrow as pa

    return pa.schema([pa.field(column.name, column.arrow_type()) for column in columns])
