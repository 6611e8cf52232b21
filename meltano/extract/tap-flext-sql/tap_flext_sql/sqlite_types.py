"""From a type declared in a SQLite ``CREATE TABLE`` to a column kind.

SQLite keeps the declared type as text and lets any value into any column; so the declaration is read here by the
names that other databases give their types, and a value that does not keep to it is dealt with in ``misfits``.
"""

from __future__ import annotations

import re
from typing import Any, Final

from singer_columnar.columns import MICROSECOND_DIGITS, Column, Kind

from tap_flext_sql.number_types import number_of, oracle_number

_DECLARED: Final = re.compile(r"^(?P<name>[^(]*)(?:\((?P<args>[^)]*)\)(?P<rest>.*))?$", re.DOTALL)

_INTEGERS: Final = frozenset({"BIGINT", "INT", "INT2", "INT4", "INT8", "INTEGER", "LONG", "MEDIUMINT", "SMALLINT",
                              "TINYINT", "UNSIGNED BIG INT", "BIGSERIAL", "SERIAL"})  # fmt: skip
_FLOATS: Final = frozenset({"REAL", "FLOAT", "DOUBLE", "DOUBLE PRECISION", "BINARY_DOUBLE", "BINARY_FLOAT", "FLOAT4",
                            "FLOAT8"})  # fmt: skip
_BINARIES: Final = frozenset({"BLOB", "RAW", "BYTEA", "BINARY", "VARBINARY", "LONG RAW", "IMAGE"})


def column_from_declared(name: str, declared: str, nullable: bool) -> Column:
    """Describe a column from SQLite's declared type.

    Args:
        name: The column's name.
        declared: The declared type, for example ``DECIMAL(12, 2)``; empty when the column has none.
        nullable: Whether NULL is allowed.

    Returns:
        The column. A column without a type, or with one that is unknown, is read as text: its values of any storage
        class keep their exact text.
    """
    return Column(name=name, nullable=nullable, declared=declared.upper(), **_shape(declared.upper()))


def _shape(declared: str) -> dict[str, Any]:
    """The column's fields except name, declared and nullable (values of several types, hence ``Any``)."""
    match = _DECLARED.match(declared)
    if match is None:
        return {"kind": Kind.TEXT}
    name = " ".join(match["name"].split())
    numbers = [int(part) for part in re.findall(r"-?\d+", match["args"] or "")]
    precision, scale = [*numbers, None, None][:2]
    whole = f"{name} {match['rest'] or ''}".strip()
    if name.startswith(("TIMESTAMP", "DATETIME")):
        return _timestamp_shape(whole, numbers)
    if name in _INTEGERS or name.startswith(("INT", "UNSIGNED")):
        return {"kind": Kind.INTEGER}
    if name == "NUMBER":
        return oracle_number(precision, scale)
    if name in {"DECIMAL", "NUMERIC", "DEC", "MONEY"}:
        return number_of(precision, scale)
    if name in _FLOATS:
        return {"kind": Kind.FLOAT}
    if name in {"BOOLEAN", "BOOL"}:
        return {"kind": Kind.BOOLEAN}
    if name == "DATE":
        return {"kind": Kind.DATE}
    if name == "TIME":
        return {"kind": Kind.TIME}
    if name in {"JSON", "JSONB"}:
        return {"kind": Kind.JSON}
    if name in _BINARIES:
        return {"kind": Kind.BINARY}
    has_length = numbers and ("CHAR" in name or name == "TEXT")
    return {"kind": Kind.TEXT, "max_length": numbers[0] if has_length else None}


def _timestamp_shape(name: str, numbers: list[int]) -> dict[str, Any]:
    zoned = name.endswith("TZ") or ("TIME ZONE" in name and "WITHOUT" not in name)
    shape: dict[str, Any] = {"kind": Kind.TIMESTAMP_TZ if zoned else Kind.TIMESTAMP}
    return {**shape, "fraction_digits": 9} if numbers and numbers[0] > MICROSECOND_DIGITS else shape


def affinity(declared: str) -> str:
    """SQLite's column affinity for a declared type (sqlite.org, "Datatypes in SQLite", section 3.1).

    Args:
        declared: The declared type, in any case.

    Returns:
        One of INTEGER, TEXT, BLOB, REAL, NUMERIC.
    """
    upper = declared.upper()
    if "INT" in upper:
        return "INTEGER"
    if any(part in upper for part in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in upper or not upper:
        return "BLOB"
    if any(part in upper for part in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC"
