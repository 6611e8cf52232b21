"""The README says what the code does: its settings table is the code's, its example runs."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from singer_columnar.testing import settings_table
from tap_wms_server import WmsServer

from tap_oracle_wms.settings import CONFIG_JSONSCHEMA

_README_FILE = Path(__file__).parent.parent / "README.md"
_README = _README_FILE.read_text(encoding="utf-8")


def test_the_settings_table_is_that_of_the_code() -> None:
    """Every setting stands in the README with its type, default and description."""
    assert settings_table(CONFIG_JSONSCHEMA) in _README


@pytest.mark.process
def test_the_shell_examples_run(wms: WmsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of the example run one after the other in an empty folder and do what the text says."""
    blocks = re.findall(r"```sh\n(.*?)```", _README, re.DOTALL)
    files = re.findall(r"```json\n(.*?)```", _README, re.DOTALL)
    (tmp_path / "config.json").write_text(files[0].replace("http://127.0.0.1:8021/mock", wms.url))
    monkeypatch.chdir(tmp_path)

    for line in blocks[0].strip().splitlines():
        command = line.replace("tap-oracle-wms", f"{shlex.quote(sys.executable)} -m tap_oracle_wms", 1)
        subprocess.run(["sh", "-c", command], check=True, capture_output=True, timeout=60)

    messages: list[dict[str, Any]] = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    streams = {message["stream"] for message in messages if message["type"] == "SCHEMA"}
    assert streams == {"inventory", "order_dtl", "order_hdr", "order_status", "order_type"}
    assert {message["type"] for message in messages} == {"SCHEMA", "BATCH", "STATE"}
    assert set(messages[-1]["value"]["bookmarks"]) == streams
