"""Facts about the extra ``oud``: it is apart from what `make run` needs, and says what it needs itself."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def made_without_headers(folder: Path) -> subprocess.CompletedProcess[str]:
    """What make says where the installer fails, as it does when a C header is missing."""
    installer = folder / "bin" / "uv"
    installer.parent.mkdir()
    installer.write_text("#!/bin/sh\necho 'fatal error: lber.h: No such file or directory' >&2\nexit 1\n")
    installer.chmod(0o755)
    argv = ["make", f"VENV={folder}", "-o", f"{folder}/.locked", f"{folder}/.ldap"]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.process
def test_make_says_what_to_install_where_python_ldap_cannot_be_built(tmp_path: Path) -> None:
    """Without the C headers `make test` names the packages, shows the compiler's reason, and counts nothing as done."""
    done = made_without_headers(tmp_path)

    assert done.returncode != 0
    assert "apt-get install gcc python3-dev libldap-dev libsasl2-dev" in done.stdout
    assert "lber.h" in done.stderr
    assert not (tmp_path / ".ldap").exists()


def test_both_kinds_of_tests_ask_for_it() -> None:
    """The tests load live directories, so that they install the extra; `make run` does not."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    wanted = {
        name: "$(VENV)/.ldap" in found for name, found in re.findall(r"^([a-z-]+):(.*?)##", makefile, re.MULTILINE)
    }

    assert wanted["test-unit"]
    assert wanted["test-process"]
    assert not wanted["run"]
    assert not wanted["setup"]


def test_the_lock_holds_what_the_extra_names() -> None:
    """The group that is locked is the extra that users install, and the main lock holds none of it."""
    extra = PROJECT["project"]["optional-dependencies"]["oud"]
    main = (ROOT / "requirements.lock").read_text(encoding="utf-8")

    assert PROJECT["dependency-groups"]["ldap"] == extra
    assert re.search(r"^python-ldap==", (ROOT / "requirements-ldap.lock").read_text(encoding="utf-8"), re.MULTILINE)
    assert not re.search(r"^python-ldap==", main, re.MULTILINE)
