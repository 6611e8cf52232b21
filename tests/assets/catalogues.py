"""Hand-written catalogues, small enough to read beside a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.meltano.catalogue import Block, Pipeline, Plugin, ProjectCatalogue, Schedule, Stream

if TYPE_CHECKING:
    from collections.abc import Sequence


def el(tap: str = "tap-shop", target: str = "target-warehouse", *mappers: str) -> Block:
    """An extract-and-load block."""
    return Block(kind="el", tap=tap, mappers=mappers, target=target)


def command(name: str = "dbt:run") -> Block:
    """A command block."""
    return Block(kind="command", plugin=name.partition(":")[0], command=name)


def streams(tap: str, *names: str) -> tuple[Stream, ...]:
    """Discovered streams of a tap."""
    return tuple(
        Stream(
            tap=tap,
            name=name,
            replication_method="INCREMENTAL",
            replication_key="id",
            keys=("id",),
            columns={"id": "integer", "name": "string"},
            discovered=True,
        )
        for name in names
    )


def catalogue(
    *pipelines: Pipeline,
    schedules: Sequence[Schedule] = (),
    plugins: Sequence[Plugin] = (),
    **of_tap: tuple[str, ...],
) -> ProjectCatalogue:
    """A project; streams by tap name, ``_`` for ``-``. ``tap-shop`` has two when nothing else is said."""
    named = {tap.replace("_", "-"): names for tap, names in of_tap.items()} or {"tap-shop": ("orders", "items")}
    taps = {block.tap for pipeline in pipelines for block in pipeline.blocks if block.tap}
    targets = {block.target for pipeline in pipelines for block in pipeline.blocks if block.target}
    known = {plugin.name for plugin in plugins}
    return ProjectCatalogue(
        environment="dev",
        plugins=(
            *plugins,
            *(Plugin(name=tap, type="extractors", load_schema="shop") for tap in sorted(taps - known)),
            *(Plugin(name=target, type="loaders") for target in sorted(targets - known)),
        ),
        pipelines=pipelines,
        schedules=tuple(schedules),
        streams={tap: streams(tap, *names) for tap, names in named.items()},
        fingerprint="abc123",
    )
