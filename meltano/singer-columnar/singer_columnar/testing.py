"""What a tap's own tests need: to run it, in this process or as one, and to read what it says.

Not imported by anything else here: it needs no more than the tap itself, but only tests have a use for it.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_columnar.tap import ColumnarTap

Json = dict[str, Any]
"""An object of JSON: free-form, hence ``Any``."""


@dataclass
class Output:
    """The messages of one run, in their order."""

    messages: list[Json] = field(default_factory=list)

    def of(self, kind: str) -> list[Json]:
        """Messages of one type."""
        return [message for message in self.messages if message["type"] == kind]

    @property
    def records(self) -> list[Json]:
        """The records of RECORD messages."""
        return [message["record"] for message in self.of("RECORD")]

    @property
    def state(self) -> Json:
        """The last state."""
        value: Json = self.of("STATE")[-1]["value"]
        return value

    @property
    def schema(self) -> Json:
        """Properties of the only stream's schema."""
        properties: Json = self.of("SCHEMA")[-1]["schema"]["properties"]
        return properties

    @property
    def files(self) -> list[Path]:
        """The files of the BATCH messages."""
        return [Path(unquote(urlparse(uri).path)) for message in self.of("BATCH") for uri in message["manifest"]]

    @property
    def table(self) -> pa.Table:
        """The rows of all BATCH files."""
        return pa.concat_tables([pq.read_table(path) for path in self.files])

    @property
    def kinds(self) -> list[str]:
        """The types of the messages."""
        return [message["type"] for message in self.messages]


def parse(text: str) -> Output:
    """Read JSON lines."""
    return Output([json.loads(line) for line in text.split("\n") if line])


def batches_in(folder: Path, **more: object) -> Json:
    """A batch configuration for Parquet files in a folder."""
    encoding = {"format": "parquet", "compression": "zstd"}
    return {"batch_config": {"encoding": encoding, "storage": {"root": folder.as_uri()}}, **more}


@dataclass(frozen=True)
class Ended:
    """A process that ended."""

    code: int
    output: str
    log: str


class TapRunner:
    """Runs a tap.

    Args:
        tap: Its class; as a process it is ``python -m`` of the class's package.
    """

    def __init__(self, tap: type[ColumnarTap]) -> None:
        self._tap = tap

    def sync(self, config: Json, catalog: Json | None = None, state: Json | None = None) -> Output:
        """Run the tap in this process."""
        buffer = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with contextlib.redirect_stdout(buffer):
            self._tap(config=copy.deepcopy(config), catalog=catalog, state=copy.deepcopy(state)).run_sync()
        buffer.seek(0)
        return parse(buffer.read())

    def discover(self, config: Json) -> Json:
        """The catalog, as ``--discover`` prints it."""
        catalog: Json = json.loads(self._tap(config=copy.deepcopy(config), setup_mapper=False).catalog_json_text)
        return catalog

    def start(self, folder: Path, config: Json, *, catalog: Json | None = None, state: Json | None = None,
              stdout: Any = subprocess.PIPE, discover: bool = False,
              prefix: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:  # fmt: skip
        """Start the tap as a process."""
        (folder / "config.json").write_text(json.dumps(config))
        package = self._tap.__module__.partition(".")[0]
        command = [sys.executable, "-m", package, "--config", str(folder / "config.json")]
        for name, content in (("catalog", catalog), ("state", state)):
            if content is not None:
                (folder / f"{name}.json").write_text(json.dumps(content))
                command += [f"--{name}", str(folder / f"{name}.json")]
        if discover:
            command.append("--discover")
        # As Meltano is run: without buffering, a write that a signal interrupts is cut short (see message_writer).
        unbuffered = {**os.environ, "PYTHONUNBUFFERED": "1"}
        return subprocess.Popen(  # noqa: S603  the tap under test
            [*prefix, *command], stdout=stdout, stderr=subprocess.PIPE, env=unbuffered
        )

    def run(self, folder: Path, config: Json, **more: Any) -> Ended:
        """Run the tap as a process to its end."""
        process = self.start(folder, config, **more)
        output, log = process.communicate(timeout=120)
        return Ended(process.returncode, output.decode(), log.decode())


@contextlib.contextmanager
def own_signal_handlers() -> Iterator[None]:
    """The SDK's plugins set signal handlers of the whole process; a test runner wants its own back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def settings_table(schema: Mapping[str, Any]) -> str:
    """The table of a tap's settings, as it must stand in its README.

    Args:
        schema: The JSON schema of its settings.
    """
    rows = ["| setting | type | default | what it does |", "| --- | --- | --- | --- |"]
    for name, one in schema["properties"].items():
        kinds = one["type"] if isinstance(one["type"], list) else [one["type"]]
        kind = ", ".join(kind for kind in kinds if kind != "null") + (" (secret)" if one.get("secret") else "")
        default = f"`{json.dumps(one['default'])}`" if "default" in one else ""
        choices = " One of " + ", ".join(f"`{choice}`" for choice in one["enum"]) + "." if "enum" in one else ""
        rows.append(f"| `{name}` | {kind} | {default} | {one['description']}{choices} |")
    return "\n".join(rows)
