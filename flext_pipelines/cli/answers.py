"""Any answer for people: fields below each other, a table for what repeats, JSON in a cell that holds more.

What belongs here: showing an answer of which nothing is known but that JSON can say it. What does not: commands that
know what they show (the module of their system).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from flext_pipelines.cli import output

_BETWEEN = 3
"""Characters between two columns of a table."""

Record = Mapping[str, object]


def show_answer(answer: object) -> None:
    """Show what a message was answered with: a model, several, or a plain value."""
    from pydantic_core import to_jsonable_python

    _show("", to_jsonable_python(answer, fallback=str))


def _show(title: str, value: object) -> None:
    if isinstance(value, Mapping):
        _show_record(title, value)
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        _show_records(title, value)
    elif isinstance(value, list):
        _heading(title)
        click.echo("\n".join(output.shown(item) for item in value) or "Nothing.")
    else:
        _heading(title)
        click.echo(output.shown(value))


def _show_record(title: str, record: Record) -> None:
    """What is plain, then what has a structure of its own, each under its name."""
    told = {name: value for name, value in record.items() if value not in (None, "", [], {})}
    plain = {name: value for name, value in told.items() if _is_plain(value)}
    _heading(title)
    output.fields(plain)
    for number, (name, value) in enumerate((name, value) for name, value in told.items() if name not in plain):
        if plain or number:
            click.echo()
        _show(f"{title}.{name}" if title else name, value)
    if not told:
        click.echo("Nothing.")


def _show_records(title: str, records: Sequence[Record]) -> None:
    """A table where it is not wider than the terminal; records below each other where every cell would be folded."""
    names = dict.fromkeys(
        name for record in records for name, value in record.items() if value not in (None, "", [], {})
    )
    widths = [max(len(name), *(len(output.shown(record.get(name))) for record in records)) for name in names]
    if sum(widths) + _BETWEEN * len(widths) <= output.console().width:
        _heading(title)
        rows = [[record.get(name) for name in names] for record in records]
        output.table("", [*names], rows, empty="Nothing.")
        return
    for number, record in enumerate(records, start=1):
        if number > 1:
            click.echo()
        _show_record(f"{title}[{number}]" if title else f"{number}.", record)


def _heading(title: str) -> None:
    if title:
        click.secho(title, bold=True, underline=True)


def _is_plain(value: object) -> bool:
    """Whether it fits beside its name: text, a number, or a few of those."""
    if isinstance(value, list):
        return not any(isinstance(item, (Mapping, list)) for item in value)
    return not isinstance(value, Mapping)
