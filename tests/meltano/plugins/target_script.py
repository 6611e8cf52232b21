"""A small well-behaved Singer target: one JSONL file per stream, state written back once the rows are on disk."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

CONFIG: dict[str, Any] = json.loads(Path(sys.argv[sys.argv.index("--config") + 1]).read_text())
OUT = Path(CONFIG["folder"])


def log(level: str, message: str, **extra: Any) -> None:
    """One line on standard error, as the SDK's structured formatter writes it, or as plain text."""
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


def metric(name: str, value: int, stream: str) -> None:
    """A count, with the table that the rows went to."""
    tags = {"stream": stream, "table": f"main.{stream}"}
    log("info", "METRIC", metric_info={"type": "counter", "metric": name, "value": value, "tags": tags})


class Loads:
    """The streams so far."""

    def __init__(self) -> None:
        self.seen = 0
        self.counts: dict[str, int] = {}
        self.rejects: dict[str, int] = {}

    def take(self, message: dict[str, Any]) -> None:
        """One Singer message."""
        if message["type"] == "SCHEMA":
            self.counts.setdefault(message["stream"], 0)
            self.rejects.setdefault(message["stream"], 0)
        elif message["type"] == "RECORD":
            self.take_record(message["stream"], message["record"])
        elif message["type"] == "STATE" and not CONFIG.get("forget_state"):
            print(json.dumps(message["value"]), flush=True)

    def take_record(self, stream: str, record: dict[str, Any]) -> None:
        """One row, or what the settings want in its place."""
        self.seen += 1
        if self.seen == CONFIG.get("fail_at"):
            cause = {"type": "OSError", "module": "builtins", "message": "28"}
            said = {"type": "LoadError", "module": "target", "message": "no room in the warehouse", "traceback": []}
            log("error", "disk quota exceeded", stream=stream, exception=said | {"cause": cause})
            sys.exit(1)
        if self.seen == CONFIG.get("reject_at"):
            self.rejects[stream] += 1
        elif self.seen != CONFIG.get("lose_at"):
            with (OUT / f"{stream}.jsonl").open("a") as file:
                file.write(json.dumps(record) + "\n")
            self.counts[stream] += 1
        if CONFIG.get("pause"):
            time.sleep(CONFIG["pause"])


def main() -> None:
    """Until the tap is done."""
    OUT.mkdir(parents=True, exist_ok=True)
    loads = Loads()
    log("info", "target is ready")
    for line in sys.stdin:
        try:
            message = json.loads(line)
        except ValueError:
            log("error", f"cannot read {line[:40]!r}: what: no Singer message, next: look at the tap")
            sys.exit(1)
        loads.take(message)
    for stream, count in loads.counts.items():
        metric("record_count", count, stream)
        metric("records_rejected", loads.rejects[stream], stream)


if __name__ == "__main__":
    main()
