"""A fork server that runs the target and kills it with SIGKILL at a chosen point.

Run as a script: one JSON request a line on stdin, one JSON answer a line on stdout. Each request is served by a
forked child, so that the 0.5 s of imports are paid once. A profile hook in the child counts the calls of the
database driver and of the state writer, and their returns: those are the moments between which something can change
outside of the process. The code under test is not touched.

A request may name another set of functions to watch: `ingest` and `execute` fall inside of transactions, where one
moment is as good as any other.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

WATCHED = ("commit", "write")
FILES = ("drivers/duckdb.py", "drivers/postgres.py", "target_flext_sql/states.py", "target_flext_sql/batches.py")


def _hook(kill_at: int | None, watched: tuple[str, ...], counted: list[int]) -> Any:
    def profile(frame: Any, event: str, _: Any) -> None:
        code = frame.f_code
        if event not in {"call", "return"} or code.co_name not in watched or not code.co_filename.endswith(FILES):
            return
        counted[0] += 1
        if counted[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    return profile


def _child(request: dict[str, Any]) -> None:
    from target_flext_sql.target import TargetFlextSQL

    out = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    sys.stdout = os.fdopen(1, "w")
    counted = [0]
    code = 0
    with Path(request["input"]).open("rb") as messages:
        target = TargetFlextSQL(config=request["config"])
        sys.setprofile(_hook(request["kill_at"], tuple(request.get("watched") or WATCHED), counted))
        try:
            target.run(messages)
        except Exception as error:  # noqa: BLE001 - the answer carries it to the test
            Path(request["output"] + ".error").write_text(str(error))
            code = 1
        finally:
            sys.setprofile(None)
    Path(request["output"] + ".count").write_text(str(counted[0]))
    os._exit(code)


def main() -> None:
    """Serve requests until stdin closes."""
    import adbc_driver_postgresql.dbapi
    import duckdb
    import pyarrow.parquet

    import target_flext_sql.target

    assert all((adbc_driver_postgresql.dbapi, duckdb, pyarrow.parquet, target_flext_sql.target))
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _child(json.loads(line))
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        sys.__stdout__.write(f"{status}\n")  # type: ignore[union-attr]  # set by the interpreter
        sys.__stdout__.flush()  # type: ignore[union-attr]


if __name__ == "__main__":
    main()
