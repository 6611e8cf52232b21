"""The command line: what it prints, what it imports, how quickly it is there."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tap_flext_sql.settings import CONFIG_JSONSCHEMA

pytestmark = pytest.mark.process


def _modules_after(*arguments: str) -> set[str]:
    """The modules that a run of the command has imported, as ``-X importtime`` lists them."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tap_flext_sql", *arguments], capture_output=True, text=True,
        check=True, timeout=60,
    )  # fmt: skip
    return {line.rsplit("|", 1)[1].strip() for line in ended.stderr.splitlines() if line.startswith("import time:")}


def test_version_and_discovery_import_no_arrow(tmp_path: Any, sqlite_tables: Any) -> None:
    """--version needs neither SQLAlchemy nor Arrow, discovery of SQLite no Arrow: starts stay near the SDK's own."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"dialect": "sqlite", "database": str(sqlite_tables("CREATE TABLE o (id INTEGER)"))}))
    heavy = {"sqlalchemy", "pyarrow", "adbc_driver_manager", "oracledb", "psycopg"}

    assert heavy & _modules_after("--version") == set()
    assert heavy & _modules_after("--config", str(config), "--discover") <= {"sqlalchemy"}


def test_about_tells_settings_and_capabilities() -> None:
    """--about lists every setting with its description, secrets marked, and the structured-logging capability."""
    ended = subprocess.run(
        [sys.executable, "-m", "tap_flext_sql", "--about", "--format=json"], capture_output=True, text=True, check=True,
        timeout=60,
    )  # fmt: skip

    about = json.loads(ended.stdout)
    settings = about["settings"]["properties"]
    assert set(CONFIG_JSONSCHEMA["properties"]) <= set(settings)
    assert all(setting.get("description") for setting in settings.values())
    assert {name for name, setting in settings.items() if setting.get("secret")} == {"sqlalchemy_url", "password"}
    assert {"catalog", "discover", "state", "batch", "structured-logging", "stream-maps"} <= set(about["capabilities"])
