"""From what somebody asks for to what Meltano is called with: blocks, state ids, variables.

What belongs here: the request, its meaning in a project, and everything that can be refused before anything
is started. What does not: starting (``run``).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, JsonValue, SecretStr

from flext_pipelines.errors import ConfigError, NotFoundError, PluginMissingError, UsageError
from flext_pipelines.meltano.catalogue import PARTITION_VARIABLES, Block
from flext_pipelines.meltano.environment import variable
from flext_pipelines.meltano.overrides import override_variables
from flext_pipelines.meltano.redaction import dotenv_values
from flext_pipelines.meltano.state import state_id
from flext_pipelines.meltano.venvs import outdated
from flext_pipelines.settings import environment as process_environment
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from flext_pipelines.meltano.catalogue import Pipeline, Plugin, PluginType, ProjectCatalogue
    from flext_pipelines.meltano.project import MeltanoProject


class RunRequest(Value):
    """What to run, and how. See ``commands.pipelines.RunMeltanoPipelineCommand`` for the fields they share.

    Attributes:
        run_id: UUID under which Meltano keeps the run; a new one when absent or no UUID.
        env: Variables for the plugins of this run only, over everything else.
        log_file: Raw lines are appended here.
    """

    pipeline: str | None = None
    tap_name: str | None = None
    target_name: str | None = None
    command: str | None = None
    environment: str | None = None
    streams: tuple[str, ...] = ()
    full_refresh: bool = False
    refresh_catalog: bool = False
    partition: str | None = None
    partition_start: str | None = None
    partition_end: str | None = None
    config_overrides: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    schedule: str | None = None
    timeout_seconds: float | None = None
    run_id: str | None = None
    env: dict[str, SecretStr | str] = Field(default_factory=dict, repr=False)
    log_file: Path | None = None


@dataclass(frozen=True)
class Plan:
    """What a run amounts to in a project.

    Attributes:
        name: What is run, for people.
        words: Arguments of ``meltano run``.
        blocks: The blocks, in order.
        state_ids: Of the ``el`` blocks, in order.
        streams: Wanted streams by tap; empty when all selected ones are.
        suffix: Part of the state ids that is the run's own: a partition.
        former_state_id: Where Meltano's own scheduler has kept the bookmarks of an extract-and-load schedule.
        variables: What the request puts into the environment.
        warnings: What whoever runs it should know before.
    """

    name: str
    words: tuple[str, ...]
    blocks: tuple[Block, ...]
    state_ids: tuple[str, ...]
    streams: Mapping[str, tuple[str, ...]]
    suffix: str | None
    former_state_id: str | None
    variables: Mapping[str, str | SecretStr] = field(repr=False)
    warnings: tuple[str, ...] = ()

    @property
    def taps(self) -> tuple[str, ...]:
        """The taps, in order."""
        return tuple(block.tap for block in self.blocks if block.tap)

    @property
    def merge_state(self) -> bool:
        """A run of some streams must leave the bookmarks of the others; by default Meltano replaces them."""
        return bool(self.streams)


def make_plan(project: MeltanoProject, catalogue: ProjectCatalogue, request: RunRequest) -> Plan:
    """What the request means in this project.

    Raises:
        ConfigError: The pipeline is broken.
        ForbiddenError: A secret setting shall be overridden.
        NotFoundError: No such pipeline, block, stream, plugin or schedule.
        PluginMissingError: A plugin is not installed.
        UsageError: The parts of the request do not fit together.
    """
    name, blocks, whole = _blocks(project, catalogue, request)
    wanted = _wanted_streams(catalogue, blocks, request.streams)
    if wanted:
        kept = tuple(block for block in blocks if block.tap in wanted)
        whole = whole and kept == blocks
        blocks = kept
    warnings = _check_installed(project, catalogue, blocks)
    for plugin in request.config_overrides:
        _plugin(catalogue, plugin)
    words = (request.pipeline or "",) if whole else tuple(word for block in blocks for word in block.arguments)
    suffix = _suffix(request.partition)
    full_suffix = suffix or environment_suffix(project)
    ids = tuple(
        state_id(project.environment, block.tap or "", block.target or "", full_suffix)
        for block in blocks
        if block.kind == "el"
    )
    variables = {
        **_schedule_variables(catalogue, request),
        **_partition_variables(catalogue, request, blocks),
        **override_variables(project, request.config_overrides),
        **{variable(tap, "_select_filter"): json.dumps(names) for tap, names in wanted.items()},
        **request.env,
    }
    pipeline = catalogue.pipeline(request.pipeline) if request.pipeline else None
    former = pipeline.state_id if pipeline is not None and suffix is None and len(ids) == 1 else None
    return Plan(name, words, blocks, ids, wanted, suffix, former, variables, warnings)


def _blocks(
    project: MeltanoProject, catalogue: ProjectCatalogue, request: RunRequest
) -> tuple[str, tuple[Block, ...], bool]:
    """Name, blocks, and whether they are a whole job that Meltano knows by its name."""
    if request.pipeline is None:
        block = _named_block(catalogue, request)
        return " ".join(block.arguments), (block,), False
    pipeline = catalogue.pipeline(request.pipeline)
    if pipeline is None:
        raise NotFoundError(
            f"There is no pipeline {request.pipeline!r} in {project.root}",
            _near(request.pipeline, [p.name for p in catalogue.pipelines]) + "`flext pipelines` lists them",
            {"pipeline": request.pipeline},
        )
    if pipeline.problem:
        raise ConfigError(
            f"Pipeline {pipeline.name} cannot run: {pipeline.problem}",
            "Correct it in meltano.yml; `flext validate` shows the place",
            {"pipeline": pipeline.name, "file": str(project.file)},
        )
    if not pipeline.blocks:
        raise NotFoundError(
            f"Pipeline {pipeline.name} holds nothing to run",
            "Give the job tasks in meltano.yml",
            {"pipeline": pipeline.name},
        )
    chosen = _chosen(pipeline, request)
    return pipeline.name, chosen, chosen == pipeline.blocks and pipeline.source == "job"


def _chosen(pipeline: Pipeline, request: RunRequest) -> tuple[Block, ...]:
    if request.command is None and request.tap_name is None:
        return pipeline.blocks
    found = tuple(
        block
        for block in pipeline.blocks
        if (request.command is not None and block.command == request.command)
        or (block.tap is not None and (block.tap, block.target) == (request.tap_name, request.target_name))
    )
    if not found:
        what = request.command or f"{request.tap_name} {request.target_name}"
        listed = ", ".join(" ".join(block.arguments) for block in pipeline.blocks)
        raise NotFoundError(
            f"Pipeline {pipeline.name} has no block {what!r}",
            f"Its blocks are: {listed}",
            {"pipeline": pipeline.name, "block": what},
        )
    return tuple(dict.fromkeys(found))


def _named_block(catalogue: ProjectCatalogue, request: RunRequest) -> Block:
    if request.command is not None:
        plugin = request.command.partition(":")[0]
        _plugin(catalogue, plugin)
        return Block(kind="command", plugin=plugin, command=request.command)
    if not request.tap_name or not request.target_name:
        raise UsageError("Nothing to run is named", "Name a pipeline, a tap and a target, or a command")
    _plugin(catalogue, request.tap_name, "extractors")
    _plugin(catalogue, request.target_name, "loaders")
    return Block(kind="el", tap=request.tap_name, target=request.target_name)


def _plugin(catalogue: ProjectCatalogue, name: str, kind: PluginType | None = None) -> None:
    if catalogue.plugin(name, kind) is None:
        names = [plugin.name for plugin in catalogue.plugins if kind in {None, plugin.type}]
        raise PluginMissingError(
            f"Plugin {name} is not in the project",
            _near(name, names) + "`flext plugins list` shows those there are; `flext plugins install` adds one",
            {"plugin": name},
        )


def _check_installed(project: MeltanoProject, catalogue: ProjectCatalogue, blocks: Iterable[Block]) -> tuple[str, ...]:
    """Refuse what would fail within a plugin; what may surprise comes back, in sentences."""
    warnings: dict[str, None] = {}
    for block in blocks:
        for name, kind in ((block.tap, "extractors"), (block.target, "loaders"), (block.plugin, None)):
            plugin = catalogue.plugin(name, kind) if name else None  # type: ignore[arg-type]  # names of plugin types
            if plugin is None:
                continue
            if plugin.problem:
                raise PluginMissingError(
                    f"Plugin {plugin.name} cannot be used: {plugin.problem}",
                    f"Define it in meltano.yml, or add it with `flext plugins install {plugin.name}`",
                    {"plugin": plugin.name},
                )
            if not plugin.installed:
                raise PluginMissingError(
                    f"Plugin {plugin.name} is not installed",
                    f"`flext plugins install {plugin.name}` installs it",
                    {"plugin": plugin.name},
                )
            if plugin.pip_url and (said := _outdated(project, plugin)):
                warnings[said] = None
    return tuple(warnings)


def _outdated(project: MeltanoProject, plugin: Plugin) -> str | None:
    """What to know of a plugin that changed after it was installed.

    Raises:
        PluginMissingError: It would fail: its code is used where it lies, with the packages of before.
    """
    found = outdated(project, plugin, {**process_environment(), **dotenv_values(project.root / ".env")})
    if found is None:
        return None
    advice = f"`flext plugins install {plugin.name}` installs it again"
    if found.broken:
        raise PluginMissingError(
            f"Plugin {plugin.name} must be installed again: {found.reason}",
            advice,
            {"plugin": plugin.name, "reason": found.reason},
        )
    return f"{plugin.name} runs as it was installed, but {found.reason}: {advice}"


def _wanted_streams(
    catalogue: ProjectCatalogue, blocks: Iterable[Block], streams: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """Which streams of which tap: a bare name belongs to each tap that has it, ``tap.stream`` to that one."""
    taps = list(dict.fromkeys(block.tap for block in blocks if block.tap))
    wanted: dict[str, list[str]] = {}
    for stream in dict.fromkeys(streams):
        owners = [tap for tap in taps if _has(catalogue, tap, stream)]
        for tap in owners:
            wanted.setdefault(tap, []).append(stream.removeprefix(f"{tap}."))
        if not owners:
            known = [s.name for tap in taps for s in catalogue.selected_streams(tap)]
            raise NotFoundError(
                f"No tap of this pipeline has a selected stream {stream!r}",
                _near(stream, known) + "Select it in meltano.yml, or run `flext plugins discover` if it is new",
                {"stream": stream, "taps": taps},
            )
    return {tap: tuple(names) for tap, names in wanted.items()}


def _has(catalogue: ProjectCatalogue, tap: str, stream: str) -> bool:
    selected = catalogue.selected_streams(tap)
    bare = stream.removeprefix(f"{tap}.")
    if any(bare in (found.name, f"{tap}.{found.name}") for found in selected):
        return True
    # A tap that nobody has asked for its streams may have any; Meltano says so if it has not.
    return not any(found.discovered for found in selected)


def _suffix(partition: str | None) -> str | None:
    """A partition key as part of a state id, where Meltano allows no colon: ``05:00`` becomes ``05%3A00``."""
    return None if partition is None else partition.replace("%", "%25").replace(":", "%3A")


def environment_suffix(project: MeltanoProject) -> str | None:
    """The ``state_id_suffix`` that the project gives to the environment."""
    if not any(b"state_id_suffix" in path.read_bytes() for path in (project.file, *project.root.glob("*.y*ml"))):
        return None
    from flext_pipelines.meltano.project_files import read_project_files

    for _, _, entry in read_project_files(project.root).entries("environments"):
        if entry.get("name") == project.environment and (found := entry.get("state_id_suffix")):
            return str(found)
    return None


def _schedule_variables(catalogue: ProjectCatalogue, request: RunRequest) -> dict[str, str]:
    if request.schedule is None:
        return {}
    for schedule in catalogue.schedules:
        if schedule.name == request.schedule:
            return dict(schedule.env)
    raise NotFoundError(
        f"There is no schedule {request.schedule!r} in the project",
        _near(request.schedule, [schedule.name for schedule in catalogue.schedules]) + "Look into meltano.yml",
        {"schedule": request.schedule},
    )


def _partition_variables(catalogue: ProjectCatalogue, request: RunRequest, blocks: Iterable[Block]) -> dict[str, str]:
    """The partition for whoever wants it, and for the settings that the project says take it."""
    if request.partition is None:
        return {}
    values = {"key": request.partition, "start": request.partition_start, "end": request.partition_end}
    variables = {PARTITION_VARIABLES[name]: value for name, value in values.items() if value is not None}
    pipeline = catalogue.pipeline(request.pipeline) if request.pipeline else None
    if pipeline is not None and (partitions := pipeline.partitions) is not None:
        for tap in {block.tap for block in blocks if block.tap}:
            for name, value in values.items():
                setting = getattr(partitions, f"{name}_setting")
                if setting and value is not None:
                    variables[variable(tap, setting)] = value
    return variables


def _near(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(dict.fromkeys(names)), 3, 0.5)
    return f"Did you mean {', '.join(near)}? " if near else ""
