"""Facts about connections: TLS is checked, every wait ends, and nothing leaks a password."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from flext_pipelines.errors import DirectoryRefusedError, FlextError, NotFoundError, TimedOutError
from flext_pipelines.oud.directory.connection import Directory
from flext_pipelines.oud.directory.target import DirectoryTarget
from tests.ldap_servers import SUFFIX, LdapServerMissingError, Slapd, slapd_server
from tests.oud.conftest import missing
from tests.oud.directory.conftest import target_of

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def certificates(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, which is its own authority, and its key."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


@pytest.fixture
def secure(certificates: tuple[Path, Path]) -> Iterator[Slapd]:
    """A slapd with TLS."""
    try:
        with slapd_server(tls=True) as server:
            server.stop()
            server.configure(tls=certificates)
            server.restart()
            yield server
    except LdapServerMissingError as error:
        missing(error)


@pytest.mark.ldap
@pytest.mark.parametrize("start_tls", [False, True], ids=["ldaps", "StartTLS"])
def test_a_server_with_a_known_certificate_is_trusted(
    secure: Slapd, certificates: tuple[Path, Path], start_tls: bool
) -> None:
    """By ldaps:// and by StartTLS, with the authority named."""
    url = secure.url if start_tls else secure.tls_url
    target = target_of(secure, url=url, start_tls=start_tls, ca_file=certificates[0])

    with Directory(target) as directory:
        assert directory.naming_contexts == [SUFFIX]


@pytest.mark.ldap
@pytest.mark.parametrize("start_tls", [False, True], ids=["ldaps", "StartTLS"])
def test_an_unknown_certificate_is_refused(secure: Slapd, start_tls: bool) -> None:
    """Before the password is sent; the error says what to name. Who insists may leave it unchecked."""
    url = secure.url if start_tls else secure.tls_url

    with pytest.raises(FlextError) as caught:
        Directory(target_of(secure, url=url, start_tls=start_tls))

    assert isinstance(caught.value, DirectoryRefusedError)
    assert "--ca-file" in caught.value.instruction
    Directory(target_of(secure, url=url, start_tls=start_tls, check_certificate=False)).close()


@pytest.mark.ldap
def test_a_certificate_of_another_host_is_refused(secure: Slapd, certificates: tuple[Path, Path]) -> None:
    """It was made for the address, and the server is asked for by a name."""
    target = target_of(secure, url=f"ldaps://localhost:{secure.tls_port}", ca_file=certificates[0])

    with pytest.raises(DirectoryRefusedError):
        Directory(target)


@pytest.mark.ldap
def test_a_server_without_tls_gets_no_password(slapd: Slapd) -> None:
    """StartTLS that the server does not have ends the connection."""
    with pytest.raises(FlextError) as caught:
        Directory(target_of(slapd, start_tls=True))

    assert not caught.value.retryable


def test_a_missing_file_of_authorities_is_named(tmp_path: Path) -> None:
    """And nothing is connected."""
    with pytest.raises(NotFoundError, match=r"none\.pem"):
        Directory(DirectoryTarget(url="ldaps://127.0.0.1:1", ca_file=tmp_path / "none.pem"))


def test_a_server_that_says_nothing_is_not_waited_for_without_end() -> None:
    """A port that accepts and stays silent: the bind ends with its time-out."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"ldap://127.0.0.1:{listener.getsockname()[1]}"
        began = time.monotonic()

        with pytest.raises(TimedOutError):
            Directory(DirectoryTarget(url=url, timeout_seconds=0.5, connect_seconds=0.5))

    assert time.monotonic() - began < 60


@pytest.mark.process
def test_what_is_no_ldap_server_is_named() -> None:
    """Something that answers in another language is an error and no traceback."""
    program = (
        "import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\n"
        "print(s.getsockname()[1], flush=True)\n"
        "c, _ = s.accept()\nc.recv(10)\nc.sendall(b'HTTP/1.1 400 Bad Request\\r\\n\\r\\n' * 50)\nc.close()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())

        with pytest.raises(FlextError) as caught:
            Directory(DirectoryTarget(url=f"ldap://127.0.0.1:{port}", timeout_seconds=2, connect_seconds=2))

    assert caught.value.details["url"] == f"ldap://127.0.0.1:{port}"


@pytest.mark.parametrize(
    "url", ["", "http://h", "ldap://", "ldap://cn=a:secret@h", "ldap://h/dc=x", "ldap://h?x", "h:389"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """So is one with a password in it."""
    with pytest.raises(ValidationError):
        DirectoryTarget(url=url)


def test_a_target_shows_no_password() -> None:
    """Neither printed nor as JSON."""
    target = DirectoryTarget(url="ldap://h:1", bind_dn="cn=a", password=SecretStr("pa55word"))

    assert "pa55word" not in f"{target} {target!r} {target.model_dump_json()}"


@pytest.mark.parametrize(
    ("url", "start_tls", "secured"),
    [
        ("ldap://h", False, False),
        ("ldap://h", True, True),
        ("ldaps://h", False, True),
        ("ldap://127.0.0.1:1", False, True),
        ("ldapi://%2Frun%2Fldapi", False, True),
    ],
)
def test_whether_a_password_can_be_read_on_the_way_is_known(url: str, start_tls: bool, secured: bool) -> None:
    """TLS, loopback and socket files keep it; a plain connection does not."""
    assert DirectoryTarget(url=url, start_tls=start_tls).secured is secured


@pytest.mark.process
def test_without_python_ldap_the_way_to_it_is_told() -> None:
    """The extra is named, and nothing else of the package needs it."""
    program = (
        "import sys; sys.modules['ldap'] = None\n"
        "from flext_pipelines.errors import ConfigError\n"
        "from flext_pipelines.oud.directory.connection import Directory\n"
        "from flext_pipelines.oud.directory.target import DirectoryTarget\n"
        "try: Directory(DirectoryTarget(url='ldap://h'))\n"
        "except ConfigError as error: print(error)\n"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert "pip install 'flext-pipelines[oud]'" in done.stdout
    assert "libldap-dev" in done.stdout
