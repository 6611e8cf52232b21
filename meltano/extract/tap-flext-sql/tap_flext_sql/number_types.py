"""The shapes of number columns: from width, precision and scale to kind and bounds."""

from __future__ import annotations

from typing import Any

from singer_columnar.columns import DECIMAL128_DIGITS, DECIMAL256_DIGITS, Kind


def integer_of_bits(bits: int, *, unsigned: bool = False) -> dict[str, Any]:
    """An integer column's shape from its width in bits."""
    low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return {"kind": Kind.INTEGER, "minimum": low, "maximum": high}


def integer_of_digits(digits: int) -> dict[str, Any]:
    """An integer column's shape from its number of decimal digits."""
    limit = 10**digits - 1
    return {"kind": Kind.INTEGER, "minimum": -limit, "maximum": limit}


def number_of(precision: int | None, scale: int | None) -> dict[str, Any]:
    """An exact number's shape: a decimal when its size is declared and Arrow can hold it, else exact text.

    Args:
        precision: Digits in all, or None when the type has no bound.
        scale: Digits after the point, or None.

    Returns:
        The shape. PostgreSQL's negative and over-wide scales (``numeric(3, 5)``) have no Arrow type and become text.
    """
    if precision is None or precision > DECIMAL256_DIGITS:
        return {"kind": Kind.EXACT_NUMBER}
    scale = scale or 0
    if scale < 0 or scale > precision:
        return {"kind": Kind.EXACT_NUMBER}
    return {"kind": Kind.DECIMAL, "precision": precision, "scale": scale}


def oracle_number(precision: int | None, scale: int | None, declared: str = "NUMBER") -> dict[str, Any]:
    """Oracle's NUMBER(p, s): whole numbers become integers, NUMBER without a size exact text.

    Args:
        precision: The declared digits, None for a plain NUMBER.
        scale: The declared scale, which may be negative or larger than the precision.
        declared: The type's name; ``INTEGER`` is Oracle's NUMBER(38, 0).

    Returns:
        The column's shape.
    """
    if precision is None:
        whole = declared.startswith("INTEGER") or scale == 0
        return integer_of_digits(DECIMAL128_DIGITS) if whole else {"kind": Kind.EXACT_NUMBER}
    scale = scale or 0
    if scale <= 0:
        digits = precision - scale
        return integer_of_digits(digits) if digits <= DECIMAL128_DIGITS else {"kind": Kind.EXACT_NUMBER}
    return number_of(max(precision, scale), scale)
