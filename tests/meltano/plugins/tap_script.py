"""A small well-behaved Singer tap of the standard library, with the log lines of the Singer SDK.

Rows of each stream are ``{"id": n, "name": "row n"}``, n from 1; incremental by ``id``. On SIGTERM it writes its state
and ends with 0, as taps of the SDK do. Its settings make it misbehave in the ways that tests need.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any


def log(level: str, message: str, **extra: Any) -> None:
    """One line on standard error, as the SDK's structured formatter writes it, or as plain text."""
    if not CONFIG.get("structured", True):
        print(f"{level.upper()} {message}", file=sys.stderr, flush=True)
        return
    record = {
        "level": level,
        "pid": os.getpid(),
        "logger_name": "tap-script",
        "ts": time.time(),
        "thread_name": "MainThread",
        "app_name": "tap-script",
        "stream_name": extra.pop("stream", None),
        "message": message,
    }
    if "exception" in extra:
        record["exception"] = extra.pop("exception")
    print(json.dumps(record | {"extra": extra}), file=sys.stderr, flush=True)


def metric(name: str, value: float, stream: str, kind: str = "counter", **tags: Any) -> None:
    """A measurement, structured or as singer-python writes it."""
    info = {"type": kind, "metric": name, "value": value, "tags": {"stream": stream, "pid": os.getpid(), **tags}}
    if CONFIG.get("structured", True):
        log("info", "METRIC", metric_info=info)
    else:
        print("INFO METRIC: " + json.dumps(info), file=sys.stderr, flush=True)


def write(message: dict[str, Any]) -> None:
    """A Singer message."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def load(option: str) -> dict[str, Any]:
    """The JSON file that an option names; empty when it is not given."""
    if option not in sys.argv:
        return {}
    found: dict[str, Any] = json.loads(Path(sys.argv[sys.argv.index(option) + 1]).read_text())
    return found


CONFIG = load("--config")
STOPPED: list[bool] = []
"""Not empty once SIGTERM came; a row that was begun is finished first, so that state and rows agree."""
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": ["string", "null"]}}}


def entry(name: str) -> dict[str, Any]:
    """A stream in the catalog."""
    own = {"inclusion": "available", "forced-replication-method": "INCREMENTAL", "replication-key": "id"}
    return {
        "tap_stream_id": name,
        "stream": name,
        "schema": SCHEMA,
        "key_properties": ["id"],
        "metadata": [
            {"breadcrumb": [], "metadata": own},
            {"breadcrumb": ["properties", "id"], "metadata": {"inclusion": "automatic"}},
            {"breadcrumb": ["properties", "name"], "metadata": {"inclusion": "available"}},
        ],
    }


def catalog() -> dict[str, Any]:
    """What the tap offers."""
    return {"streams": [entry(name) for name in CONFIG.get("streams", "orders").split(",")]}


def selected(found: dict[str, Any]) -> bool:
    """Whether the catalog wants the stream."""
    return any(m["metadata"].get("selected", True) for m in found["metadata"] if not m["breadcrumb"])


def stop(*_: object) -> None:
    """What SIGTERM does."""
    if CONFIG.get("ignore_sigterm"):
        log("warning", "told to stop, but I do not")
    else:
        STOPPED.append(True)


def sync() -> None:
    """Every selected stream, one after the other."""
    state = {"bookmarks": {}} | load("--state")
    log("info", f"variables {sorted(os.environ)} parent {os.getppid()}.")
    for number in range(CONFIG.get("garbage", 0)):
        sys.stderr.buffer.write(bytes([255, 0, 27, 65 + number % 26]) * 40 + b'{"event": "half\n')
        sys.stderr.buffer.flush()
    if CONFIG.get("long_log"):
        sys.stderr.write("x" * CONFIG["long_log"] + "\n")
    if CONFIG.get("tell"):
        log("info", f"{CONFIG['tell']} is {os.environ.get(CONFIG['tell'])}")
    for found in (load("--catalog") or catalog())["streams"]:
        if selected(found) and not STOPPED:
            sync_stream(found["stream"], state)


def sync_stream(stream: str, state: dict[str, Any]) -> None:
    """One stream from its bookmark to its end."""
    began, count, status = time.time(), 0, "failed"
    first = state["bookmarks"].get(stream, {}).get("replication_key_value", 0) + 1
    write({"type": "SCHEMA", "stream": stream, "schema": SCHEMA, "key_properties": ["id"]})
    log("info", "Beginning incremental sync", stream=stream)
    try:
        for number in range(first, CONFIG.get("rows", 5) + 1):
            row(stream, number)
            count += 1
            state["bookmarks"][stream] = {"replication_key": "id", "replication_key_value": number}
            if number % CONFIG.get("state_every", 1_000_000) == 0:
                write({"type": "STATE", "value": state})
            if STOPPED:
                log("info", "stopped on request")
                return
        status = "succeeded"
    finally:
        if not CONFIG.get("silent"):
            metric("record_count", count, stream)
            metric("sync_duration", time.time() - began, stream, "timer", status=status)
        write({"type": "STATE", "value": state})


def row(stream: str, number: int) -> None:
    """One record, or what the settings want in its place."""
    if number == CONFIG.get("fail_at"):
        said = {"type": "SourceError", "module": "tap", "message": "the ledger is closed", "traceback": []}
        log("error", f"the source said no to {stream}", stream=stream, exception=said)
        sys.exit(1)
    if CONFIG.get("garbage_out"):
        print("this is no Singer message", flush=True)
    name = "x" * CONFIG["big_record"] if CONFIG.get("big_record") and number == 1 else f"row {number}"
    write({"type": "RECORD", "stream": stream, "record": {"id": number, "name": name}})
    if CONFIG.get("pause"):
        time.sleep(CONFIG["pause"])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    if "--discover" in sys.argv:
        time.sleep(CONFIG.get("discovery_pause", 0))
        print(json.dumps(catalog()))
    else:
        sync()
