"""The README says what the code does: its settings table is the code's, its examples run."""

from __future__ import annotations

import json
import re
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from singer_columnar.testing import settings_table

from tap_flext_sql.settings import CONFIG_JSONSCHEMA

_README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_settings_table_is_that_of_the_code() -> None:
    """Every setting stands in the README with its type, default and description."""
    assert settings_table(CONFIG_JSONSCHEMA) in _README


@pytest.mark.process
def test_the_shell_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of the first example run one after the other in an empty folder and do what the text says."""
    blocks = re.findall(r"```sh\n(.*?)```", _README, re.DOTALL)
    files = re.findall(r"```json\n(.*?)```", _README, re.DOTALL)
    (tmp_path / "config.json").write_text(files[0])
    with sqlite3.connect(tmp_path / "wms.db") as connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, mod_ts TIMESTAMP)")
        connection.execute("INSERT INTO orders VALUES (1, '2024-01-01 10:00:00')")
    connection.close()
    monkeypatch.chdir(tmp_path)

    for line in blocks[0].strip().splitlines():
        command = line.replace("tap-flext-sql", f"{shlex.quote(sys.executable)} -m tap_flext_sql", 1)
        subprocess.run(["sh", "-c", command], check=True, capture_output=True, timeout=60)

    messages: list[dict[str, Any]] = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [message["type"] for message in messages] == ["SCHEMA", "BATCH", "STATE"]
    assert messages[-1]["value"]["bookmarks"]["orders"]["replication_key_value"] == "2024-01-01T10:00:00"
