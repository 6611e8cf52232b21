"""Whole columns at once: from the Arrow types that a driver chose to those of the wire contract.

Every cast is exact or fails. A failure (:class:`pyarrow.ArrowInvalid`) says only that something in the chunk does
not fit; ``misfits`` then finds out which row.
"""

from __future__ import annotations

import decimal
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc
from singer_columnar.columns import Column, Kind, arrow_schema
from singer_columnar.texts import parse_iso, plain_decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXACT_DOUBLE: Final = float(2**53)
_EXACT_DECIMAL_SCALE: Final = 15
"""10**15 and every integer below 2**53 are exact doubles, so one division decides (see ``_decimal_from_double``)."""

FIRST_DAY: Final = -719_162
"""0001-01-01 in days after 1970-01-01."""
LAST_DAY: Final = 2_932_896
"""9999-12-31 in days after 1970-01-01."""


def conform(batch: pa.RecordBatch, columns: Sequence[Column]) -> pa.RecordBatch:
    """Cast a driver's batch to the contract's types.

    Args:
        batch: Columns in the order of ``columns``, of any type that the kind can be read from.
        columns: The columns wanted.

    Returns:
        The same rows with the schema of ``arrow_schema(columns)``.

    Raises:
        pyarrow.ArrowInvalid: If a value does not fit its column exactly.
    """
    arrays = [conform_array(batch.column(index), column) for index, column in enumerate(columns)]
    return pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(columns))


def conform_array(array: pa.Array, column: Column) -> pa.Array:
    """Cast one column, exactly or not at all.

    Args:
        array: The driver's values.
        column: What the column should hold.

    Returns:
        The values in ``column.arrow_type()``.

    Raises:
        pyarrow.ArrowInvalid: If a value does not fit.
    """
    target = column.arrow_type()
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    source = array.type
    if pa.types.is_null(source):
        return pa.nulls(len(array), target)
    if column.kind is Kind.INTEGER:
        return _integers(array, column, target)
    if column.kind is Kind.BOOLEAN and pa.types.is_integer(source):
        _check_range(array, 0, 1)
        return pc.cast(array, target)
    if column.kind is Kind.DECIMAL:
        return _decimals(array, column, target)
    if column.kind is Kind.EXACT_NUMBER:
        return _number_texts(array)
    if pa.types.is_temporal(target) and (pa.types.is_string(source) or pa.types.is_large_string(source)):
        array = parse_iso(array, target)
    elif source != target:
        array = pc.cast(array, target)
    if pa.types.is_date(target) or pa.types.is_timestamp(target):
        _check_years(array)
    return array


def _check_years(array: pa.Array) -> None:
    """ISO 8601 and every target know the years 1 to 9999; PostgreSQL knows more, and infinity."""
    unit = "D" if pa.types.is_date(array.type) else array.type.unit
    if unit == "ns":
        return
    ticks = {"D": 1, "s": 86_400, "ms": 86_400_000, "us": 86_400_000_000}[unit]
    raw = array.view(pa.int32() if unit == "D" else pa.int64())
    _check_range(raw, FIRST_DAY * ticks, (LAST_DAY + 1) * ticks - 1)


def _integers(array: pa.Array, column: Column, target: pa.DataType) -> pa.Array:
    if not column.fits_int64:
        exact = pc.cast(array, pa.decimal128(20, 0)) if pa.types.is_integer(array.type) else array
        return pc.cast(exact, target)
    numbers = pc.cast(array, target)
    _check_range(numbers, column.minimum, column.maximum)
    return numbers


def _check_range(numbers: pa.Array, low: int, high: int) -> None:
    found = pc.min_max(numbers)
    smallest, largest = found["min"].as_py(), found["max"].as_py()
    if smallest is not None and (smallest < low or largest > high):
        raise pa.ArrowInvalid(f"a number outside {low} to {high}")


def _decimals(array: pa.Array, column: Column, target: pa.DataType) -> pa.Array:
    source = array.type
    if pa.types.is_floating(source):
        return _decimal_from_double(array, column, target)
    if pa.types.is_integer(source):
        array = pc.cast(array, pa.decimal128(20, 0))
    return array if array.type == target else pc.cast(array, target)


def _decimal_from_double(array: pa.Array, column: Column, target: pa.DataType) -> pa.Array:
    """Doubles that mean decimals (SQLite stores 12.34 as a double) back to those decimals.

    A double d means the decimal n / 10**s when it is the double nearest to it. With n below 2**53 and s up to 15,
    n and 10**s are exact doubles, so IEEE division gives exactly that nearest double: comparing it with d decides.
    """
    if column.scale > _EXACT_DECIMAL_SCALE:
        raise pa.ArrowInvalid("a scale beyond what doubles decide")
    power = float(10**column.scale)
    scaled = pc.round(pc.multiply(array, power))
    if pc.any(pc.greater_equal(pc.abs(scaled), _EXACT_DOUBLE)).as_py():
        raise pa.ArrowInvalid("a number with more digits than a double keeps")
    if not pc.all(pc.equal(pc.divide(scaled, power), array), min_count=0).as_py():
        raise pa.ArrowInvalid(f"a number with more than {column.scale} digits after the point")
    whole = pc.cast(pc.cast(scaled, pa.int64()), pa.decimal128(19, 0))
    if column.scale == 0:
        return pc.cast(whole, target)
    unit = pa.scalar(decimal.Decimal(1).scaleb(-column.scale), pa.decimal128(column.scale + 1, column.scale))
    return pc.cast(pc.multiply(whole, unit), target)


def _number_texts(array: pa.Array) -> pa.Array:
    """Exact decimal texts, without exponents."""
    if pa.types.is_floating(array.type) and pc.any(pc.greater_equal(pc.abs(array), _EXACT_DOUBLE)).as_py():
        raise pa.ArrowInvalid("a number that may have more digits than a double keeps")
    texts = pc.cast(array, pa.string())
    odd = pc.or_(pc.match_substring_regex(texts, "[eE]"), pc.equal(texts, "-0"))
    if not pc.any(odd).as_py():
        return texts
    plain = [None if text is None else plain_decimal(decimal.Decimal(text)) for text in texts.to_pylist()]
    return pa.array(plain, pa.string())
