"""Figures of the report as SVG: bars and a flow, drawn by hand, without scripts or anything from elsewhere.

What belongs here: shapes. What does not: which figures (``html``).
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_WIDTH, _LABEL, _ROW = 760, 220, 26


class Bar(NamedTuple):
    """One bar.

    Attributes:
        label: What it is.
        value: How long it is.
        colour: CSS class of its colour.
    """

    label: str
    value: int
    colour: str = "good"


def bars(title: str, values: Sequence[Bar]) -> str:
    """Bars below each other, each with its number; the longest has the whole width."""
    most = max((bar.value for bar in values), default=0) or 1
    room = _WIDTH - _LABEL - 110
    height = _ROW * len(values) + 8
    drawn = []
    for number, bar in enumerate(values):
        y = 4 + number * _ROW
        width = max(round(bar.value / most * room), 1 if bar.value else 0)
        label = bar.label if len(bar.label) <= 34 else f"{bar.label[:33]}…"
        drawn.append(
            f"<g><title>{safe(bar.label)}: {bar.value:,}</title>"
            f'<text x="{_LABEL - 8}" y="{y + 16}" text-anchor="end">{safe(label)}</text>'
            f'<rect class="{bar.colour}" x="{_LABEL}" y="{y + 3}" width="{width}" height="{_ROW - 8}" rx="2"/>'
            f'<text x="{_LABEL + width + 8}" y="{y + 16}">{bar.value:,}</text></g>'
        )
    return _drawing(title, height, "".join(drawn))


def shares(title: str, values: Sequence[Bar]) -> str:
    """One bar in parts, with a legend: what a whole is made of."""
    total = sum(bar.value for bar in values) or 1
    at, drawn = 0.0, []
    for bar in values:
        width = bar.value / total * (_WIDTH - 20)
        drawn.append(
            f"<g><title>{safe(bar.label)}: {bar.value:,}</title>"
            f'<rect class="{bar.colour}" x="{10 + at:.1f}" y="6" width="{width:.1f}" height="34"/></g>'
        )
        at += width
    for number, bar in enumerate(values):
        x, y = 10 + number % 2 * (_WIDTH // 2), 52 + number // 2 * _ROW
        percent = f"{bar.value / total:.1%}"
        drawn.append(
            f'<rect class="{bar.colour}" x="{x}" y="{y}" width="12" height="12"/>'
            f'<text x="{x + 18}" y="{y + 10}">{safe(bar.label)} {bar.value:,} ({percent})</text>'
        )
    return _drawing(title, 48 + _ROW * -(-len(values) // 2), "".join(drawn))


def _drawing(title: str, height: int, inner: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{safe(title)}" '
        f'xmlns="http://www.w3.org/2000/svg">{inner}</svg>'
    )


def safe(text: str) -> str:
    """Text as HTML and XML show it: markup escaped, what neither allows written as an escape."""
    shown = text.encode("utf-8", "backslashreplace").decode("utf-8")
    shown = "".join(char if char >= " " and char not in "\x7f\ufffe\uffff" else f"\\x{ord(char):02x}" for char in shown)
    return escape(shown, quote=True)
