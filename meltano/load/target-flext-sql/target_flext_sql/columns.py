"""From the JSON schema of a stream to typed columns.

A :class:`ColumnType` says what the *source* holds; how a database stores it is the dialect's business
(``dialects/``), how values are turned into Arrow is ``values.py`` and ``conform.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "boolean", "integer", "decimal", "float", "text", "date", "time", "timestamp", "timestamptz", "binary", "json"
]

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
RESERVED_PREFIX = "_flext_"

# Keywords that the column checks of values.py and conform.py enforce, or that say nothing about validity.
_CHECKED_KEYWORDS = frozenset(
    {"type", "format", "maxLength", "minimum", "maximum", "precision", "scale", "contentEncoding", "contentMediaType"}
    | {"description", "title", "default", "examples", "$comment", "multipleOf", "readOnly", "deprecated"}
)


@dataclass(frozen=True, slots=True)
class ColumnType:
    """What a column holds.

    Attributes:
        kind: The family of the type.
        precision: Digits of a decimal, or fractional digits of a time or timestamp (6 or 9).
        scale: Fractional digits of a decimal.
        length: Characters of a text, None for no limit.
        loose: True for a text that stands for a union of JSON types: other scalars are written as JSON text.
    """

    kind: Kind
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    loose: bool = False

    def __str__(self) -> str:
        """Return the type as an engineer would write it, e.g. ``decimal(12,2)``."""
        if self.kind == "decimal" and self.precision is not None:
            return f"decimal({self.precision},{self.scale or 0})"
        if self.kind == "text" and self.length is not None:
            return f"text({self.length})"
        if self.kind in {"time", "timestamp", "timestamptz"} and self.precision == 9:
            return f"{self.kind}(9)"
        return self.kind


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a stream.

    Attributes:
        source: Property name in the SCHEMA message.
        name: Name in the table.
        type: What it holds.
        required: The property must be present (JSON schema ``required``, or a key).
        nullable: An explicit null is valid.
        minimum: Lowest valid integer, if the schema says so.
        maximum: Highest valid integer, if the schema says so.
        key: The column is part of the key.
    """

    source: str
    name: str
    type: ColumnType
    required: bool = False
    nullable: bool = True
    minimum: int | None = None
    maximum: int | None = None
    key: bool = False


@dataclass(frozen=True, slots=True)
class StreamSchema:
    """The columns of a stream as one SCHEMA message describes them.

    Attributes:
        stream: Stream name.
        columns: Columns in schema order.
        keys: Source names of the key properties.
        replication_key: The first bookmark property, if any.
        residual: A JSON schema of the keywords that column checks do not cover (enum, pattern, nested objects),
            or None when there are none.
        closed: ``additionalProperties`` is false.
    """

    stream: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    replication_key: str | None
    residual: dict[str, Any] | None = field(default=None, hash=False)
    closed: bool = False

    @property
    def key_columns(self) -> tuple[Column, ...]:
        """The key's columns, in the key's order."""
        by_source = {column.source: column for column in self.columns}
        return tuple(by_source[key] for key in self.keys)

    def column(self, source: str) -> Column | None:
        """Return the column of a property, or None."""
        return next((column for column in self.columns if column.source == source), None)


def _options(prop: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Spread anyOf/oneOf into plain options; merge the outer keywords into each."""
    for word in ("anyOf", "oneOf"):
        if word in prop:
            outer = {key: value for key, value in prop.items() if key != word}
            return [flat for option in prop[word] for flat in _options({**outer, **option})]
    return [prop]


def _types(option: Mapping[str, Any]) -> set[str]:
    kinds = option.get("type")
    if kinds is None:
        if "properties" in option:
            return {"object"}
        return {"array"} if "items" in option else set()
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _string_type(option: Mapping[str, Any]) -> ColumnType:
    fmt = option.get("format")
    digits = 9 if int(option.get("x-precision") or 6) > 6 else 6
    if fmt == "singer.decimal":
        precision, scale = option.get("precision"), option.get("scale")
        return ColumnType("decimal", precision, scale if precision is not None else None)
    if fmt == "date-time":
        return ColumnType("timestamp" if option.get("x-timezone") == "none" else "timestamptz", digits)
    if fmt == "date":
        return ColumnType("date")
    if fmt == "time":
        return ColumnType("time", digits)
    if option.get("contentEncoding") == "base64":
        return ColumnType("binary")
    return ColumnType("text", length=option.get("maxLength"))


def _number_type(option: Mapping[str, Any]) -> ColumnType:
    """A number is a double, unless multipleOf says that it is a decimal (as pipelinewise taps write NUMERIC)."""
    step = option.get("multipleOf")
    if step is None:
        return ColumnType("float")
    found = re.fullmatch(r"1e-0*(\d+)|0?\.(0*)1", str(step).lower())
    if found is None:
        return ColumnType("float")
    scale = int(found[1]) if found[1] else len(found[2]) + 1
    return ColumnType("decimal", 38, scale) if scale <= 30 else ColumnType("decimal")


def _integer_type(option: Mapping[str, Any]) -> ColumnType:
    low, high = option.get("minimum"), option.get("maximum")
    if (low is not None and low < INT64_MIN) or (high is not None and high > INT64_MAX):
        return ColumnType("decimal", 38, 0)
    return ColumnType("integer")


def _single_type(kind: str, option: Mapping[str, Any]) -> ColumnType:
    if kind == "string":
        return _string_type(option)
    if kind == "integer":
        return _integer_type(option)
    if kind == "number":
        return _number_type(option)
    if kind == "boolean":
        return ColumnType("boolean")
    return ColumnType("json")


def property_type(prop: Mapping[str, Any]) -> tuple[ColumnType, bool]:
    """Return the type of one property of a JSON schema, and whether null is valid.

    A union of several JSON types becomes the narrowest type that holds all of them exactly: integer and number
    are a float, scalars of different kinds are text, anything with an object or array is JSON.

    Args:
        prop: The property's schema.

    Returns:
        The column type and nullability.
    """
    found: set[ColumnType] = set()
    nullable = False
    for option in _options(prop):
        kinds = _types(option)
        nullable = nullable or "null" in kinds or not kinds
        found |= {_single_type(kind, option) for kind in kinds - {"null"}}
    if not found:
        return ColumnType("json"), nullable
    if len(found) == 1:
        return found.pop(), nullable
    kinds_found = {column_type.kind for column_type in found}
    if kinds_found == {"text"}:
        lengths = [column_type.length for column_type in found]
        return ColumnType("text", length=None if None in lengths else max(n for n in lengths if n)), nullable
    if kinds_found <= {"integer", "float"}:
        return ColumnType("float"), nullable
    if "json" in kinds_found:
        return ColumnType("json"), nullable
    return ColumnType("text", loose=True), nullable


def _needs_full_validation(prop: Mapping[str, Any]) -> bool:
    """Say whether a property uses keywords that the column checks do not cover."""
    kinds = _types(prop)
    if {"anyOf", "oneOf", "allOf", "not", "enum", "const", "$ref"} & prop.keys():
        return True
    if {"object", "array"} & kinds:
        return bool({"required", "properties", "items", "minItems", "maxItems"} & prop.keys())
    return any(word not in _CHECKED_KEYWORDS and not word.startswith("x-") for word in prop)


def _bound(prop: Mapping[str, Any], word: str, column_type: ColumnType) -> int | None:
    value = prop.get(word)
    return int(value) if column_type.kind == "integer" and isinstance(value, int | float) else None


def stream_schema(
    stream: str,
    schema: Mapping[str, Any],
    keys: Sequence[str],
    bookmark_properties: Sequence[str],
    names: Mapping[str, str],
) -> StreamSchema:
    """Build the columns of a stream from its SCHEMA message.

    Args:
        stream: Stream name.
        schema: JSON schema with ``properties``.
        keys: Key properties.
        bookmark_properties: Bookmark properties; the first is the replication key.
        names: Table column name of each property.

    Returns:
        The typed schema.
    """
    required = set(schema.get("required") or ())
    properties: Mapping[str, Mapping[str, Any]] = schema["properties"]
    columns = []
    for source, prop in properties.items():
        column_type, nullable = property_type(prop)
        is_key = source in keys
        columns.append(
            Column(
                source=source,
                name=names[source],
                type=column_type,
                required=is_key or source in required,
                nullable=nullable and not is_key,
                minimum=_bound(prop, "minimum", column_type),
                maximum=_bound(prop, "maximum", column_type),
                key=is_key,
            )
        )
    residual = {source: dict(prop) for source, prop in properties.items() if _needs_full_validation(prop)}
    replication_key = next((name for name in bookmark_properties if name in properties), None)
    return StreamSchema(
        stream=stream,
        columns=tuple(columns),
        keys=tuple(keys),
        replication_key=replication_key,
        residual={"type": "object", "properties": residual} if residual else None,
        closed=schema.get("additionalProperties") is False,
    )
