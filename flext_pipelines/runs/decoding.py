"""Runs, events and what they carry, read out of the JSON in which Dagster stores them.

That JSON names its classes by *storage names* that Dagster keeps for ever (``PipelineRun``, ``EventMetadataEntry``), so
both readers of the storage, the one by SQL and the one by Dagster's API, decode it here and cannot disagree.

What belongs here: decoding. What does not: the values themselves (``record``), any access to a storage.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, cast

from flext_pipelines.runs.failures import told_by_storage
from flext_pipelines.runs.location import RUN_STATUS, Tag
from flext_pipelines.runs.record import (
    CHECK_EVENT,
    LEVELS,
    AssetRecord,
    Capture,
    CheckResult,
    Event,
    EventError,
    Level,
    Materialization,
    RunRecord,
    WorkerProcess,
)

Json = dict[str, Any]
"""A decoded JSON object; its values are whatever Dagster stored."""


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as a UTC time."""
    return datetime.fromtimestamp(seconds, UTC)


def decode_run(body: str, *, status: str, created: float, started: float | None, ended: float | None) -> RunRecord:
    """A run from its stored JSON and the columns that stand beside it.

    Args:
        body: The serialized ``DagsterRun``.
        status: Dagster's status.
        created: Seconds since the epoch, as ``started`` and ``ended``.
        started: See above.
        ended: See above.
    """
    run: Json = json.loads(body)
    tags: dict[str, str] = run.get("tags") or {}
    selection = run.get("asset_selection") or {}
    chosen = selection.get("__frozenset__") or selection.get("__set__") or ()
    return RunRecord(
        run_id=run["run_id"],
        job=run["pipeline_name"],
        pipeline=tags.get(Tag.PIPELINE),
        status=RUN_STATUS[status],
        dagster_status=status,
        tags=tags,
        assets=tuple(sorted("/".join(key["path"]) for key in chosen)),
        partition=tags.get(Tag.PARTITION),
        created_at=moment(created),
        started_at=moment(started) if started else None,
        ended_at=moment(ended) if ended else None,
        root_run_id=run.get("root_run_id"),
    )


def decode_event(cursor: int, text: str) -> Event:
    """An event from its stored JSON."""
    entry: Json = json.loads(text)
    dagster_event: Json = entry.get("dagster_event") or {}
    return Event(
        cursor=cursor,
        time=moment(entry["timestamp"]),
        level=_level_of(entry, dagster_event),
        kind=_modern(dagster_event.get("event_type_value") or "LOG"),
        message=entry.get("user_message") or dagster_event.get("message") or entry.get("message") or "",
        step=entry.get("step_key"),
        error=_error_of(entry, dagster_event),
    )


def _modern(event_type: str) -> str:
    """Dagster stores ``PIPELINE_START`` and shows ``RUN_START``; we show what its documents say."""
    return event_type.replace("PIPELINE_", "RUN_", 1)


def stored_type(event_type: str) -> str:
    """The other way round: the event type as the storage names it."""
    return event_type.replace("RUN_", "PIPELINE_", 1)


def _level_of(entry: Json, dagster_event: Json) -> Level:
    """The level that was stored; Dagster stores a failed asset check as a line for debugging, and it is a warning."""
    number = int(entry["level"])
    if dagster_event.get("event_type_value") == CHECK_EVENT and not dagster_event["event_specific_data"]["success"]:
        number = max(number, LEVELS["warning"])
    below: Level = "debug"
    for name, value in LEVELS.items():
        if number >= value:
            below = name
    return below


def _error_of(entry: Json, dagster_event: Json) -> EventError | None:
    """The failure that an event reports, if it does."""
    data: Json = dagster_event.get("event_specific_data") or {}
    nested: Json = data.get("first_step_failure_event") or {}
    if nested:
        return _error_of({"step_key": nested.get("step_key")}, nested)
    error: Json | None = data.get("error") or entry.get("error_info")
    user: Json = data.get("user_failure_data") or {}
    if not error and not user:
        return None
    facts = decode_metadata(user.get("metadata_entries") or [])
    cause = _root_cause(error) if error else {}
    reason = user.get("description") or _without_class(cause)
    if not user and (full := told_by_storage(reason)) is not None:
        return EventError(
            reason=full.reason, instruction=full.instruction, code=full.code, step=entry.get("step_key"), details={}
        )
    return EventError(
        reason=str(facts.pop("reason", reason)),
        instruction=str(facts.pop("instruction", "")),
        code=str(facts.pop("code", cause.get("cls_name") or "")),
        step=entry.get("step_key"),
        details=facts,
    )


def _root_cause(error: Json) -> Json:
    """The error that code of the step raised, below those that Dagster wraps around it."""
    while error.get("cause") and str(error.get("cls_name", "")).startswith("Dagster"):
        error = error["cause"]
    return error


def _without_class(error: Json) -> str:
    """``pkg.SomeError: text`` without the class path that ``traceback`` puts in front."""
    text = str(error.get("message") or "").strip()
    head, separator, rest = text.partition(": ")
    return rest if separator and head.rpartition(".")[2] == error.get("cls_name") and rest else text


def decode_materialization(cursor: int, text: str) -> Materialization:
    """The materialization that an event of type ``ASSET_MATERIALIZATION`` carries."""
    entry: Json = json.loads(text)
    made: Json = entry["dagster_event"]["event_specific_data"]["materialization"]
    return Materialization(
        cursor=cursor,
        asset="/".join(made["asset_key"]["path"]),
        partition=made.get("partition"),
        time=moment(entry["timestamp"]),
        metadata=decode_metadata(made.get("metadata_entries") or []),
    )


def decode_check(text: str) -> CheckResult:
    """The result that an event of type ``ASSET_CHECK_EVALUATION`` carries."""
    data: Json = json.loads(text)["dagster_event"]["event_specific_data"]
    severity = (data.get("severity") or {}).get("__enum__", "")
    return CheckResult(
        asset="/".join(data["asset_key"]["path"]),
        check=data["check_name"],
        passed=data["success"],
        severity="warning" if severity == "AssetCheckSeverity.WARN" else "error",
        blocking=bool(data.get("blocking")),
        description=data.get("description") or "",
    )


def decode_output(text: str) -> dict[str, object]:
    """The metadata that a step put on an output, from an event of type ``STEP_OUTPUT``."""
    entry: Json = json.loads(text)
    return decode_metadata(entry["dagster_event"]["event_specific_data"].get("metadata_entries") or [])


def decode_metadata(entries: list[Json]) -> dict[str, object]:
    """Metadata entries as plain values by label."""
    return {entry["label"]: _plain(entry.get("entry_data") or {}) for entry in entries}


def _plain(data: Json) -> object:
    """One metadata value: numbers, text and JSON as they are, a table schema as column to type."""
    schema = data.get("schema")
    if data.get("__class__") == "TableSchemaMetadataEntryData" and isinstance(schema, dict):
        return {column["name"]: column["type"] for column in schema["columns"]}
    for field in ("value", "text", "data", "md_str", "url", "path"):
        if field in data:
            return cast("object", data[field])
    if "asset_key" in data:
        return "/".join(data["asset_key"]["path"])
    return None


def decode_worker(text: str, host: str | None) -> WorkerProcess | None:
    """The process that an engine event says has begun to perform the run.

    Dagster writes it when a run worker starts (``Started process for run``) and when an executor begins its steps in
    its own process (``Executing steps in process``).
    """
    entry: Json = json.loads(text)
    event: Json = entry.get("dagster_event") or {}
    message = str(event.get("message") or "")
    if not message.startswith(("Started process for run", "Executing steps in process")):
        return None
    facts = decode_metadata((event.get("event_specific_data") or {}).get("metadata_entries") or [])
    pid = str(facts.get("pid") or "")
    if not pid.isdigit():
        return None
    return WorkerProcess(pid=int(pid), host=host, started=entry["timestamp"], exact=False)


def decode_capture(text: str) -> Capture:
    """The compute log that an event of type ``LOGS_CAPTURED`` names."""
    data: Json = json.loads(text)["dagster_event"]["event_specific_data"]
    return Capture(key=data["log_key"], steps=tuple(data.get("step_keys") or ()))


def decode_asset(key: str, last: str) -> AssetRecord:
    """An asset from its stored key and the stored event that made it last."""
    record: Json = json.loads(last)
    entry: Json = record.get("event_log_entry") or record
    return AssetRecord(
        asset="/".join(json.loads(key)), run_id=entry.get("run_id"), materialized_at=moment(entry["timestamp"])
    )
