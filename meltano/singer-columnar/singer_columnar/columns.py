"""A column as the wire contract sees it: its kind, its JSON schema and its Arrow type.

One column has one kind, and the kind decides the JSON schema of the SCHEMA message, the value in a RECORD and the
type in a Parquet file, so that both ways of sending a row mean the same. How a source's own type becomes a kind is the
tap's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
NO_ZONE: Final = "none"
MICROSECOND_DIGITS: Final = 6
DECIMAL128_DIGITS: Final = 38
DECIMAL256_DIGITS: Final = 76

JsonSchema = dict[str, Any]
"""A JSON schema fragment: free-form JSON, hence ``Any``."""


class Kind(StrEnum):
    """What a column holds."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    EXACT_NUMBER = "exact number"
    """A number of any precision and scale: sent as its exact decimal text."""
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMP_TZ = "timestamp with time zone"
    TIME = "time"
    TEXT = "text"
    BINARY = "binary"
    JSON = "json"


@dataclass(frozen=True)
class Column:
    """One column of a stream.

    Attributes:
        name: The column's name.
        kind: What it holds.
        nullable: Whether NULL is allowed.
        minimum: Smallest integer of the type (``Kind.INTEGER``).
        maximum: Largest integer of the type (``Kind.INTEGER``).
        precision: Digits in all (``Kind.DECIMAL``).
        scale: Digits after the point (``Kind.DECIMAL``).
        fraction_digits: Fractional digits of a second that the type can hold, up to 9.
        max_length: Longest text in characters, when the type says so.
        declared: The type's name in the source.
    """

    DECLARED_KEYWORD: ClassVar[str] = "x-sql-datatype"
    """Keyword of the JSON schema for ``declared``."""

    name: str
    kind: Kind
    nullable: bool = True
    minimum: int = INT64_MIN
    maximum: int = INT64_MAX
    precision: int = 0
    scale: int = 0
    fraction_digits: int = MICROSECOND_DIGITS
    max_length: int | None = None
    declared: str = ""

    @property
    def fits_int64(self) -> bool:
        """Whether every integer of the type fits 64 bits."""
        return self.minimum >= INT64_MIN and self.maximum <= INT64_MAX

    @property
    def is_instant(self) -> bool:
        """Whether the column holds timestamps, with or without a zone."""
        return self.kind in {Kind.TIMESTAMP, Kind.TIMESTAMP_TZ}

    def json_schema(self) -> JsonSchema:
        """The column's property in the stream's JSON schema."""
        schema = _json_type(self)
        if self.nullable:
            schema["type"] = [*schema["type"], "null"]
        if self.declared:
            schema[self.DECLARED_KEYWORD] = self.declared
        return schema

    def arrow_type(self) -> pa.DataType:
        """The column's type in an Arrow batch and in a Parquet file."""
        import pyarrow as pa

        unit = "ns" if self.fraction_digits > MICROSECOND_DIGITS else "us"
        match self.kind:
            case Kind.INTEGER:
                return pa.int64() if self.fits_int64 else pa.decimal128(DECIMAL128_DIGITS, 0)
            case Kind.DECIMAL:
                wide = self.precision > DECIMAL128_DIGITS
                return (pa.decimal256 if wide else pa.decimal128)(self.precision, self.scale)
            case Kind.FLOAT:
                return pa.float64()
            case Kind.BOOLEAN:
                return pa.bool_()
            case Kind.DATE:
                return pa.date32()
            case Kind.TIMESTAMP:
                return pa.timestamp(unit)
            case Kind.TIMESTAMP_TZ:
                return pa.timestamp(unit, tz="UTC")
            case Kind.TIME:
                return pa.time64(unit)
            case Kind.BINARY:
                return pa.binary()
            case Kind.TEXT | Kind.JSON | Kind.EXACT_NUMBER:
                return pa.string()


def _json_type(column: Column) -> JsonSchema:
    match column.kind:
        case Kind.INTEGER:
            return {"type": ["integer"], "minimum": column.minimum, "maximum": column.maximum}
        case Kind.DECIMAL:
            return {
                "type": ["string"],
                "format": "singer.decimal",
                "precision": column.precision,
                "scale": column.scale,
            }
        case Kind.EXACT_NUMBER:
            return {"type": ["string"], "format": "singer.decimal"}
        case Kind.FLOAT:
            return {"type": ["number"]}
        case Kind.BOOLEAN:
            return {"type": ["boolean"]}
        case Kind.DATE:
            return {"type": ["string"], "format": "date"}
        case Kind.TIMESTAMP:
            return {"type": ["string"], "format": "date-time", "x-timezone": NO_ZONE, **_fraction(column)}
        case Kind.TIMESTAMP_TZ:
            return {"type": ["string"], "format": "date-time", **_fraction(column)}
        case Kind.TIME:
            return {"type": ["string"], "format": "time", **_fraction(column)}
        case Kind.BINARY:
            return {"type": ["string"], "contentEncoding": "base64"}
        case Kind.JSON:
            return {"type": ["object", "array"]}
        case Kind.TEXT:
            return {"type": ["string"], **({"maxLength": column.max_length} if column.max_length else {})}


def _fraction(column: Column) -> JsonSchema:
    """Nanoseconds are the exception, so only they are written down."""
    return {"x-precision": 9} if column.fraction_digits > MICROSECOND_DIGITS else {}


def column_from_schema(name: str, schema: Mapping[str, Any]) -> Column:
    """Read a column back from its JSON schema, as it stands in a catalog.

    Args:
        name: The property's name.
        schema: The property's schema, as ``Column.json_schema`` wrote it, or as a user changed it in the catalog.

    Returns:
        The column. A schema that none of ours matches is read as text.
    """
    declared_type = schema.get("type", ["string", "null"])
    types = {declared_type} if isinstance(declared_type, str) else set(declared_type)
    kind = _kind_from_schema(types, schema)
    precision, scale = schema.get("precision", -1), schema.get("scale", -1)
    if kind is Kind.DECIMAL and (precision < 0 or scale < 0):
        kind = Kind.EXACT_NUMBER
    return Column(
        name=name,
        kind=kind,
        nullable="null" in types,
        minimum=int(schema.get("minimum", INT64_MIN)) if kind is Kind.INTEGER else INT64_MIN,
        maximum=int(schema.get("maximum", INT64_MAX)) if kind is Kind.INTEGER else INT64_MAX,
        precision=int(precision) if kind is Kind.DECIMAL else 0,
        scale=int(scale) if kind is Kind.DECIMAL else 0,
        fraction_digits=int(schema.get("x-precision", MICROSECOND_DIGITS)),
        max_length=schema.get("maxLength"),
        declared=str(schema.get(Column.DECLARED_KEYWORD, "")),
    )


def _kind_from_schema(types: set[str], schema: Mapping[str, Any]) -> Kind:
    if types & {"object", "array"}:
        return Kind.JSON
    for name, kind in (("integer", Kind.INTEGER), ("number", Kind.FLOAT), ("boolean", Kind.BOOLEAN)):
        if name in types:
            return kind
    if schema.get("contentEncoding") == "base64":
        return Kind.BINARY
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


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """The Arrow schema of a stream's batches and files."""
    import pyarrow as pa

    return pa.schema([pa.field(column.name, column.arrow_type()) for column in columns])
