"""Pictures of data sets: they are PNG files, and show the numbers that they are made of."""

from __future__ import annotations

import base64
import datetime as dt
import io
from typing import TYPE_CHECKING

import matplotlib.image
import numpy as np
import pyarrow as pa
import pytest

from flext_pipelines.data.plots import MOST_POINTS, Plot, draw
from flext_pipelines.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flext_pipelines.data.dataset import DataReference
    from flext_pipelines.data.landing import LandingZone

BLUE, ORANGE = (31, 119, 180), (255, 127, 14)
"""The first two colours that matplotlib draws with."""


class NoTables:
    """A warehouse that is not asked for anything."""

    def rows(self, table: str) -> object:
        """No test gets here."""
        raise AssertionError(table)


def pixels(plot: Plot) -> np.ndarray:
    """The picture as numbers: height, width, red green blue."""
    shown: np.ndarray = matplotlib.image.imread(io.BytesIO(base64.b64decode(plot.png)), format="png")
    whole: np.ndarray = np.rint(shown[:, :, :3] * 255).astype(int)
    return whole


def amount(plot: Plot, colour: tuple[int, int, int]) -> int:
    """How many pixels have a colour."""
    return int((pixels(plot) == np.array(colour)).all(axis=2).sum())


@pytest.fixture
def stock(keep: Callable[[str, pa.Table], DataReference]) -> DataReference:
    """Units of two facilities."""
    return keep("stock", pa.table({"facility": ["DC01", "DC02"], "units": [100, 25], "free": [50, 25]}))


def _draw(landing: LandingZone, source: DataReference, query: str, kind: str = "bar") -> Plot:
    return draw(landing, NoTables(), source, kind=kind, query=query, title="Stock")  # type: ignore[arg-type]  # played


def test_a_plot_is_a_png_that_markdown_can_hold(landing: LandingZone, stock: DataReference) -> None:
    """A picture of the wanted size, embedded as a data URI."""
    plot = _draw(landing, stock, "SELECT facility, units FROM input ORDER BY facility")

    assert pixels(plot).shape == (256, 512, 3)
    assert plot.markdown().startswith("![Stock](data:image/png;base64,iVBORw0KGgo")
    assert (plot.points, plot.series) == (2, ("units",))


def test_bars_are_as_high_as_their_numbers(landing: LandingZone, stock: DataReference) -> None:
    """Blue columns of pixels for 100 and 25 units: four to one, within the thickness of a line."""
    plot = _draw(landing, stock, "SELECT facility, units FROM input ORDER BY facility")

    blue = (pixels(plot) == np.array(BLUE)).all(axis=2)
    heights = blue.sum(axis=0)
    left, right = heights[: heights.size // 2].max(), heights[heights.size // 2 :].max()
    assert left == pytest.approx(4 * right, rel=0.1)


def test_what_is_not_known_is_a_gap(landing: LandingZone, keep: Callable[[str, pa.Table], DataReference]) -> None:
    """A line does not fall to zero where there is no number."""
    gap = keep("gap", pa.table({"month": ["1", "2", "3"], "rate": [80.0, None, 80.0]}))
    zero = keep("zero", pa.table({"month": ["1", "2", "3"], "rate": [80.0, 0.0, 80.0]}))

    shown = [amount(_draw(landing, source, "SELECT month, rate FROM input", "line"), BLUE) for source in (gap, zero)]

    assert 0 < shown[0] < shown[1] / 2


def test_the_legend_covers_nothing(landing: LandingZone, keep: Callable[[str, pa.Table], DataReference]) -> None:
    """Bars as high as the picture are blue up to their tops, also where matplotlib would put a legend over them."""
    full = keep("full", pa.table({"facility": ["A", "B", "C"], "units": [9, 9, 9], "free": [9, 9, 9]}))

    blue = (pixels(_draw(landing, full, "SELECT * FROM input")) == np.array(BLUE)).all(axis=2)

    tops = {int(column.argmax()) for column in blue[: blue.shape[0] // 2].T if column.any()}
    assert len(tops) <= 2


def test_each_further_column_is_a_series(landing: LandingZone, stock: DataReference) -> None:
    """Two columns of numbers, two colours; one column has no orange."""
    both = _draw(landing, stock, "SELECT facility, units, free FROM input ORDER BY facility")
    one = _draw(landing, stock, "SELECT facility, units FROM input ORDER BY facility")

    assert amount(both, ORANGE) > 1000
    assert amount(one, ORANGE) == 0


def test_lines_are_drawn_too(landing: LandingZone, stock: DataReference) -> None:
    """Fewer blue pixels than bars have, but some."""
    query = "SELECT facility, units FROM input ORDER BY facility"

    assert 0 < amount(_draw(landing, stock, query, "line"), BLUE) < amount(_draw(landing, stock, query), BLUE)


def test_nothing_to_draw_is_an_empty_plane(landing: LandingZone, stock: DataReference) -> None:
    """A mart without rows has a picture all the same."""
    assert _draw(landing, stock, "SELECT facility, units FROM input WHERE units < 0").points == 0


def test_a_long_axis_is_cut(landing: LandingZone, keep: Callable[[str, pa.Table], DataReference]) -> None:
    """No picture of a million bars; its answer says how many values it lacks, and so does the picture."""
    many = keep("many", pa.table({"n": list(range(5000)), "v": [1] * 5000}))

    cut = _draw(landing, many, "SELECT n, v FROM input ORDER BY n")
    whole = _draw(landing, many, f"SELECT n, v FROM input ORDER BY n LIMIT {MOST_POINTS}")

    assert (cut.points, cut.left_out) == (MOST_POINTS, 5000 - MOST_POINTS)
    assert (whole.points, whole.left_out) == (MOST_POINTS, 0)
    assert _rows_of_text_above_the_plane(cut) > 1.5 * _rows_of_text_above_the_plane(whole)


def _rows_of_text_above_the_plane(plot: Plot) -> int:
    """How many rows of pixels are dark above the plane, whose frame is the first row that is dark all along."""
    dark: np.ndarray = np.all(pixels(plot) < 128, axis=2)
    frame = int((dark.sum(axis=1) > dark.shape[1] / 2).argmax())
    return int(dark[:frame].any(axis=1).sum())


DAYS = [dt.date(2024, 1, 1) + dt.timedelta(days=number) for number in range(500)]


@pytest.mark.parametrize("order", ["ASC", "DESC"])
@pytest.mark.parametrize(
    ("axis", "kept"),
    [
        ("day", "newest"),
        ("day + INTERVAL 8 HOUR", "newest"),
        ("strftime(day, '%Y-%m-%d')", "newest"),
        ("CASE WHEN epoch(day) % 7 > 0 THEN day END", "newest"),
        ("strftime(day, 'D%Y-%m-%d')", "first"),
        ("epoch(day)", "first"),
    ],
)
def test_a_long_series_in_time_keeps_its_newest_end(
    landing: LandingZone, keep: Callable[[str, pa.Table], DataReference], axis: str, kept: str, order: str
) -> None:
    """Whichever way days, times or ISO texts are sorted; of anything else the first are kept."""
    newest = [int(number >= len(DAYS) - MOST_POINTS) for number in range(len(DAYS))]
    days = keep("days", pa.table({"day": DAYS, "newest": newest}))
    query = f"SELECT {axis} AS x, newest FROM input ORDER BY day {order}"

    plot = _draw(landing, days, query)

    drawn = amount(plot, BLUE)
    assert plot.left_out == len(DAYS) - MOST_POINTS
    assert (drawn > 10_000) == (kept == "newest" or order == "DESC"), drawn


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT facility FROM input", "one column"),
        ("SELECT units, facility FROM input", "holds no numbers"),
        ("SELECT * FROM read_csv('/etc/passwd')", "read_csv"),
        ("DROP TABLE input", "SELECT"),
        ("SELECT nope, 1 FROM input", "nope"),
    ],
)
def test_a_query_that_makes_no_picture_is_refused(
    landing: LandingZone, stock: DataReference, query: str, said: str
) -> None:
    """Too few columns, texts for numbers, files of this machine, anything but a query."""
    with pytest.raises(UsageError, match=said):
        _draw(landing, stock, query)
