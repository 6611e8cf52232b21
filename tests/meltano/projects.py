"""Meltano projects of script plugins, made in a test's folder: no pip, no network, 2.7 s a run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml
from pydantic import SecretStr

from flext_pipelines.meltano.project import MeltanoProject

PLUGINS = Path(__file__).with_name("plugins")
CAPABILITIES = ["catalog", "discover", "state", "structured-logging"]


def script(project: Path, name: str) -> str:
    """Copy a plugin into a project, to be run by this Python without site-packages; its path for ``executable``."""
    target = project / name
    target.write_text(f"#!{sys.executable} -IS\n" + (PLUGINS / name).read_text())
    target.chmod(0o755)
    return f"./{name}"


def tap(project: Path, name: str, structured: object = True, **config: object) -> dict[str, object]:
    """The definition of a tap of script."""
    return {
        "name": name,
        "namespace": name.replace("-", "_"),
        "executable": script(project, "tap_script.py"),
        "capabilities": CAPABILITIES if structured else CAPABILITIES[:-1],
        "settings": [
            *({"name": setting, "kind": "integer"} for setting in ("rows", "fail_at", "state_every", "big_record")),
            {"name": "password", "kind": "password"},
        ],
        "config": {"structured": structured, **config},
    }


def target(project: Path, name: str, structured: object = True, **config: object) -> dict[str, object]:
    """The definition of a target of script, which writes into ``out``."""
    return {
        "name": name,
        "namespace": name.replace("-", "_"),
        "executable": script(project, "target_script.py"),
        "capabilities": ["structured-logging"] if structured else [],
        "config": {"folder": str(project / "out"), "structured": structured, **config},
    }


def write_project(root: Path, **sections: object) -> Path:
    """``meltano.yml`` with an environment ``dev`` and the given sections."""
    root.mkdir(parents=True, exist_ok=True)
    content = {
        "version": 1,
        "project_id": "p",
        "default_environment": "dev",
        "environments": [{"name": "dev"}],
        **sections,
    }
    (root / "meltano.yml").write_text(yaml.safe_dump(content, sort_keys=False))
    return root


def opened(root: Path, home: Path, **values: object) -> MeltanoProject:
    """The project, run by the Meltano beside this Python, with all state in ``home``."""
    return MeltanoProject(
        **{
            "root": root,
            "environment": "dev",
            "executable": Path(sys.executable).parent / "meltano",
            "database_url": SecretStr(f"sqlite:///{home / 'meltano.db'}"),
            "sandboxes": home / "sandboxes",
            "home": home,
            **values,
        }
    )


def loaded(root: Path, stream: str = "orders") -> list[int]:
    """The ids that the target has written, in order."""
    file = root / "out" / f"{stream}.jsonl"
    return [json.loads(line)["id"] for line in file.read_text().splitlines()] if file.exists() else []
