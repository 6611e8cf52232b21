"""``flext oud load``, ``verify`` and ``diagnose`` at the shell, on a real slapd."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from flext_pipelines.cli.main import flext as flext_group
from flext_pipelines.errors import FlextError
from tests.ldap_servers import SUFFIX, LdapServerMissingError, Slapd, slapd_server
from tests.oud.conftest import missing
from tests.oud.directory.sample import write_files
from tests.oud.migration.exports import domain, person, unit, write

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

FLEXT = Path(sys.executable).parent / "flext"
COUNT = 150


@pytest.fixture
def slapd() -> Iterator[Slapd]:
    """A server of this test."""
    try:
        with slapd_server() as server:
            yield server
    except LdapServerMissingError as error:
        missing(error)


class Processes:
    """`flext` as processes, with a password that is in the environment, in a file, or nowhere."""

    def __init__(self, home: Path, server: Slapd) -> None:
        self.home, self.server = home, server
        self.env = {**os.environ, "FLEXT_HOME": str(home), "FLEXT_ACTOR": "tester"}

    def __call__(self, *words: str, code: int = 0, **more: str) -> Any:
        """Run a command with the address and the account of the server; its answer."""
        argv = [str(FLEXT), "oud", *words, "--to", self.server.url, "--bind-dn", self.server.root_dn, "--json"]
        done = subprocess.run(
            argv, env={**self.env, **more}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)


@pytest.mark.ldap
@pytest.mark.process
def test_a_directory_is_loaded_compared_and_found_changed(slapd: Slapd, tmp_path: Path) -> None:
    """Exit code 0 while all is well, 2 when a person is needed; and the password stays where it was given."""
    files = [str(path) for path in write_files(tmp_path, COUNT)]
    secret = tmp_path / "secret"
    secret.write_text(slapd.password + "\n")
    flext = Processes(tmp_path / "home", slapd)

    diagnosed = flext("diagnose", *files, "--bind-password-file", str(secret))
    loaded = flext("load", *files, "--bind-password-file", str(secret))
    again = flext("load", *files, FLEXT_OUD_BIND_PASSWORD=slapd.password)
    equal = flext("verify", *files, FLEXT_OUD_BIND_PASSWORD=slapd.password)
    slapd.run("ldapmodify", ldif=f"dn: cn=new,{SUFFIX}\nchangetype: add\nobjectClass: person\nsn: x\ncn: new\n")
    changed = flext("verify", *files, code=2, FLEXT_OUD_BIND_PASSWORD=slapd.password)
    refused = flext(
        "load", *files, "--journal", str(tmp_path / "other"), code=2, FLEXT_OUD_BIND_PASSWORD=slapd.password
    )

    assert diagnosed["product"] == "OpenLDAP"
    assert loaded["added"] == loaded["read"] > 100
    assert again["already_done"]
    assert equal["equal"]
    assert [one["kind"] for one in changed["findings"]] == ["extra"]
    assert refused["rejected"] == loaded["read"] - refused["unchanged"]
    kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert len(kept) > 3
    assert not [path for path in kept if slapd.password.encode() in path.read_bytes()]


@pytest.mark.ldap
@pytest.mark.process
def test_a_password_is_asked_for_at_a_terminal(slapd: Slapd, tmp_path: Path) -> None:
    """When nothing else gives it: typed unseen, and sent without a run, whose config would be stored."""
    files = [str(path) for path in write_files(tmp_path, 20)]
    flext = Processes(tmp_path / "home", slapd)
    ours, theirs = pty.openpty()
    argv = [str(FLEXT), "oud", "load", *files, "--to", slapd.url, "--bind-dn", slapd.root_dn, "--json"]
    with subprocess.Popen(
        argv, env=flext.env, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as child:  # fmt: skip
        assert child.stderr is not None
        prompt = child.stderr.read(len("Password of"))
        time.sleep(0.2)  # what is typed before the terminal hides it is thrown away
        os.write(ours, slapd.password.encode() + b"\n")
        out, err = child.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)

    assert child.returncode == 0, err
    assert json.loads(out)["rejected"] == 0
    assert prompt == "Password of"
    assert slapd.password not in out + err


def test_a_password_is_no_option(flext: Shell) -> None:
    """A command line is read by everybody on the machine."""
    answer = flext("oud", "load", "a.ldif", "--to", "ldap://127.0.0.1:1", "--bind-password", "x")

    assert answer.code == 2
    assert "No such option" in answer.err


@pytest.mark.parametrize("verb", ["verify", "diagnose"])
def test_what_is_wrong_with_an_address_is_told(flext: Shell, verb: str) -> None:
    """And with a password in it; no traceback."""
    answer = flext("oud", verb, "a.ldif", "--to", "http://127.0.0.1:1")

    assert answer.code == 2
    assert "ldap://host:port" in answer.err


def test_each_command_shows_how_it_is_called(flext: Shell) -> None:
    """With an example and every field but the password."""
    for verb in ("load", "verify", "diagnose"):
        answer = flext("oud", verb, "--help")

        assert f"flext oud {verb} out/" in answer.out
        assert "out/0[1-4]-*.ldif --to ldaps://" in answer.out  # and not *.ldif, which rejects are, too
        assert "--bind-password-file" in answer.out
        assert "--bind-password TEXT" not in answer.out


def migrating(folder: Path, server: Slapd, *more: str) -> Result:
    """A migration of three records that loads the server, with what people see of it."""
    (folder / "secret").write_text(server.password)
    write(folder / "export.ldif", [domain(), unit("ou=a"), person("ann", f"ou=a,{SUFFIX}")])
    words = [
        "oud", "migrate", str(folder / "export.ldif"), "--base-dn", SUFFIX, "--here", "--to", server.url, "--bind-dn",
        server.root_dn, "--bind-password-file", str(folder / "secret"), *more,
    ]  # fmt: skip
    return CliRunner(env={"FLEXT_HOME": str(folder / "home")}).invoke(flext_group, words, standalone_mode=False)


@pytest.mark.ldap
@pytest.mark.process
def test_a_migration_that_could_not_load_goes_on_with_loading(slapd: Slapd, tmp_path: Path) -> None:
    """The result stays, the command that goes on is named, and it loads without making anything anew."""
    out = str(tmp_path / "out")
    slapd.configure("readonly on")
    slapd.stop()
    slapd.restart()

    looked = migrating(tmp_path, slapd, "--diagnose")
    failed = migrating(tmp_path, slapd, "--out", out)
    slapd.configure()
    slapd.stop()
    slapd.restart()
    loaded = migrating(tmp_path, slapd, "--out", out, "--from", "report")

    assert "OpenLDAP" in looked.stdout
    assert looked.exception is None, looked.output
    assert isinstance(failed.exception, FlextError)
    assert "`--from report` loads on" in failed.stderr
    assert loaded.exception is None, loaded.output
    assert re.search(r"^added +3$", loaded.stdout, re.MULTILINE)
    assert re.search(r"^same +3$", loaded.stdout, re.MULTILINE)
