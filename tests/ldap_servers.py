"""Real directory servers for tests, 389 Directory Server and OpenLDAP's slapd, on free loopback ports.

What belongs here: creating an instance, starting, stopping and killing it, and the ldap-utils that talk to it. What
does not: anything of ours that is loaded into it.

Debian's packages: 389-ds-base, python3-lib389, slapd, slapd-contrib, ldap-utils. An instance of 389 lives in the
machine's own folders, because the server does not run from a private tree (its schema path is mangled there), so that
this needs root. Of slapd `-V` prints the version and starts a server on every address: nothing here asks for it.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.ports import free_port
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


_MODULES = Path("/usr/lib/ldap")


class LdapServerMissingError(Exception):
    """A directory server or ldap-utils are not installed on this machine, or this is not root."""


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

    root_dn = ROOT_DN

    def __init__(self, port: int, password: str, process: subprocess.Popen[bytes], command: list[str]) -> None:
        self.port, self.password, self.process = port, password, process
        self._command = command
        self._own: frozenset[tuple[str, str]] = frozenset()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"ldap://127.0.0.1:{self.port}"

    def run(self, *words: str, dn: str | None = ROOT_DN, password: str | None = None, ldif: str = "") -> str:
        """Run one of the ldap-utils, bound as a user, or anonymously with ``dn=None``, and give its output.

        Raises:
            Refused: The server refused.
        """
        return _run_tool(self.url, words, dn, self.password if password is None else password, ldif)

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

    def clear(self) -> None:
        """Leave the schema and the entry of the suffix as the server's setup made them, and no other entry."""
        listed = self.run("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", SUFFIX, "-s", "one", "1.1")
        for encoded, dn in re.findall(r"^dn:(:?) (.+)$", listed, re.MULTILINE):
            self.run("ldapdelete", "-r", base64.b64decode(dn).decode() if encoded else dn)
        names = self.search(("*",))[SUFFIX].keys() - {"dc", "objectclass", "aci"}
        emptied = "".join(f"replace: {name}\n-\n" for name in sorted({*names, "aci"}))
        self.modify(
            f"dn: {SUFFIX}\nchangetype: modify\n{emptied}replace: objectClass\nobjectClass: top\nobjectClass: domain\n"
        )
        came = [found for found in self.definitions() if found not in self._own]
        for _ in came:  # one may stand on another: what cannot go yet goes in a later turn
            changes = "".join(f"dn: cn=schema\nchangetype: modify\ndelete: {name}\n{line}\n\n" for name, line in came)
            with suppress(Refused):
                self.run("ldapmodify", "-c", ldif=changes)
            came = [found for found in self.definitions() if found not in self._own]
            if not came:
                break
        assert not came, came

    def definitions(self) -> list[tuple[str, str]]:
        """Its attribute types and classes, the latest first: the attribute of ``cn=schema``, and the line of LDIF."""
        words = ("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", "cn=schema", "-s", "base")
        lines = self.run(*words, "objectClasses", "attributeTypes").splitlines()
        found = [(line.partition(":")[0], line) for line in lines]
        return [one for one in reversed(found) if one[0] in {"objectClasses", "attributeTypes"}]

    def note_schema(self) -> None:
        """Its schema of now is its own."""
        self._own = frozenset(self.definitions())

    def restart(self) -> None:
        """Start it again on the port and the data that it had, after it ended."""
        RUNNING.discard(self.process.pid)
        self.process = _started(self._command)
        _wait(self)

    def stop(self) -> None:
        """SIGTERM, then SIGKILL if it does not go."""
        _end(self.process, signal.SIGTERM)


def _run_tool(url: str, words: Sequence[str], dn: str | None, password: str, ldif: str) -> str:
    bound = ("-D", dn, "-w", password) if dn else ()
    argv = [words[0], "-x", "-H", url, *bound, *words[1:]]
    done = subprocess.run(argv, input=ldif, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise Refused(done.returncode, done.stderr.strip())
    return done.stdout


def _guard() -> list[str]:
    """Words before a command that let the kernel end it when a killed test session cannot.

    The signal comes when the thread ends that started it, so that only the main thread may ask for it; and 389, which
    changes its user, loses it.
    """
    if shutil.which("setpriv") is None or threading.current_thread() is not threading.main_thread():
        return []
    return ["setpriv", "--pdeathsig", "INT", "--"]


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )  # fmt: skip
    RUNNING.add(process.pid)
    return process


def _end(process: subprocess.Popen[bytes], wish: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.send_signal(wish)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    RUNNING.discard(process.pid)


def _missing() -> str:
    absent = [
        program for program in _PROGRAMS if shutil.which(program) is None and not Path("/usr/sbin", program).exists()
    ]
    if absent:
        return f"389 Directory Server is not installed: no {', '.join(absent)}"
    return "" if os.geteuid() == 0 else "389 Directory Server needs root to create an instance"


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
        command = ["/usr/sbin/ns-slapd", "-D", f"/etc/dirsrv/slapd-{name}", "-i", str(folder / "pid"), "-d", "0"]
        server = Ds389(port, password, _started(command), command)
        try:
            _wait(server)
            server.note_schema()
            yield server
        finally:
            server.stop()
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
    port = free_port()
    dse = Path(f"/etc/dirsrv/slapd-{name}/dse.ldif")
    config = dse.read_text(encoding="utf-8")
    listening = f"nsslapd-port: {port}\nnsslapd-listenhost: 127.0.0.1"
    dse.write_text(re.sub(r"^nsslapd-port: 0$", listening, config, count=1, flags=re.MULTILINE), encoding="utf-8")
    return port


def _wait(server: Ds389 | Slapd) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise RuntimeError(f"{type(server).__name__} ended with {server.process.returncode}")
        with suppress(Refused):
            server.run("ldapwhoami")
            return
        time.sleep(0.02)
    raise RuntimeError(f"{type(server).__name__} does not answer")


class Slapd:
    """A running OpenLDAP server with an empty database.

    Attributes:
        port: The loopback port it listens on.
        password: Of its root user.
        process: The server, a child of this process.
        folder: Its configuration and data.
    """

    root_dn = f"cn=admin,{SUFFIX}"

    def __init__(self, folder: Path, port: int, tls_port: int | None) -> None:
        self.folder, self.port, self.tls_port = folder, port, tls_port
        self.password = secrets.token_hex(8)
        self.process = self._start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        """Where it listens with TLS."""
        return f"ldaps://127.0.0.1:{self.tls_port}"

    def configure(self, *lines: str, schema: str = "", tls: tuple[Path, Path] | None = None) -> None:
        """Write its configuration.

        Args:
            *lines: Further directives of the database.
            schema: Definitions in the form of slapd.conf.
            tls: Certificate and key.
        """
        modules = [f"moduleload {name}" for name in ("back_mdb", "pw-sha2")]
        head = [f"include /etc/ldap/schema/{name}.schema" for name in ("core", "cosine", "inetorgperson", "nis")]
        secure = [f"TLSCertificateFile {tls[0]}", f"TLSCertificateKeyFile {tls[1]}"] if tls else []
        text = [
            *head, schema, f"modulepath {_MODULES}", *modules, f"pidfile {self.folder}/pid", "loglevel 0",
            "sockbuf_max_incoming_auth 4194304", *secure, "database mdb", f'suffix "{SUFFIX}"',
            f'rootdn "{self.root_dn}"', f"rootpw {self.password}", f"directory {self.folder}/data",
            "maxsize 1073741824", "dbnosync", "sizelimit unlimited", "index objectClass eq", *lines,
        ]  # fmt: skip
        (self.folder / "slapd.conf").write_text("\n".join(text) + "\n", encoding="utf-8")

    def _start(self) -> subprocess.Popen[bytes]:
        (self.folder / "data").mkdir(exist_ok=True)
        if not (self.folder / "slapd.conf").exists():
            self.configure()
        urls = self.url if self.tls_port is None else f"{self.url}/ ldaps://127.0.0.1:{self.tls_port}/"
        return _started([*_guard(), "/usr/sbin/slapd", "-d", "0", "-f", str(self.folder / "slapd.conf"), "-h", urls])

    def restart(self) -> None:
        """Start it again on the ports and the data that it had, after it ended; reads its configuration anew."""
        RUNNING.discard(self.process.pid)
        self.process = self._start()
        _wait(self)

    def run(self, *words: str, dn: str | None = "", password: str | None = None, ldif: str = "") -> str:
        """Run one of the ldap-utils, bound as its root user, as another, or anonymously with ``dn=None``.

        Raises:
            Refused: The server refused.
        """
        bound = self.root_dn if dn == "" else dn
        return _run_tool(self.url, words, bound, self.password if password is None else password, ldif)

    def stop(self) -> None:
        """SIGINT, then SIGKILL if it does not go."""
        _end(self.process, signal.SIGINT)


@contextmanager
def slapd_server(*, tls: bool = False) -> Iterator[Slapd]:
    """A fresh server, removed again.

    Args:
        tls: Whether it gets a second port for TLS; a configuration with a certificate is the caller's.

    Raises:
        LdapServerMissingError: It cannot be had here.
    """
    absent = [name for name in ("ldapsearch", "ldapadd") if shutil.which(name) is None]
    absent += [] if Path("/usr/sbin/slapd").exists() else ["slapd"]
    absent += [] if (_MODULES / "pw-sha2.so").exists() else ["slapd's pw-sha2 (slapd-contrib)"]
    if absent:
        raise LdapServerMissingError(f"OpenLDAP's slapd is not installed: no {', '.join(absent)}")
    folder = Path(tempfile.mkdtemp(prefix="flext-slapd-"))
    try:
        server = Slapd(folder, free_port(), free_port() if tls else None)
        try:
            _wait(server)
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
