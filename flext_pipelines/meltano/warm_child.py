"""A Meltano that has done its imports and waits for its one run. A program of its own, run by Meltano's Python.

It gets its request as one JSON line through a pipe, makes the environment and folder its own, and runs the ``meltano``
script as Python would have run it from the start: same process, same session, same signals. If the pipe closes
instead, it ends.

What belongs here: waiting and becoming Meltano, with the standard library and Meltano only. What does not: who starts
and uses it (``warm``).
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import sys
import time

# What `meltano run` imports by and by (seen in sys.modules); a name that another Meltano has not is left out.
_NEEDED = (
    "meltano.core.meltano_file",
    "meltano.core.migration_service",
    "meltano.core.state_store.db",
    "alembic.command",
    "alembic.autogenerate.compare",
    "alembic.runtime.migration",
    "mako.template",
    "sqlalchemy.dialects.sqlite",
    "sqlite3",
)


def main() -> None:
    """Import, wait, become Meltano."""
    control, status, executable = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    # As for a script: its own folder first. Ours must not be there, since it has modules named like others'.
    sys.path[0] = os.path.dirname(executable)  # noqa: PTH120  pathlib is not needed otherwise
    sys.argv = [executable]
    gc.disable()  # what imports make stays: to look through it for garbage costs a quarter of their time
    importlib.import_module("meltano.cli")
    for name in _NEEDED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    gc.enable()
    with os.fdopen(control, "rb") as pipe:
        line = pipe.readline()
    if not line.endswith(b"\n"):
        return  # whoever warmed us is gone, or does not need us
    request = json.loads(line)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["cwd"])
    sys.argv = request["argv"]
    os.write(status, b"started\n")
    os.close(status)
    runpy.run_path(executable, run_name="__main__")


if __name__ == "__main__":
    main()
