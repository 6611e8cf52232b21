"""Names that ``runs`` and ``assets`` share: code location, jobs, asset keys, tags, metadata, run options, statuses.

A name is written here once, so that what an asset records is what a query looks for, and what a shell
launches is what the code location offers.

What belongs here: names and the rules that make them; plain Python, no dagster. What does not: definitions.
"""

import keyword
import re
from collections.abc import Iterable, Mapping
from typing import Final, Literal

CODE_LOCATION: Final = "flext_pipelines"
DEFINITIONS_MODULE: Final = "flext_pipelines.definitions"
DEFINITIONS_ATTRIBUTE: Final = "defs"
REPOSITORY: Final = "__repository__"
"""The name that Dagster gives to the repository made of a ``Definitions`` object."""

POSTGRES_URL_VARIABLE: Final = "FLEXT_DAGSTER_POSTGRES_URL"
"""Where Dagster itself finds the URL of its storage; the variable of the setting of that name."""

MESSAGE_JOB: Final = "message"
"""The job that performs any one command given as run config; see ``message_run_config``."""
MESSAGE_OP: Final = "send"
ANSWER: Final = "result"
"""Metadata key under which the answer of a message stands on its op's output."""
ETL_JOB: Final = "etl"
"""The job of four ops: extract, validate, transform, load."""
OUD_JOB: Final = "oud_migration"
"""The job of one asset for each phase of a directory migration; also the first part of their keys, and the resource
whose config is the message that they send."""
RUN_OPTIONS_RESOURCE: Final = "run_options"
"""The resource of every pipeline job whose config carries the options of one run; see ``run_options_config``."""

# Words that Dagster's own name check refuses (dagster/_core/definitions/utils.py, DISALLOWED_NAMES).
_DAGSTER_WORDS = frozenset(
    {"context", "conf", "config", "meta", "arg_dict", "dict", "input_arg_dict", "output_arg_dict"}
    | {"int", "str", "float", "bool", "input", "output", "type"}
    | set(keyword.kwlist)
)
_RESERVED_JOBS = frozenset({MESSAGE_JOB, ETL_JOB, OUD_JOB, "install_plugin", "configure_plugin", "upgrade_plugin"})
_FORBIDDEN_IN_JOB = re.compile(r"[^A-Za-z0-9_]")


class Tag:
    """Run tags. Those under ``flext/`` are ours; the rest are Dagster's."""

    PIPELINE: Final = "flext/pipeline"
    ENVIRONMENT: Final = "flext/environment"
    ACTOR: Final = "flext/actor"
    SOURCE: Final = "flext/source"
    CORRELATION_ID: Final = "flext/correlation_id"
    MESSAGE: Final = "flext/message"
    STEP_RETRIES: Final = "flext/step_retries"
    """How often a step that failed for a passing reason is tried again within the run."""
    PID: Final = "flext/pid"
    HOST: Final = "flext/host"
    PROCESS_STARTED: Final = "flext/process_started"
    """Start time of the process ``PID``, seconds since the epoch: tells it from a later one with the same number."""
    USER: Final = "user"
    PARTITION: Final = "dagster/partition"
    SCHEDULE: Final = "dagster/schedule_name"
    SENSOR: Final = "dagster/sensor_name"
    BACKFILL: Final = "dagster/backfill"
    MAX_RETRIES: Final = "dagster/max_retries"
    MAX_RUNTIME: Final = "dagster/max_runtime"
    PARENT_RUN: Final = "dagster/parent_run_id"
    GRPC_INFO: Final = ".dagster/grpc_info"


class Meta:
    """Metadata keys of a stream's materialization. Rows are those moved in this run, not those in the table.

    ``TAP`` and ``STREAM`` stand in the asset's definition too: what a tap extracts has them, and nothing else has.
    """

    TAP: Final = "flext/tap"
    STREAM: Final = "flext/stream"
    ROWS_EXTRACTED: Final = "rows_extracted"
    ROWS_LOADED: Final = "rows_loaded"
    ROWS_REJECTED: Final = "rows_rejected"
    ROWS_DEDUPLICATED: Final = "rows_deduplicated"
    BYTES: Final = "bytes"
    SECONDS: Final = "seconds"
    BOOKMARK_BEFORE: Final = "bookmark_before"
    BOOKMARK_AFTER: Final = "bookmark_after"
    REPLICATION_KEY: Final = "replication_key"
    COLUMN_SCHEMA: Final = "dagster/column_schema"
    TABLE_NAME: Final = "dagster/table_name"
    STATE_ID: Final = "flext/state_id"
    PIPELINE: Final = "flext/pipeline"
    ENVIRONMENT: Final = "flext/environment"
    PLUGINS: Final = "flext/plugins"


RunStatus = Literal["pending", "running", "completed", "failed", "cancelled"]
"""What a run comes to, in the words of the mission."""

RUN_STATUS: Final[Mapping[str, RunStatus]] = {
    "QUEUED": "pending",
    "NOT_STARTED": "pending",
    "MANAGED": "pending",
    "STARTING": "pending",
    "STARTED": "running",
    "SUSPENDED": "running",
    "CANCELING": "running",
    "SUCCESS": "completed",
    "FAILURE": "failed",
    "CANCELED": "cancelled",
}
"""From Dagster's run status to ours; every status of Dagster is here, which a test proves."""

FINISHED: Final = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
"""Dagster's statuses that do not change any more."""


def dagster_name(name: str) -> str:
    """A name that Dagster takes: letters, digits and ``_``."""
    return _FORBIDDEN_IN_JOB.sub("_", name) or "_"


def job_name(pipeline: str) -> str:
    """The Dagster job of one pipeline: what Dagster forbids becomes ``_``, a name it keeps for itself gets one more.

    >>> job_name("wms-daily"), job_name("etl"), job_name("2024")
    ('wms_daily', 'etl_', '2024')
    """
    name = dagster_name(pipeline)
    return f"{name}_" if name in _DAGSTER_WORDS or name in _RESERVED_JOBS else name


def job_names(pipelines: Iterable[str]) -> dict[str, str]:
    """The job of each pipeline; of those that would share a name, the later by name gets ``_2``, ``_3``, ...

    >>> job_names(["a-b", "a_b", "c"])
    {'a-b': 'a_b', 'a_b': 'a_b_2', 'c': 'c'}
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for pipeline in sorted(set(pipelines)):
        base = name = job_name(pipeline)
        number = 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        names[pipeline] = name
    return names


def asset_path(namespace: str, stream: str) -> tuple[str, str]:
    """The asset key of a stream: where it is loaded (target schema, else pipeline), then the stream.

    Dagster writes keys with ``/`` between their parts, so that a part may not hold one.
    """
    return namespace.replace("/", "_"), stream.replace("/", "_")


def tap_pool(tap: str) -> str:
    """The concurrency pool of a tap: with the default limit of one, one block of it runs at a time."""
    return f"meltano_{dagster_name(tap)}"


def message_run_config(message: str, payload: Mapping[str, object]) -> dict[str, object]:
    """The run config that makes ``MESSAGE_JOB`` send one command.

    Args:
        message: The public name, for instance ``plugins.InstallPlugin``.
        payload: Its fields as plain JSON values, secrets left out.
    """
    return {"ops": {MESSAGE_OP: {"config": {"message": message, "payload": dict(payload)}}}}


def migration_run_config(payload: Mapping[str, object]) -> dict[str, object]:
    """The run config of ``OUD_JOB``: the fields of the message that each phase sends, without its phases."""
    return {"resources": {OUD_JOB: {"config": dict(payload)}}}


def run_options_config(**options: object) -> dict[str, object]:
    """The run config that hands the options of one run to a pipeline job, whatever its ops are called.

    Options that are None are left out, so that the resource's defaults hold. The names are the fields of the
    resource: ``environment``, ``full_refresh``, ``config_overrides``, ``timeout_seconds``. Never a secret: Dagster
    stores run config in plain text.
    """
    config = {name: value for name, value in options.items() if value is not None}
    return {"resources": {RUN_OPTIONS_RESOURCE: {"config": config}}} if config else {}
