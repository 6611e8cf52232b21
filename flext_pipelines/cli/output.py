"""Answers for people and for programs: tables, fields, JSON.

What belongs here: how a value looks. What does not: which values a command shows.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

STATUS_COLOURS = {
    "running": "cyan", "pending": "yellow", "completed": "green", "succeeded": "green", "replayed": "green",
    "failed": "red", "cancelled": "magenta", "denied": "red", "interrupted": "magenta", "unfinished": "yellow",
    "error": "red", "warning": "yellow", "info": "cyan", "yes": "green", "no": "red",
}  # fmt: skip


_UNPRINTABLE = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}
"""What a source holds must not move the cursor or change the colours of whoever looks at it."""


def console() -> Console:
    """A console on standard output: colours and width of the terminal, plain and wide where there is none."""
    from rich.console import Console

    plain = Console()
    return plain if plain.is_terminal else Console(width=200, no_color=True, highlight=False)


def print_json(value: object) -> None:
    """Any answer as indented JSON; pydantic models as their fields."""
    from pydantic_core import to_jsonable_python

    click.echo(json.dumps(to_jsonable_python(value, fallback=str), indent=2, ensure_ascii=False))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """A table; numbers stand right, a status has its colour, and nothing at all is said in words.

    Args:
        title: Above the table; may be empty.
        columns: Headings.
        rows: One value per column.
        empty: What to say when there are no rows.
    """
    if not rows:
        click.echo(empty)
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for index, column in enumerate(columns):
        known = [row[index] for row in rows if row[index] is not None]
        numeric = bool(known) and all(isinstance(value, (int, float, Decimal)) for value in known)
        drawn.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        drawn.add_row(
            *(Text(shown(cell).translate(_UNPRINTABLE), style=STATUS_COLOURS.get(str(cell), "")) for cell in row)
        )
    console().print(drawn)


def fields(values: Mapping[str, object]) -> None:
    """Names and values below each other; absent ones are left out."""
    present = {name: shown(value) for name, value in values.items() if value not in (None, "", (), [], {})}
    width = max((len(name) for name in present), default=0)
    for name, text in present.items():
        label = click.style(name.ljust(width), bold=True)
        click.echo(f"{label}  {text}")


def shown(value: object) -> str:
    """One cell: thousands apart, seconds with two digits, times to the second, nothing as a dash, others as JSON."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, Decimal):
        return f"{value.normalize():,f}"
    if isinstance(value, dt.datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(item) for item in value) or "-"
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def duration(seconds: float | None) -> str:
    """``4.2 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def moment(timestamp: object) -> str:
    """A point in time in the reader's own zone, to the second."""
    if isinstance(timestamp, (int, float)):
        timestamp = dt.datetime.fromtimestamp(timestamp, dt.UTC)
    if isinstance(timestamp, str):
        timestamp = dt.datetime.fromisoformat(timestamp)
    return timestamp.astimezone().strftime("%Y-%m-%d %H:%M:%S") if isinstance(timestamp, dt.datetime) else "-"
