"""What a Meltano project holds, as plain values: plugins, pipelines, schedules, streams.

What belongs here: the values, and how a JSON schema becomes the one word that a column type is here.
What does not: reading a project (``introspection``) and asking a tap for its streams (``discovery``).
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, JsonValue, field_validator

from flext_pipelines.values import Value

PluginType = Literal[
    "extractors", "loaders", "mappers", "utilities", "transformers", "orchestrators", "transforms", "files"
]
PLUGIN_TYPES: tuple[PluginType, ...] = (
    "extractors",
    "loaders",
    "mappers",
    "utilities",
    "transformers",
    "orchestrators",
    "transforms",
    "files",
)
"""Every plugin type of Meltano 4, in the order in which people meet them."""

PartitionKind = Literal["hourly", "daily", "weekly", "monthly", "static"]


PARTITION_VARIABLES: Mapping[str, str] = {
    "key": "FLEXT_PARTITION_KEY",
    "start": "FLEXT_PARTITION_START",
    "end": "FLEXT_PARTITION_END",
}
"""The variables by which a run tells its plugins its partition."""


class Partitions(Value):
    """How a pipeline is cut into partitions, each with a Singer state of its own.

    Declared by the project, where Meltano itself keeps what is not its own, in ``annotations`` of a job, of an
    extract-and-load schedule, or of a tap (then for every pipeline of that tap)::

        jobs:
          - name: orders
            tasks: tap-shop target-warehouse
            annotations:
              flext:
                partitions: {kind: daily, start: 2024-01-01, timezone: Europe/Berlin, start_setting: start_date}

    Attributes:
        kind: Cut by time, or by a fixed list of keys.
        start: First instant, ISO 8601; required unless ``static``.
        end: Instant after the last, ISO 8601; open when absent.
        keys: The keys of a ``static`` kind.
        timezone: IANA name in which days, weeks and months begin.
        start_setting: Setting of the tap that takes the partition's first instant.
        end_setting: Setting of the tap that takes the instant after its last.
        key_setting: Setting of the tap that takes the partition's key.
    """

    kind: PartitionKind
    start: str | None = None
    end: str | None = None
    keys: tuple[str, ...] = ()
    timezone: str = "UTC"
    start_setting: str | None = None
    end_setting: str | None = None
    key_setting: str | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        """What the environment of every run holds; the two instants only where time cuts."""
        key, *instants = PARTITION_VARIABLES.values()
        return (key,) if self.kind == "static" else (key, *instants)


class Plugin(Value):
    """One plugin as the project defines it, inheritance resolved.

    Attributes:
        name: Name in ``meltano.yml``.
        type: Meltano's plugin type.
        variant: Variant, where one is set.
        pip_url: What pip installs; credentials inside it are masked.
        python: The Python its venv is made with, where one is named.
        executable: Command inside the plugin's venv, or a path for plugins that need none.
        namespace: Meltano's namespace, after which state and schemas are named.
        capabilities: Singer capabilities, sorted.
        inherit_from: The plugin it inherits from.
        commands: Names of the commands that ``<plugin>:<command>`` runs.
        mappings: Names under which a mapper's mappings stand in a pipeline.
        load_schema: For a tap, the schema that Meltano proposes to targets.
        variables: For a target, the variables that its effective settings refer to, sorted.
        installed: False when its venv is missing; True for plugins that need none.
        venv: Folder of its venv, relative to the project's ``.meltano``; None when it needs none.
        problem: Why Meltano cannot use the definition, in a sentence.
        annotations: What the project says about it under ``annotations: {flext: ...}``.
    """

    name: str
    type: PluginType
    variant: str | None = None
    pip_url: str | None = None
    python: str | None = None
    executable: str | None = None
    namespace: str = ""
    capabilities: tuple[str, ...] = ()
    inherit_from: str | None = None
    commands: tuple[str, ...] = ()
    mappings: tuple[str, ...] = ()
    load_schema: str | None = None
    variables: tuple[str, ...] = ()
    installed: bool = False
    venv: str | None = None
    problem: str | None = None
    annotations: dict[str, JsonValue] = Field(default_factory=dict)


class Block(Value):
    """One step of a pipeline: a tap into a target, or a command of a plugin.

    Attributes:
        kind: ``el`` for extract and load, ``command`` for anything else.
        tap: The tap of an ``el`` block.
        mappers: Names of mappings between tap and target, in order.
        target: The target of an ``el`` block.
        plugin: The plugin of a ``command`` block.
        command: A ``command`` block as Meltano spells it: ``dbt:run``, or the bare plugin name.
    """

    kind: Literal["el", "command"]
    tap: str | None = None
    mappers: tuple[str, ...] = ()
    target: str | None = None
    plugin: str | None = None
    command: str | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        """The block as arguments of ``meltano run``."""
        if self.kind == "command":
            return (self.command or "",)
        return (self.tap or "", *self.mappers, self.target or "")


class Pipeline(Value):
    """A job of the project, or an extract-and-load schedule that has no job.

    Attributes:
        name: Name of the job or schedule.
        blocks: Steps in order; empty when ``problem`` says why.
        description: From ``annotations: {flext: {description: ...}}``.
        partitions: How it is partitioned, if it is.
        source: What of the project it comes from.
        state_id: The state id that Meltano itself gives to an extract-and-load schedule; None for jobs.
        problem: Why it cannot run, in a sentence: an unknown plugin, a tap without a target.
        annotations: What the project says about it under ``annotations: {flext: ...}``.
    """

    name: str
    blocks: tuple[Block, ...] = ()
    description: str = ""
    partitions: Partitions | None = None
    source: Literal["job", "schedule"] = "job"
    state_id: str | None = None
    problem: str | None = None
    annotations: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The whole pipeline as arguments of ``meltano run``."""
        return tuple(argument for block in self.blocks for argument in block.arguments)

    @property
    def taps(self) -> tuple[str, ...]:
        """The taps it reads from, in order, each once."""
        return tuple(dict.fromkeys(block.tap for block in self.blocks if block.tap))


class Schedule(Value):
    """When a pipeline runs by itself.

    Attributes:
        name: Name of the schedule.
        pipeline: Name of the pipeline it runs.
        cron: Five-field cron expression, aliases such as ``@daily`` resolved; None for ``@once`` and ``@manual``.
        timezone: IANA name. Meltano has no field for it: from ``annotations: {flext: {timezone: ...}}``,
            else from a plain ``timezone`` key (Meltano keeps unknown keys of a schedule), else UTC.
        env: Environment of its runs. Values may be secret, so they are not shown.
        problem: Why it cannot run, in a sentence.
        annotations: What the project says about it under ``annotations: {flext: ...}``.
    """

    name: str
    pipeline: str
    cron: str | None = None
    timezone: str = "UTC"
    env: dict[str, str] = Field(default_factory=dict, repr=False)
    problem: str | None = None
    annotations: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def enabled(self) -> bool:
        """Whether it ticks until somebody stops it; else it waits until somebody starts it."""
        return self.annotations.get("enabled") is True


class Stream(Value):
    """One stream of a tap, select rules and metadata applied as Meltano applies them.

    Attributes:
        tap: Name of the tap.
        name: Singer's ``tap_stream_id``.
        selected: Whether a run extracts it.
        replication_method: ``INCREMENTAL``, ``FULL_TABLE`` or ``LOG_BASED``, where the catalog says so.
        replication_key: Column of the bookmark.
        keys: Primary key columns.
        columns: Selected columns with their JSON type (``json_type``), in the catalog's order.
        discovered: False when no catalog is known and the name comes from select rules or from the tap.
    """

    tap: str
    name: str
    selected: bool = True
    replication_method: str | None = None
    replication_key: str | None = None
    keys: tuple[str, ...] = ()
    columns: dict[str, str] = Field(default_factory=dict)
    discovered: bool = False


class ProjectCatalogue(Value):
    """Everything a door needs to know of a project, for one Meltano environment.

    Attributes:
        environment: The Meltano environment it was read in.
        environments: Every environment of the project.
        plugins: In the order of the project's files, by type.
        pipelines: Jobs, then extract-and-load schedules.
        schedules: In the order of the project's files.
        streams: By tap; taps that no snapshot describes are in there too (see ``Stream.discovered``).
        fingerprint: Changes when any file or variable that it was read from changes.
    """

    environment: str
    environments: tuple[str, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    pipelines: tuple[Pipeline, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    streams: dict[str, tuple[Stream, ...]] = Field(default_factory=dict)
    fingerprint: str = ""

    @field_validator("fingerprint")
    @classmethod
    def _hexadecimal(cls, value: str) -> str:
        """A fingerprint is a hash, so that no file content can hide in it."""
        int(value or "0", 16)
        return value

    def plugin(self, name: str, kind: PluginType | None = None) -> Plugin | None:
        """The plugin of that name (and type, where two types share a name)."""
        return next((p for p in self.plugins if p.name == name and kind in {None, p.type}), None)

    def pipeline(self, name: str) -> Pipeline | None:
        """The pipeline of that name."""
        return next((p for p in self.pipelines if p.name == name), None)

    def selected_streams(self, tap: str) -> tuple[Stream, ...]:
        """The streams of a tap that a run extracts."""
        return tuple(stream for stream in self.streams.get(tap, ()) if stream.selected)

    def stands_for_all_streams(self, tap: str) -> bool:
        """Whether nobody asked the tap yet what it offers, so that one stream of its name stands for all of them."""
        return any(stream.name == tap and not stream.discovered for stream in self.streams.get(tap, ()))


def json_type(schema: Mapping[str, object]) -> str:
    """The one word for the type of a column, from its JSON schema.

    ``null`` is left out, a string's ``format`` stands for itself (``date-time``, ``date``), alternatives are
    joined by ``|``: ``integer``, ``string``, ``date-time``, ``number|string``, ``any`` when nothing is said.
    """
    found: list[str] = []
    for key in ("anyOf", "oneOf"):
        alternatives = schema.get(key)
        if isinstance(alternatives, list):
            found += [json_type(part) for part in alternatives if isinstance(part, Mapping)]
    declared = schema.get("type")
    for name in declared if isinstance(declared, list) else [declared]:
        if name == "string" and isinstance(schema.get("format"), str):
            found.append(str(schema["format"]))
        elif isinstance(name, str) and name != "null":
            found.append(name)
    words = [word for word in dict.fromkeys(found) if word not in {"any", "null"}]
    return "|".join(words) or "any"
