"""A small well-behaved Singer target: one JSONL file per stream, state written back once the rows are on disk."""

import json
import os
import sys
import time
from pathlib import Path

CONFIG = json.loads(Path(sys.argv[sys.argv.index("--config") + 1]).read_text())
OUT = Path(CONFIG["folder"])


def log(level, message, **extra):
    if not CONFIG.get("structured", True):
        print(f"{level.upper()} {message}", file=sys.stderr, flush=True)
        return
    record = {
        "level": level,
        "pid": os.getpid(),
        "logger_name": "target-script",
        "ts": time.time(),
        "thread_name": "MainThread",
        "app_name": "target-script",
        "stream_name": extra.pop("stream", None),
        "message": message,
    }
    if "exception" in extra:
        record["exception"] = extra.pop("exception")
    print(json.dumps(record | {"extra": extra}), file=sys.stderr, flush=True)


def metric(name, value, stream):
    info = {"type": "counter", "metric": name, "value": value, "tags": {"stream": stream, "table": f"main.{stream}"}}
    log("info", "METRIC", metric_info=info)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    files, counts, rejects, seen = {}, {}, {}, 0
    log("info", "target is ready")
    for line in sys.stdin:
        try:
            message = json.loads(line)
        except ValueError:
            log("error", f"cannot read {line[:40]!r}: what: no Singer message, next: look at the tap")
            sys.exit(1)
        stream = message.get("stream")
        if message["type"] == "SCHEMA":
            files.setdefault(stream, (OUT / f"{stream}.jsonl").open("a"))
            counts.setdefault(stream, 0)
        elif message["type"] == "RECORD":
            seen += 1
            if seen == CONFIG.get("fail_at"):
                log(
                    "error",
                    "disk quota exceeded",
                    stream=stream,
                    exception={
                        "type": "LoadError",
                        "module": "target",
                        "message": "no room in the warehouse",
                        "traceback": [],
                        "cause": {"type": "OSError", "message": "28"},
                    },
                )
                sys.exit(1)
            if seen == CONFIG.get("reject_at"):
                rejects[stream] = rejects.get(stream, 0) + 1
                continue
            if seen == CONFIG.get("lose_at"):
                continue
            files[stream].write(json.dumps(message["record"]) + "\n")
            counts[stream] += 1
            if CONFIG.get("pause"):
                time.sleep(CONFIG["pause"])
        elif message["type"] == "STATE":
            for file in files.values():
                file.flush()
            if not CONFIG.get("forget_state"):
                print(json.dumps(message["value"]), flush=True)
    for stream, count in counts.items():
        metric("record_count", count, stream)
        metric("records_rejected", rejects.get(stream, 0), stream)


if __name__ == "__main__":
    main()
