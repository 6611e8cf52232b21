"""Texts of dates and times, alike for whole columns and for single values."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_DAY_ZERO: Final = "1970-01-01T"


def parse_iso(texts: pa.Array, target: pa.DataType) -> pa.Array:
    """Parse texts.

    Args:
        texts: Strings such as ``2024-02-29``, ``10:20:30.5`` or ``2024-02-29T10:20:30``.
        target: A date, time or timestamp type without a zone.

    Returns:
        The parsed values.

    Raises:
        pyarrow.ArrowInvalid: If a text is not of that form, or has more digits than the type.
    """
    if not pa.types.is_time(target):
        return pc.cast(texts, target)
    instants = pc.binary_join_element_wise(pa.scalar(_DAY_ZERO), texts, "")
    return pc.cast(pc.cast(instants, pa.timestamp(target.unit)), target)
