"""Pictures of a data set: a small query gives the points, and a PNG shows them.

What belongs here: points to picture. What does not: where pictures are shown (``assets/transforms``).
"""

from __future__ import annotations

import base64
import datetime as dt
import math
import re
from typing import TYPE_CHECKING, Final, Literal

from flext_pipelines.data.expressions import checked_query
from flext_pipelines.data.scratch import scratch_folder
from flext_pipelines.data.sources import engine_with, origin_of
from flext_pipelines.errors import UsageError
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flext_pipelines.data.dataset import DataReference
    from flext_pipelines.data.engine import Engine
    from flext_pipelines.data.landing import LandingZone
    from flext_pipelines.data.sources import Tables

PlotKind = Literal["bar", "line"]
MOST_POINTS: Final = 200
_INCHES, _DOTS = (6.4, 3.2), 80
_MOST_LABELS = 12
_INPUT = "input"
_TIME = re.compile(r"\d{4}-(?:\d\d|W\d\d|Q[1-4])(?:-\d\d?)?(?:[T ].*)?")
"""Times as texts, as ``strftime`` makes them: ``2026-01``, ``2026-W05``, ``2026-01-31 08:00``."""


class Plot(Value):
    """A picture.

    Attributes:
        title: What it shows.
        png: The PNG file, base64.
        points: How many values of the first column it shows.
        series: The names of what is drawn over them.
        left_out: How many more the query found: the oldest of a time, else those behind the first ones. The picture
            says so too.
    """

    title: str
    png: str
    points: int
    series: tuple[str, ...]
    left_out: int = 0

    def markdown(self) -> str:
        """The picture inside a markdown text, as Dagster's UI shows it."""
        return f"![{self.title}](data:image/png;base64,{self.png})"


def draw(
    landing: LandingZone, tables: Tables, source: DataReference, *, kind: PlotKind, query: str, title: str
) -> Plot:
    """Draw what a query finds in a data set, at most ``MOST_POINTS`` points of it.

    Args:
        landing: Where datasets lie.
        tables: The warehouse.
        source: The data set, which the query reads as ``input``.
        kind: Bars or lines.
        query: One SELECT. Its first column goes along the axis, each further one is a series of numbers.
        title: What the picture shows.

    Raises:
        UsageError: The query is none, has fewer than two columns, or one that holds no numbers.
        NotFoundError: There is no such data set.
    """
    checked = checked_query(query, f"the plot {title!r}", {_INPUT})
    with (
        scratch_folder(landing.root) as scratch,
        engine_with(scratch, {_INPUT: origin_of(landing, source)}, tables) as engine,
    ):
        names = list(engine.columns(f"({checked.sql})"))
        rows, left_out, note = _points(engine, checked.sql)
    if len(names) < 2:
        raise UsageError(f"The plot {title!r} has one column", "Select a column for the axis and one with numbers")
    series = {name: _numbers(title, name, [row[place] for row in rows]) for place, name in enumerate(names) if place}
    labels = ["" if row[0] is None else str(row[0]) for row in rows]
    picture = _png(kind, title, note, names[0], labels, series)
    return Plot(
        title=title,
        png=base64.b64encode(picture).decode(),
        points=len(rows),
        series=tuple(series),
        left_out=left_out,
    )


def _points(engine: Engine, checked: str) -> tuple[list[tuple[object, ...]], int, str]:
    """The rows that are drawn, in the query's order, how many are left out, and a line that says so.

    Of a time the newest end is kept, whichever way it is sorted: a series must not lose what happened last.
    """
    head = engine.run(f"SELECT * FROM ({checked}) LIMIT {MOST_POINTS + 1}")  # noqa: S608  a checked query
    if len(head) <= MOST_POINTS:
        return head, 0, ""
    (total,) = engine.one(f"SELECT count(*) FROM ({checked})")  # noqa: S608  a checked query
    left_out = int(str(total)) - MOST_POINTS
    tail = engine.run(f"SELECT * FROM ({checked}) LIMIT {MOST_POINTS} OFFSET {left_out}")  # noqa: S608  a checked query
    head = head[:MOST_POINTS]
    first, last = _newest(head), _newest(tail)
    if last is not None and (first is None or first <= last):
        return tail, left_out, f"last {MOST_POINTS:,} points of {left_out + MOST_POINTS:,}"
    return head, left_out, f"first {MOST_POINTS:,} points of {left_out + MOST_POINTS:,}"


def _newest(rows: Sequence[tuple[object, ...]]) -> str | None:
    """The newest time of the first column, as a text that sorts like it; None where it holds something else."""
    times: list[str] = []
    for value, *_ in rows:
        if isinstance(value, dt.datetime):
            times.append(value.replace(tzinfo=None).isoformat(timespec="microseconds"))
        elif isinstance(value, dt.date | dt.time):
            times.append(value.isoformat())
        elif isinstance(value, str) and _TIME.fullmatch(value):
            times.append(value)
        elif value is not None:
            return None
    return max(times, default=None)


def _numbers(title: str, name: str, values: Sequence[object]) -> list[float]:
    try:
        # What is not known is a gap, and no zero.
        return [math.nan if value is None else float(value) for value in values]  # type: ignore[arg-type]  # refused
    except (TypeError, ValueError):
        raise UsageError(f"Column {name!r} of the plot {title!r} holds no numbers", "Select numbers") from None


def _words(column: str) -> str:
    return column.replace("_", " ")


def _png(
    kind: PlotKind, title: str, note: str, axis: str, labels: Sequence[str], series: dict[str, list[float]]
) -> bytes:
    """The picture, drawn without a display: a figure with a canvas of its own touches no global state."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, dpi=_DOTS, layout="constrained")
    plane = figure.add_subplot()
    places = range(len(labels))
    width = 0.8 / max(1, len(series))
    for number, (name, values) in enumerate(series.items()):
        if kind == "bar":
            plane.bar([place - 0.4 + width * (number + 0.5) for place in places], values, width, label=_words(name))
        else:
            plane.plot(list(places), values, marker="o", label=_words(name))
    step = max(1, -(-len(labels) // _MOST_LABELS))
    plane.set_xticks(list(places)[::step], labels=list(labels)[::step], rotation=30 if len(labels) > 6 else 0)
    plane.set_xlabel(_words(axis))
    plane.set_title("\n".join(line for line in (title, f"({note})" if note else "") if line))
    plane.grid(visible=True, axis="y", alpha=0.3)
    plane.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    if len(series) > 1:
        figure.legend(loc="outside lower center", ncols=len(series), frameon=False)  # never over what is drawn
    else:
        plane.set_ylabel(_words(next(iter(series))))
    content = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(content, format="png")
    return content.getvalue()
