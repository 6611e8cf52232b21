"""Which change of a column's type is safe.

Pure rules, no database: ``join(old, new)`` is the narrowest type that holds every value of both exactly, or None.
"""

from __future__ import annotations

from dataclasses import replace

from target_flext_sql.columns import ColumnType

_INTEGER_DIGITS = 19  # digits of 2**63
MAX_DECIMAL_DIGITS = 38


def _as_decimal(column_type: ColumnType) -> ColumnType:
    return ColumnType("decimal", _INTEGER_DIGITS, 0) if column_type.kind == "integer" else column_type


def _join_decimals(left: ColumnType, right: ColumnType) -> ColumnType | None:
    if left.precision is None or right.precision is None:
        return ColumnType("decimal")
    scale = max(left.scale or 0, right.scale or 0)
    whole = max(left.precision - (left.scale or 0), right.precision - (right.scale or 0))
    if whole + scale > MAX_DECIMAL_DIGITS and max(left.precision, right.precision) <= MAX_DECIMAL_DIGITS:
        return None
    return ColumnType("decimal", whole + scale, scale)


def join(old: ColumnType, new: ColumnType) -> ColumnType | None:
    """Return the narrowest type that holds all values of both, exactly, or None if there is none.

    Args:
        old: The type of the table's column.
        new: The type that the stream now has.

    Returns:
        `old` itself when it is wide enough.
    """
    if old == new:
        return old
    kinds = {old.kind, new.kind}
    if kinds <= {"integer", "decimal"}:
        joined = _join_decimals(_as_decimal(old), _as_decimal(new))
        for side in (old, new):
            if joined == _as_decimal(side):
                return side
        return joined
    if len(kinds) == 1:
        if old.kind == "text":
            lengths = (old.length, new.length)
            length = None if None in lengths else max(n for n in lengths if n is not None)
            return replace(old, length=length, loose=old.loose or new.loose)
        return replace(old, precision=max(old.precision or 6, new.precision or 6)) if old.precision else old
    return None
