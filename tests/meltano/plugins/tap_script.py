"""A small well-behaved Singer tap of the standard library, with the log lines of the Singer SDK.

Rows of each stream are ``{"id": n, "name": "row n"}``, n from 1; incremental by ``id``. On SIGTERM it writes its state
and ends with 0, as taps of the SDK do. Its settings make it misbehave in the ways that tests need.
"""

import json
import os
import signal
import sys
import time


class Stopped(Exception):
    """SIGTERM came."""


def log(level, message, **extra):
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


def metric(name, value, stream, kind="counter", **tags):
    info = {"type": kind, "metric": name, "value": value, "tags": {"stream": stream, "pid": os.getpid(), **tags}}
    if CONFIG.get("structured", True):
        log("info", "METRIC", metric_info=info)
    else:
        print("INFO METRIC: " + json.dumps(info), file=sys.stderr, flush=True)


def write(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def argument(name):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


def load(name):
    path = argument(name)
    if path is None:
        return {}
    with open(path) as file:
        return json.load(file)


CONFIG = load("--config")
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": ["string", "null"]}}}


def streams():
    found = CONFIG.get("streams", "orders")
    return found.split(",") if isinstance(found, str) else found


def catalog():
    return {
        "streams": [
            {
                "tap_stream_id": name,
                "stream": name,
                "schema": SCHEMA,
                "key_properties": ["id"],
                "metadata": [
                    {
                        "breadcrumb": [],
                        "metadata": {
                            "inclusion": "available",
                            "forced-replication-method": "INCREMENTAL",
                            "replication-key": "id",
                        },
                    },
                    {"breadcrumb": ["properties", "id"], "metadata": {"inclusion": "automatic"}},
                    {"breadcrumb": ["properties", "name"], "metadata": {"inclusion": "available"}},
                ],
            }
            for name in streams()
        ]
    }


def selected(entry):
    return next((m["metadata"].get("selected", True) for m in entry["metadata"] if not m["breadcrumb"]), True)


def stop(*_):
    if CONFIG.get("ignore_sigterm"):
        log("warning", "told to stop, but I do not")
        return
    raise Stopped


def sync():
    state = load("--state") or {"bookmarks": {}}
    state.setdefault("bookmarks", {})
    wanted = [e["stream"] for e in (load("--catalog") or catalog())["streams"] if selected(e)]
    log("info", f"environment {sorted(os.environ)}")
    for garbage in range(CONFIG.get("garbage", 0)):
        sys.stderr.buffer.write(bytes([255, 0, 27, 65 + garbage % 26]) * 40 + b'{"event": "half\n')
        sys.stderr.buffer.flush()
    if CONFIG.get("long_log"):
        sys.stderr.write("x" * CONFIG["long_log"] + "\n")
    for stream in wanted:
        sync_stream(stream, state)


def sync_stream(stream, state):
    began, count = time.time(), 0
    first = state["bookmarks"].get(stream, {}).get("replication_key_value", 0) + 1
    write({"type": "SCHEMA", "stream": stream, "schema": SCHEMA, "key_properties": ["id"]})
    log("info", "Beginning incremental sync", stream=stream)
    try:
        for number in range(first, CONFIG.get("rows", 5) + 1):
            if number == CONFIG.get("fail_at"):
                fail(stream)
            if CONFIG.get("garbage_out"):
                print("this is no Singer message", flush=True)
            name = "x" * CONFIG["big_record"] if CONFIG.get("big_record") and number == 1 else f"row {number}"
            write({"type": "RECORD", "stream": stream, "record": {"id": number, "name": name}})
            count += 1
            state["bookmarks"][stream] = {"replication_key": "id", "replication_key_value": number}
            if CONFIG.get("pause"):
                time.sleep(CONFIG["pause"])
            if number % CONFIG.get("state_every", 1000000) == 0:
                write({"type": "STATE", "value": state})
    finally:
        if not CONFIG.get("silent"):
            metric("record_count", count, stream)
            metric(
                "sync_duration",
                time.time() - began,
                stream,
                "timer",
                status="failed" if sys.exc_info()[0] not in (None, Stopped) else "succeeded",
            )
        write({"type": "STATE", "value": state})


def fail(stream):
    log(
        "error",
        f"the source said no to {stream}",
        stream=stream,
        exception={
            "type": "SourceError",
            "module": "tap",
            "message": "password authentication failed",
            "traceback": [],
        },
    )
    sys.exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    if "--discover" in sys.argv:
        time.sleep(CONFIG.get("discovery_pause", 0))
        print(json.dumps(catalog()))
    else:
        try:
            sync()
        except Stopped:
            log("info", "stopped on request")
