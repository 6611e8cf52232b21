"""The Meltano project that comes with this checkout says of its own plugins what they say of themselves."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.process

PROJECT = Path(__file__).parents[2] / "meltano"
DECLARED = yaml.safe_load((PROJECT / "flext-plugins.meltano.yml").read_text(encoding="utf-8"))["plugins"]
KINDS = {
    "string": "string",
    "integer": "integer",
    "number": "decimal",
    "boolean": "boolean",
    "object": "object",
    "array": "array",
}
"""JSON schema's types in Meltano's words."""
UNKNOWN_TO_MELTANO = {"target-schema", "validate-records"}
"""Capabilities of the Singer SDK that the schema of Meltano 4.4.1 refuses."""

ALL = [
    ("extractors", "tap-flext-sql", "extract"),
    ("extractors", "tap-oracle-wms", "extract"),
    ("loaders", "target-flext-sql", "load"),
]


def about(kind: str, name: str, folder: str) -> dict[str, Any]:
    """What the plugin says of itself: this checkout's code, in the plugin's own environment."""
    python = PROJECT / ".meltano" / kind / name / "venv" / "bin" / "python"
    assert python.exists(), f"{name} is not installed: flext plugins install {name}"
    done = subprocess.run(
        [python, "-m", name.replace("-", "_"), "--about", "--format=json"],
        cwd=PROJECT / folder / name,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize(("kind", "name", "folder"), ALL)
def test_the_project_lists_what_a_plugin_says_of_itself(kind: str, name: str, folder: str) -> None:
    """Every setting with its kind, every secret marked, every capability that Meltano knows; and nothing else."""
    (declared,) = [plugin for plugin in DECLARED[kind] if plugin["name"] == name]

    told = about(kind, name, folder)

    settings = told["settings"]["properties"]
    listed = {setting["name"]: setting for setting in declared["settings"]}
    assert len(listed) == len(declared["settings"])
    assert listed.keys() == settings.keys()
    secrets = {setting for setting, schema in settings.items() if schema.get("secret")}
    assert secrets
    assert {setting for setting, one in listed.items() if one.get("sensitive")} == secrets
    assert {setting: one["kind"] for setting, one in listed.items()} == {
        setting: KINDS[_first_type(schema)] for setting, schema in settings.items()
    }
    assert set(declared["capabilities"]) == set(told["capabilities"]) - UNKNOWN_TO_MELTANO


def _first_type(schema: dict[str, Any]) -> str:
    types = schema["type"]
    return types if isinstance(types, str) else next(one for one in types if one != "null")
