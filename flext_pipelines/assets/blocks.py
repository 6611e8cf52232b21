"""Which block of which pipeline owns which asset: the plan from which every Dagster object is made.

Rules:

* A stream's asset is ``<load schema of the tap, else pipeline>/<stream>``. The load schema that Meltano makes up
  itself, the tap's namespace, does not count.
* The same extract-and-load block (tap, mappings, target, partitions) in two pipelines is one block: it moves the same
  rows under the same Singer state. The first pipeline in the project owns its assets, the other one is a job over them.
* Another block that would claim a key that is taken has its assets under the pipeline's name, then under tap and
  target too, then numbered; so that two sources never share an asset.
* A pipeline's blocks run in the project's order: each depends on the one before it. Only where a block is borrowed
  does the owner's order count.
* A pipeline in which a block stands twice runs as a whole and has no assets: by its name, a block could not be told
  from the other.

What belongs here: this plan, in plain Python. What does not: Dagster objects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from flext_pipelines.meltano.catalogue import Block, Partitions, Pipeline, ProjectCatalogue, Stream
from flext_pipelines.runs.location import asset_path, job_names

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOT_IN_KEY = re.compile(r"[^A-Za-z0-9_.-]")
_NOT_IN_IDENTIFIER = re.compile(r"[^A-Za-z0-9_]")

AssetPath = tuple[str, ...]


class Retries(NamedTuple):
    """How often a transient failure is tried again inside the same run.

    Attributes:
        times: Further attempts after the first; 0 is none.
        seconds: Wait before the first further attempt; it doubles with each.
    """

    times: int = 0
    seconds: float = 30.0


NO_RETRIES = Retries()


@dataclass(frozen=True)
class StreamAsset:
    """One stream of a block and the asset it becomes."""

    stream: Stream
    path: AssetPath


@dataclass(frozen=True)
class BlockPlan:
    """One block with its assets.

    Attributes:
        owner: The pipeline whose place in the project names and orders the block.
        op: Name of its op, unique in the code location.
        block: What Meltano runs.
        streams: Assets of an ``el`` block.
        command_path: Asset of a ``command`` block.
        after: The block that must have succeeded before.
        partitions: How its assets are partitioned.
        retries: Further attempts at a transient failure.
    """

    owner: Pipeline
    op: str
    block: Block
    streams: tuple[StreamAsset, ...] = ()
    command_path: AssetPath = ()
    after: BlockPlan | None = None
    partitions: Partitions | None = None
    retries: Retries = NO_RETRIES

    @property
    def pool(self) -> str:
        """What takes turns: the blocks of one tap, or of the pipelines that declare the same ``pool``."""
        declared = self.owner.annotations.get("pool")
        return declared if isinstance(declared, str) and declared else self.block.tap or ""

    @property
    def paths(self) -> tuple[AssetPath, ...]:
        """Every asset of the block."""
        return (self.command_path,) if self.command_path else tuple(asset.path for asset in self.streams)


@dataclass(frozen=True)
class PipelinePlan:
    """One pipeline: its job, and its blocks, owned or borrowed.

    Attributes:
        pipeline: As the project declares it.
        job: Name of its Dagster job.
        blocks: In order; empty when the pipeline runs as a whole or cannot run.
    """

    pipeline: Pipeline
    job: str
    blocks: tuple[BlockPlan, ...] = ()

    @property
    def paths(self) -> tuple[AssetPath, ...]:
        """Every asset that the job materializes."""
        return tuple(dict.fromkeys(path for block in self.blocks for path in block.paths))


@dataclass
class _Claims:
    """Names that are taken, by how Dagster compares them: ``a-b`` and ``a_b`` are one output name."""

    ops: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)

    def op(self, wanted: str) -> str:
        return _first_free(self.ops, _numbered((_NOT_IN_IDENTIFIER.sub("_", wanted),)))[0]

    def path(self, candidates: Iterator[AssetPath]) -> AssetPath:
        return _first_free(self.outputs, candidates)


def _first_free(taken: set[str], candidates: Iterator[AssetPath]) -> AssetPath:
    """The first of the candidates, which never end, whose name nobody has; it is taken from now on."""
    paths = (tuple(_NOT_IN_KEY.sub("_", part) or "_" for part in path) for path in candidates)
    free = next(path for path in paths if _output_name(path) not in taken)
    taken.add(_output_name(free))
    return free


def _output_name(path: AssetPath) -> str:
    return "__".join(_NOT_IN_IDENTIFIER.sub("_", part) for part in path)


def plan(catalogue: ProjectCatalogue) -> tuple[PipelinePlan, ...]:
    """The plan of a project, pipelines in the project's order."""
    jobs = job_names(pipeline.name for pipeline in catalogue.pipelines)
    claims = _Claims()
    owned: dict[object, BlockPlan] = {}
    plans = []
    for pipeline in catalogue.pipelines:
        whole = pipeline.problem or repeats_a_block(pipeline)
        blocks = () if whole else tuple(_blocks(catalogue, pipeline, claims, owned))
        plans.append(PipelinePlan(pipeline, jobs[pipeline.name], blocks))
    return tuple(plans)


def repeats_a_block(pipeline: Pipeline) -> bool:
    """Whether two of its blocks bear the same name in a message: tap and target, or command."""
    names = [(block.tap, block.target, block.command) for block in pipeline.blocks]
    return len({*names}) < len(names)


def _blocks(
    catalogue: ProjectCatalogue, pipeline: Pipeline, claims: _Claims, owned: dict[object, BlockPlan]
) -> Iterator[BlockPlan]:
    before: BlockPlan | None = None
    for block in pipeline.blocks:
        identity = _identity(pipeline, block)
        made = owned.get(identity)
        if made is None:
            made = owned[identity] = (
                _extract_load(catalogue, pipeline, block, before, claims)
                if block.kind == "el"
                else _command(pipeline, block, before, claims)
            )
        yield made
        before = made


def _identity(pipeline: Pipeline, block: Block) -> object:
    """Two blocks with the same identity do the same work under the same Singer state."""
    if block.kind == "command":
        return pipeline.name, block.command
    partitions = pipeline.partitions.model_dump_json() if pipeline.partitions else None
    return block.arguments, partitions, pipeline.state_id


def _extract_load(
    catalogue: ProjectCatalogue, pipeline: Pipeline, block: Block, before: BlockPlan | None, claims: _Claims
) -> BlockPlan:
    tap, target = block.tap or "", block.target or ""
    plugin = catalogue.plugin(tap, "extractors")
    declared = plugin.load_schema if plugin and plugin.load_schema != plugin.namespace else None
    namespace = declared or pipeline.name
    streams = catalogue.selected_streams(tap) or (Stream(tap=tap, name=tap),)
    assets = tuple(
        StreamAsset(stream, claims.path(_candidates(namespace, pipeline.name, tap, target, stream.name)))
        for stream in streams
    )
    return BlockPlan(
        owner=pipeline,
        op=claims.op(f"{pipeline.name}__{tap}__{target}"),
        block=block,
        streams=assets,
        after=before,
        partitions=pipeline.partitions,
        retries=retries_of(pipeline),
    )


def _command(pipeline: Pipeline, block: Block, before: BlockPlan | None, claims: _Claims) -> BlockPlan:
    command = block.command or ""
    return BlockPlan(
        owner=pipeline,
        op=claims.op(f"{pipeline.name}__{command}"),
        block=block,
        command_path=claims.path(_numbered(asset_path(pipeline.name, command.replace(":", "_")))),
        after=before,
        partitions=pipeline.partitions,
        retries=retries_of(pipeline),
    )


def _candidates(namespace: str, pipeline: str, tap: str, target: str, stream: str) -> Iterator[AssetPath]:
    yield asset_path(namespace, stream)
    yield asset_path(pipeline, stream)
    yield from _numbered((pipeline, f"{tap}-{target}", stream))


def _numbered(path: AssetPath) -> Iterator[AssetPath]:
    yield path
    for number in count(2):
        yield (*path[:-1], f"{path[-1]}_{number}")


def retries_of(pipeline: Pipeline) -> Retries:
    """Declared in ``annotations: {flext: {retries: 3, retry_seconds: 60}}``; none otherwise."""
    return Retries(
        times=int(_number(pipeline.annotations, "retries", NO_RETRIES.times)),
        seconds=_number(pipeline.annotations, "retry_seconds", NO_RETRIES.seconds),
    )


def _number(annotations: Mapping[str, object], name: str, default: float) -> float:
    value = annotations.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else default
