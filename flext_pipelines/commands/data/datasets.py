"""Datasets: what the landing zone holds, and what goes from it.

What belongs here: these messages and their handlers. What does not: keeping versions (``flext_pipelines.data``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from flext_pipelines.commands.message import Command, Query
from flext_pipelines.data.dataset import LATEST, Manifest
from flext_pipelines.data.retention import Keep
from flext_pipelines.data.summary import DatasetSummary, summaries
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from flext_pipelines.data.landing import LandingZone


class ListDatasetsQuery(Query[tuple[DatasetSummary, ...]]):
    """The datasets of the landing zone, each with its latest version."""


class GetDatasetQuery(Query[Manifest]):
    """The manifest of a version: its files, columns, counts, bookmark."""

    dataset: str = Field(min_length=1, description="The dataset.")
    version: str = Field(default=LATEST, description="The version.")
    verify: bool = Field(default=False, description="Compare every file with its checksum.")


class Removed(Value):
    """What went from the landing zone.

    Attributes:
        removed: Versions, or names of leftovers.
    """

    removed: tuple[str, ...]


class PruneDatasetCommand(Command[Removed]):
    """Remove old versions of a dataset. The newest and the newest with a bookmark always stay."""

    dataset: str = Field(min_length=1, description="The dataset.")
    keep: int = Field(ge=1, description="How many versions stay.")
    keep_snapshots: bool = Field(default=True, description="Snapshots neither count nor go.")


class SweepLandingCommand(Command[Removed]):
    """Remove what killed writers left behind; what is being written stays."""


def list_datasets(_: ListDatasetsQuery, *, landing: LandingZone) -> tuple[DatasetSummary, ...]:
    """From the manifests; one that is damaged is named, and the others are listed all the same."""
    return summaries(landing)


def get_dataset(query: GetDatasetQuery, *, landing: LandingZone) -> Manifest:
    """The manifest, its files compared with it if asked."""
    if query.verify:
        return landing.verify(query.dataset, query.version)
    return landing.read(query.dataset, query.version)


def prune_dataset(command: PruneDatasetCommand, *, landing: LandingZone) -> Removed:
    """Remove old versions."""
    return Removed(removed=landing.retain(command.dataset, Keep(command.keep), keep_snapshots=command.keep_snapshots))


def sweep_landing(_: SweepLandingCommand, *, landing: LandingZone) -> Removed:
    """Remove leftovers."""
    return Removed(removed=landing.sweep())


HANDLERS: Mapping[type, Callable[..., object]] = {
    ListDatasetsQuery: list_datasets,
    GetDatasetQuery: get_dataset,
    PruneDatasetCommand: prune_dataset,
    SweepLandingCommand: sweep_landing,
}
