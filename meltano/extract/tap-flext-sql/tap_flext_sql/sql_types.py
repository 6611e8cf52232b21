"""From a SQLAlchemy type to a column kind, for PostgreSQL, Oracle and every other dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from singer_columnar.columns import MICROSECOND_DIGITS, Column, Kind

from tap_flext_sql.number_types import integer_of_bits, number_of, oracle_number

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect

_WIDTHS: Final = {"SMALLINT": 16, "INTEGER": 32, "INT": 32, "BIGINT": 64, "TINYINT": 16, "MEDIUMINT": 32}


def column_from_sql_type(name: str, sql_type: sa.types.TypeEngine[Any], nullable: bool, dialect: Dialect) -> Column:
    """Describe a reflected column.

    Args:
        name: The column's name.
        sql_type: The type that SQLAlchemy's inspector found.
        nullable: Whether NULL is allowed.
        dialect: The database's dialect; it names the type in ``x-sql-datatype``.

    Returns:
        The column. A type that has no kind of its own is read as text.
    """
    declared = _declared(sql_type, dialect)
    return Column(name=name, nullable=nullable, declared=declared, **_shape(sql_type, declared, dialect.name))


def _declared(sql_type: sa.types.TypeEngine[Any], dialect: Dialect) -> str:
    try:
        return str(sql_type.compile(dialect=dialect))
    except (sa.exc.CompileError, NotImplementedError):
        return type(sql_type).__name__.upper()


def _shape(sql_type: sa.types.TypeEngine[Any], declared: str, dialect: str) -> dict[str, Any]:
    """The column's fields except name, declared and nullable (values of several types, hence ``Any``)."""
    upper = declared.upper()
    if dialect == "oracle" and (shape := _oracle_shape(sql_type, upper)) is not None:
        return shape
    if isinstance(sql_type, sa.ARRAY | sa.JSON):
        return {"kind": Kind.JSON}
    if isinstance(sql_type, sa.Boolean):
        return {"kind": Kind.BOOLEAN}
    if isinstance(sql_type, sa.Integer):
        return integer_of_bits(_WIDTHS.get(upper.split()[0].split("(")[0], 64), unsigned="UNSIGNED" in upper)
    if isinstance(sql_type, sa.Float):
        return {"kind": Kind.FLOAT}
    if isinstance(sql_type, sa.Numeric):
        return number_of(sql_type.precision, sql_type.scale)
    if isinstance(sql_type, sa.DateTime):
        zoned = bool(sql_type.timezone) or "TIME ZONE" in upper.replace("WITHOUT TIME ZONE", "")
        return {"kind": Kind.TIMESTAMP_TZ if zoned else Kind.TIMESTAMP, **_fraction(sql_type)}
    if isinstance(sql_type, sa.Date):
        return {"kind": Kind.DATE}
    if isinstance(sql_type, sa.Time):
        return {"kind": Kind.TEXT if sql_type.timezone else Kind.TIME}
    if isinstance(sql_type, sa.LargeBinary | sa.types._Binary):
        return {"kind": Kind.BINARY}
    if isinstance(sql_type, sa.String):
        return {"kind": Kind.TEXT, "max_length": sql_type.length}
    return {"kind": Kind.TEXT}


def _fraction(sql_type: sa.types.TypeEngine[Any]) -> dict[str, int]:
    digits = getattr(sql_type, "precision", None) or getattr(sql_type, "fsp", None)
    return {"fraction_digits": 9} if isinstance(digits, int) and digits > MICROSECOND_DIGITS else {}


def _oracle_shape(sql_type: sa.types.TypeEngine[Any], upper: str) -> dict[str, Any] | None:
    """Oracle's own types; None when the general rules say the same."""
    base = upper.split("(")[0].strip()
    if base == "DATE":
        return {"kind": Kind.TIMESTAMP}
    if base == "TIMESTAMP":
        zoned = "TIME ZONE" in upper or bool(getattr(sql_type, "local_timezone", False))
        digits = _digits_in_brackets(upper)
        shape: dict[str, Any] = {"kind": Kind.TIMESTAMP_TZ if zoned else Kind.TIMESTAMP}
        return {**shape, "fraction_digits": 9} if digits > MICROSECOND_DIGITS else shape
    if base in {"BINARY_DOUBLE", "BINARY_FLOAT"}:
        return {"kind": Kind.FLOAT}
    if base == "FLOAT":
        return {"kind": Kind.EXACT_NUMBER}
    if base in {"RAW", "LONG RAW", "BLOB", "BFILE"}:
        return {"kind": Kind.BINARY}
    if base in {"NUMBER", "INTEGER", "NUMERIC", "DECIMAL"}:
        return oracle_number(getattr(sql_type, "precision", None), getattr(sql_type, "scale", None), upper)
    return None


def _digits_in_brackets(declared: str) -> int:
    inside = declared.partition("(")[2].partition(")")[0].strip()
    return int(inside) if inside.isdigit() else MICROSECOND_DIGITS
