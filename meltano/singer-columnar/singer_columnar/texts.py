"""Texts of dates, times, durations and numbers, alike for whole columns and for single values."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import decimal

_DAY_ZERO: Final = "1970-01-01T"


def parse_iso(texts: pa.Array, target: pa.DataType) -> pa.Array:
    """Parse texts.

    Args:
        texts: Strings such as ``2024-02-29``, ``10:20:30.5`` or ``2024-02-29T10:20:30+02:00``.
        target: A date, time or timestamp type. One with a zone wants an offset (or ``Z``) in the text, one without
            wants none.

    Returns:
        The parsed values.

    Raises:
        pyarrow.ArrowInvalid: If a text is not of that form, or has more digits than the type.
    """
    if not pa.types.is_time(target):
        return pc.cast(texts, target)
    instants = pc.binary_join_element_wise(pa.scalar(_DAY_ZERO), texts, "")
    return pc.cast(pc.cast(instants, pa.timestamp(target.unit)), target)


def float_name(value: float) -> str:
    """The text for a float that JSON has no number for: NaN, Infinity, -Infinity."""
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def plain_decimal(number: decimal.Decimal) -> str:
    """A decimal's exact text without an exponent."""
    return format(number, "f") if number.is_finite() else str(number)


def iso_duration(value: dt.timedelta) -> str:
    """A duration as ISO 8601 text, for example ``P1DT2H3M4.5S``; negative ones have the sign in front."""
    micros = value // dt.timedelta(microseconds=1)
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    seconds, fraction = divmod(micros, 1_000_000)
    days, seconds = divmod(seconds, 86_400)
    hours, seconds = divmod(seconds, 3_600)
    minutes, seconds = divmod(seconds, 60)
    tail = f".{fraction:06d}".rstrip("0") if fraction else ""
    return f"{sign}P{days}DT{hours}H{minutes}M{seconds}{tail}S"
