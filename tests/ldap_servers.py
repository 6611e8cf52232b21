"""A real 389 Directory Server for tests, on a free loopback port, for as long as the test session lasts.

What belongs here: creating an instance, starting and stopping it, and the ldap-utils that talk to it. What does not:
anything of ours that is loaded into it.

Debian's packages: 389-ds-base, python3-lib389, ldap-utils. An instance lives in the machine's own folders, because the
server does not run from a private tree (its schema path is mangled there), so that this needs root.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.postgres import RUNNING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT_DN = "cn=Directory Manager"
SUFFIX = "dc=example,dc=com"
GET_EFFECTIVE_RIGHTS = "1.3.6.1.4.1.42.2.27.9.5.2"

_PROGRAMS = ("ns-slapd", "dscreate", "dsctl", "ldapsearch", "ldapmodify")
_INF = Path("/usr/share/dirsrv/inf/defaults.inf")
_ANSWERS = """\
[general]
config_version = 2
full_machine_name = localhost.localdomain
strict_host_checking = False
start = False
selinux = False
systemd = False
[slapd]
instance_name = {name}
user = dirsrv
group = dirsrv
port = 0
self_sign_cert = False
root_dn = {root}
root_password = {password}
[backend-userroot]
suffix = {suffix}
create_suffix_entry = True
sample_entries = no
"""


class LdapServerMissingError(Exception):
    """389 Directory Server or ldap-utils are not installed on this machine, or this is not root."""


class Refused(Exception):  # noqa: N818  an answer of the server, not a fault of the test
    """The server refused an operation.

    Attributes:
        code: LDAP result code.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class Ds389:
    """A running server.

    Attributes:
        port: The loopback port it listens on.
        password: Of its root user.
        process: The server, a child of this process.
    """

    def __init__(self, port: int, password: str, process: subprocess.Popen[bytes]) -> None:
        self.port, self.password, self.process = port, password, process

    def run(self, *words: str, dn: str | None = ROOT_DN, password: str | None = None, ldif: str = "") -> str:
        """Run one of the ldap-utils, bound as a user, or anonymously with ``dn=None``, and give its output.

        Raises:
            Refused: The server refused.
        """
        bound = ("-D", dn, "-w", self.password if password is None else password) if dn else ()
        argv = [words[0], "-x", "-H", f"ldap://127.0.0.1:{self.port}", *bound, *words[1:]]
        done = subprocess.run(argv, input=ldif, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            raise Refused(done.returncode, done.stderr.strip())
        return done.stdout

    def modify(self, ldif: str, *, dn: str | None = ROOT_DN, password: str | None = None) -> None:
        """Apply change records.

        Raises:
            Refused: The server refused one; those before it are done.
        """
        self.run("ldapmodify", dn=dn, password=password, ldif=ldif)

    def search(
        self, attributes: Sequence[str] = ("*", "+"), *, dn: str | None = ROOT_DN, password: str | None = None,
        options: Sequence[str] = (), where: str = "(objectClass=*)",
    ) -> dict[str, dict[str, list[str]]]:  # fmt: skip
        """The entries that a user sees below the suffix, by DN in lower case, attributes by name in lower case."""
        words = ("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", SUFFIX, *options, where, *attributes)
        found: dict[str, dict[str, list[str]]] = {}
        for record in re.split(r"\n\n+", self.run(*words, dn=dn, password=password)):
            lines = [line.partition(": ") for line in record.splitlines() if line and not line.startswith("#")]
            if lines and lines[0][0] == "dn":
                values = found.setdefault(lines[0][2].lower(), {})
                for name, _, value in lines[1:]:
                    values.setdefault(name.rstrip(":").lower(), []).append(value)
        return found

    def rights_of(self, subject: str, attributes: Sequence[str]) -> dict[str, dict[str, list[str]]]:
        """What a subject may do, by the Get Effective Rights control; anonymous is the empty DN."""
        return self.search(attributes, options=("-E", f"!{GET_EFFECTIVE_RIGHTS}=:dn:{subject}"))

    def stop(self) -> None:
        """SIGTERM, then SIGKILL if it does not go."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def _missing() -> str:
    absent = [
        program for program in _PROGRAMS if shutil.which(program) is None and not Path("/usr/sbin", program).exists()
    ]
    if absent:
        return f"389 Directory Server is not installed: no {', '.join(absent)}"
    return "" if os.geteuid() == 0 else "389 Directory Server needs root to create an instance"


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


@contextmanager
def ds389_server() -> Iterator[Ds389]:
    """A fresh instance with an empty suffix, removed again.

    Raises:
        LdapServerMissingError: It cannot be had here.
    """
    if missing := _missing():
        raise LdapServerMissingError(missing)
    name, password = f"flext{os.getpid()}", secrets.token_hex(8)
    folder = Path(tempfile.mkdtemp(prefix="flext-ds389-"))
    environment = {**os.environ, "PREFIX": str(folder), "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    try:
        port = _create(folder, name, password, environment)
        instance = f"/etc/dirsrv/slapd-{name}"
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                ["/usr/sbin/ns-slapd", "-D", instance, "-i", str(folder / "pid"), "-d", "0"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        RUNNING.add(process.pid)
        server = Ds389(port, password, process)
        try:
            _wait(server)
            yield server
        finally:
            server.stop()
            RUNNING.discard(process.pid)
    finally:
        subprocess.run(["dsctl", name, "remove", "--do-it"], env=environment, capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _create(folder: Path, name: str, password: str, environment: dict[str, str]) -> int:
    """Create the instance; it gets its port afterwards, so that it never listens beyond loopback."""
    share = folder / "share" / "dirsrv" / "inf"
    share.mkdir(parents=True)
    (folder / "etc").mkdir()
    (folder / "etc" / "dirsrv").symlink_to("/etc/dirsrv")
    text = _INF.read_text(encoding="utf-8")
    (share / "defaults.inf").write_text(text.replace("with_systemd = 1", "with_systemd = 0"), encoding="utf-8")
    folder.chmod(0o755)
    answers = folder / "answers.inf"
    answers.write_text(_ANSWERS.format(name=name, root=ROOT_DN, password=password, suffix=SUFFIX), encoding="utf-8")
    argv = ["dscreate", "from-file", str(answers)]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise RuntimeError(f"dscreate failed: {done.stdout}{done.stderr}")
    port = _free_port()
    dse = Path(f"/etc/dirsrv/slapd-{name}/dse.ldif")
    config = dse.read_text(encoding="utf-8")
    listening = f"nsslapd-port: {port}\nnsslapd-listenhost: 127.0.0.1"
    dse.write_text(re.sub(r"^nsslapd-port: 0$", listening, config, count=1, flags=re.MULTILINE), encoding="utf-8")
    return port


def _wait(server: Ds389) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise RuntimeError(f"389 Directory Server ended with {server.process.returncode}")
        with suppress(Refused):
            server.run("ldapwhoami")
            return
        time.sleep(0.05)
    raise RuntimeError("389 Directory Server does not answer")
