"""From a stream's JSON schema to Arrow columns.

Follows Singer's practice: ``singer.decimal`` strings are exact decimals, ``multipleOf`` on a number too;
``date-time`` is an instant in UTC unless ``x-timezone`` says ``none``; ``x-precision`` above 6 means
nanoseconds; ``contentEncoding: base64`` is binary; objects, arrays and mixtures are kept as JSON text.

What belongs here: types. What does not: values (``records``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

Kind = Literal[
    "integer", "number", "decimal", "boolean", "text", "date", "timestamp", "naive_timestamp", "time", "binary", "json"
]
Json = Mapping[str, object]

_INT64 = (-(2**63), 2**63 - 1)
_MICROSECONDS = 6


@dataclass(frozen=True, slots=True)
class StreamColumn:
    """One column of a stream.

    Attributes:
        name: Property name.
        kind: How its JSON values are read.
        type: Its Arrow type.
        nullable: Whether the schema allows null.
    """

    name: str
    kind: Kind
    type: pa.DataType
    nullable: bool


def stream_columns(schema: Json) -> tuple[StreamColumn, ...]:
    """Columns of a stream, in the order of its properties."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return ()
    return tuple(_column(str(name), _as_mapping(value)) for name, value in properties.items())


def arrow_schema(columns: Sequence[StreamColumn]) -> pa.Schema:
    """The Arrow schema of those columns; every field may be null, because sources break their own rules."""
    import pyarrow as pa

    return pa.schema([pa.field(column.name, column.type) for column in columns])


def _as_mapping(value: object) -> Json:
    return cast("Json", value) if isinstance(value, Mapping) else {}


def _column(name: str, declared: Json) -> StreamColumn:
    options = _options(declared)
    kinds = {kind for option in options for kind in _types(option)}
    nullable = "null" in kinds or not kinds
    kinds.discard("null")
    kind, arrow = _single(options, kinds.pop()) if len(kinds) == 1 else _mixture(options, kinds)
    return StreamColumn(name, kind, arrow, nullable)


def _options(declared: Json) -> list[Json]:
    for word in ("anyOf", "oneOf"):
        choices = declared.get(word)
        if isinstance(choices, list):
            return [_as_mapping(choice) for choice in choices]
    return [declared]


def _types(option: Json) -> list[str]:
    declared = option.get("type", [])
    return [declared] if isinstance(declared, str) else [str(kind) for kind in cast("list[object]", declared)]


def _mixture(options: list[Json], kinds: set[str]) -> tuple[Kind, pa.DataType]:
    import pyarrow as pa

    if kinds == {"integer", "number"}:
        return _number(next(option for option in options if "number" in _types(option)))
    return "json", pa.string()


def _single(options: list[Json], kind: str) -> tuple[Kind, pa.DataType]:
    import pyarrow as pa

    about = [option for option in options if kind in _types(option)]
    if kind == "integer":
        return _integer(about[0])
    if kind == "number":
        return _number(about[0])
    if kind == "boolean":
        return "boolean", pa.bool_()
    if kind == "string":
        # A date or free text is free text.
        formats = {str(option.get("format", "")) for option in about}
        return _string(about[0]) if len(formats) == 1 else ("text", pa.string())
    return "json", pa.string()


def _integer(option: Json) -> tuple[Kind, pa.DataType]:
    import pyarrow as pa

    low, high = option.get("minimum", 0), option.get("maximum", 0)
    fits = all(isinstance(bound, (int, float)) and _INT64[0] <= bound <= _INT64[1] for bound in (low, high))
    return ("integer", pa.int64()) if fits else ("decimal", pa.decimal128(38, 0))


def _number(option: Json) -> tuple[Kind, pa.DataType]:
    import pyarrow as pa

    if option.get("format") == "singer.decimal":
        return _decimal(option)
    step = option.get("multipleOf")
    if isinstance(step, (int, float)) and step > 0:
        exponent = Decimal(str(step)).as_tuple().exponent
        scale = max(0, -exponent) if isinstance(exponent, int) else 0
        if scale <= 38:
            return "decimal", pa.decimal128(38, scale)
    return "number", pa.float64()


def _decimal(option: Json) -> tuple[Kind, pa.DataType]:
    import pyarrow as pa

    precision, scale = option.get("precision"), option.get("scale", 0)
    if not isinstance(precision, int) or not isinstance(scale, int) or not 0 < precision <= 76:
        return "text", pa.string()  # unconstrained: the exact text is the only exact form
    return "decimal", (pa.decimal128 if precision <= 38 else pa.decimal256)(precision, scale)


def _string(option: Json) -> tuple[Kind, pa.DataType]:
    import pyarrow as pa

    precision = option.get("x-precision", _MICROSECONDS)
    unit: Literal["us", "ns"] = "ns" if isinstance(precision, int) and precision > _MICROSECONDS else "us"
    match option.get("format"):
        case "date-time" if option.get("x-timezone") == "none":
            return "naive_timestamp", pa.timestamp(unit)
        case "date-time":
            return "timestamp", pa.timestamp(unit, "UTC")
        case "date":
            return "date", pa.date32()
        case "time":
            return "time", pa.time64(unit)
        case "singer.decimal":
            return _decimal(option)
    if option.get("contentEncoding") == "base64":
        return "binary", pa.binary()
    return "text", pa.string()


def exact_decimal(value: object) -> Decimal:
    """A decimal from a JSON number or string, without passing through a float.

    Raises:
        ValueError: It is neither, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        message = f"{type(value).__name__} is no number"
        raise ValueError(message)  # noqa: TRY004  callers count ValueError
    try:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except InvalidOperation:
        message = f"{str(value)[:60]!r} is no number"
        raise ValueError(message) from None
    if not number.is_finite():
        message = f"{value} is not finite"
        raise ValueError(message)
    return number
