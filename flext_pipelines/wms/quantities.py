"""How quantities are written for people: every door and every backend says 1,250 and 0.5, never 1250.000.

What belongs here: their words. What does not: their arithmetic, and JSON, which has all three places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal


def written(quantity: Decimal) -> str:
    """A quantity without the zeros behind its last digit, thousands apart: ``1,250``, ``0.125``."""
    return f"{quantity.normalize():,f}"
