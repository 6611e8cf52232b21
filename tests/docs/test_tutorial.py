"""The tutorial, done: every command, file and snippet of it in its order, in a checkout and home of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import ROOT, Block, console_lines, page

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("tutorial"), pytest.mark.timeout(900)]

LANGUAGES = ("console", "python", "yaml", "sql")


def test_the_tutorial_can_be_followed(tmp_path: Path) -> None:
    """Each command ends with the exit code that the page promises, each snippet without an error."""
    checkout = _checkout(tmp_path / "checkout")
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "FLEXT_HOME": str(checkout / ".flext"),
        "FLEXT_MELTANO_PROJECT_ROOT": str(checkout / "meltano"),
        "FLEXT_ACTOR": "newcomer",
    }
    for block in page("docs/tutorial.md").blocks(*LANGUAGES):
        if block.word != "not run":
            _follow(block, checkout, env)


def _checkout(folder: Path) -> Path:
    """A checkout with a project that may be changed; the plugins are those that are installed in the real one."""
    project, system = folder / "meltano", folder / "meltano/.meltano"
    system.mkdir(parents=True)
    for file in (ROOT / "meltano").glob("*.yml"):
        shutil.copy(file, project)
    for name in ("singer-columnar", "extract", "load"):
        (project / name).symlink_to(ROOT / "meltano" / name)
    for name in ("extractors", "loaders"):
        (system / name).symlink_to(ROOT / "meltano/.meltano" / name)
    return folder


def _follow(block: Block, checkout: Path, env: dict[str, str]) -> None:
    if block.word == "file":
        path = checkout / block.rest
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
    elif block.word == "merge into":
        path = checkout / block.rest
        merged = _merged(yaml.safe_load(path.read_text(encoding="utf-8")), yaml.safe_load(block.text))
        path.write_text(yaml.safe_dump(merged, sort_keys=False), encoding="utf-8")
    elif block.language == "python":
        _call([sys.executable, "-c", block.text], block, checkout, env)
    else:
        assert block.language == "console", f"{block.place}: say above this block what becomes of it"
        _call(["bash", "-c", "\n".join(_script(block))], block, checkout, env)


def _script(block: Block) -> list[str]:
    """The lines of a console block, each followed by a check of its exit code."""
    script = []
    for line in console_lines(block):
        for text in _recipe("run") if line.text == "make run" else [line.text]:
            script += [text, f'code=$?; [ $code = {line.code} ] || {{ echo "exit code $code"; exit 99; }}']
    return script


def _recipe(target: str) -> list[str]:
    """What make does for a target. Plugins are installed before the tests, and not by two at once."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    lines = [line.strip().removeprefix("@").removeprefix("$(BIN)/") for line in found[1].splitlines()]
    return [line for line in lines if "plugins install" not in line]


def _call(words: list[str], block: Block, checkout: Path, env: dict[str, str]) -> None:
    done = subprocess.run(words, cwd=checkout, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{block.place}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


def _merged(before: Any, more: Any) -> Any:
    """Mappings by key, lists one behind the other."""
    if isinstance(before, dict) and isinstance(more, dict):
        return {
            **before,
            **{key: _merged(before[key], value) if key in before else value for key, value in more.items()},
        }
    return [*before, *more] if isinstance(before, list) and isinstance(more, list) else more
