"""Pictures: the message that draws a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from flext_pipelines.commands.message import Query
from flext_pipelines.data.dataset import DataReference
from flext_pipelines.data.plots import Plot, PlotKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flext_pipelines.data.landing import LandingZone
    from flext_pipelines.data.warehouse.connect import Warehouse


class DrawPlotQuery(Query[Plot]):
    """Draw what a query finds in a data set, as a PNG."""

    dataset: DataReference = Field(description="What is drawn: a dataset, files, or a warehouse table.")
    kind: PlotKind = Field(default="bar", description="Bars or lines.")
    query: str = Field(
        min_length=1,
        description="One SELECT over `input`: its first column goes along the axis, each further one is a series.",
    )
    title: str = Field(default="", max_length=200, description="What the picture shows.")


def draw_plot(query: DrawPlotQuery, *, landing: LandingZone, warehouse: Warehouse) -> Plot:
    """Draw it."""
    from flext_pipelines.data.plots import draw

    return draw(landing, warehouse, query.dataset, kind=query.kind, query=query.query, title=query.title)


HANDLERS: Mapping[type, Callable[..., object]] = {DrawPlotQuery: draw_plot}
