"""The README's example runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.process
def test_the_readme_example_gives_what_it_says(tmp_path: Path) -> None:
    """Every command of "Try it" prints what the README shows."""
    text = README.read_text()
    (block,) = re.findall(r"## Try it\n\n```console\n(.*?)```", text, re.DOTALL)
    commands = re.findall(r"^\$ (.*?)(?=^\$ |\Z)", block, re.DOTALL | re.MULTILINE)
    runs = [command for command in commands if not command.startswith("pip")]
    assert len(runs) == 5

    for command in runs:
        body, _, expected = (command, "", "") if "<<'EOF'" in command else command.partition("\n")
        body = body.replace("target-flext-sql --", f"{sys.executable} -m target_flext_sql --")
        body = re.sub(r"^python ", f"{sys.executable} ", body)
        done = subprocess.run(["/bin/sh", "-c", body], capture_output=True, text=True, cwd=tmp_path, check=True)
        assert done.stdout == expected


def test_every_setting_of_the_readme_exists() -> None:
    """The table of settings names no setting that the target does not have."""
    from target_flext_sql.settings import CONFIG_SCHEMA

    section = README.read_text().split("## Settings")[1].split("## ")[0]
    named = {
        name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }

    assert named <= set(CONFIG_SCHEMA["properties"])
    assert len(named) > 20
