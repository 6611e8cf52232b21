"""Running the tap and reading what it says."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
import pyarrow.parquet as pq

from tap_oracle_wms.tap import TapOracleWMS

Json = dict[str, Any]
_UNBUFFERED = {**os.environ, "PYTHONUNBUFFERED": "1"}


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


def sync(config: Json, catalog: Json | None = None, state: Json | None = None) -> Output:
    """Run the tap in this process."""
    buffer = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(buffer):
        TapOracleWMS(config=copy.deepcopy(config), catalog=catalog, state=copy.deepcopy(state)).run_sync()
    buffer.seek(0)
    return parse(buffer.read())


def discover(config: Json) -> Json:
    """The catalog, as ``--discover`` prints it."""
    catalog: Json = json.loads(TapOracleWMS(config=copy.deepcopy(config), setup_mapper=False).catalog_json_text)
    return catalog


def batches_in(folder: Path, **more: object) -> Json:
    """A batch configuration for Parquet files in a folder."""
    encoding = {"format": "parquet", "compression": "zstd"}
    return {"batch_config": {"encoding": encoding, "storage": {"root": folder.as_uri()}}, **more}


def start(folder: Path, config: Json, *, catalog: Json | None = None, state: Json | None = None,
          stdout: Any = subprocess.PIPE, discover: bool = False,
          prefix: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:  # fmt: skip
    """Start the tap as a process."""
    (folder / "config.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "tap_oracle_wms", "--config", str(folder / "config.json")]
    for name, content in (("catalog", catalog), ("state", state)):
        if content is not None:
            (folder / f"{name}.json").write_text(json.dumps(content))
            command += [f"--{name}", str(folder / f"{name}.json")]
    if discover:
        command.append("--discover")
    # As Meltano is run: without buffering, a write that a signal interrupts is cut short (see message_writer).
    return subprocess.Popen([*prefix, *command], stdout=stdout, stderr=subprocess.PIPE, env=_UNBUFFERED)


@dataclass(frozen=True)
class Ended:
    """A process that ended."""

    code: int
    output: str
    log: str


def run(folder: Path, config: Json, **more: Any) -> Ended:
    """Run the tap as a process to its end."""
    process = start(folder, config, **more)
    output, log = process.communicate(timeout=120)
    return Ended(process.returncode, output.decode(), log.decode())
