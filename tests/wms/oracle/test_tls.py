"""TLS and wallets through python-oracledb's real path: who proves who it is gets the password, nobody else."""

from __future__ import annotations

import gc
import ssl
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from flext_pipelines.errors import ConfigError, FlextError, TransientError
from flext_pipelines.wms.engine import beginning
from flext_pipelines.wms.mock_server.certificates import CertificateFiles, make_certificate
from flext_pipelines.wms.oracle.connection import OracleOptions, open_oracle
from tests import oracle_listener as tns
from tests.oracle_listener import Behaviour, OracleListener, listener

if TYPE_CHECKING:
    import socket
    import threading
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings(
    # python-oracledb leaves the socket of a failed handshake to the garbage collector.
    "ignore:Exception ignored in. <s[os]:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """The sockets that the driver drops are collected within the test that made them."""
    yield
    gc.collect()


def speaking_tls(files: CertificateFiles, behave: Behaviour) -> Behaviour:
    """A listener of tcps."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)

    def wrapped(connection: socket.socket, closed: threading.Event) -> None:
        with context.wrap_socket(connection.dup(), server_side=True) as secure:
            behave(secure, closed)
            secure.unwrap()

    return wrapped


def wallet_of(folder: Path, files: CertificateFiles) -> Path:
    """A wallet that trusts the authority of a certificate."""
    folder.mkdir()
    (folder / "ewallet.pem").write_bytes(files.authority.read_bytes())
    return folder


def failure_of(opened: OracleListener, *, wallet: Path | None, more: str = "") -> FlextError:
    """What connecting by tcps raises."""
    url = f"{opened.url()}&protocol=tcps{more}"
    engine = open_oracle(sa.make_url(url), OracleOptions(connect_seconds=5, pool_size=1, wallet_location=wallet))
    try:
        with pytest.raises(FlextError) as caught, beginning(engine):
            pass
    finally:
        engine.dispose()
    assert "hunter2" not in f"{caught.value} {caught.value.details}"
    return caught.value


def test_a_wallet_makes_an_authority_known(tmp_path: Path) -> None:
    """Through TLS the listener's own refusal is heard: the handshake has succeeded."""
    files = make_certificate(tmp_path / "server", "127.0.0.1")

    with listener(speaking_tls(files, tns.refusing(12514))) as opened:
        error = failure_of(opened, wallet=wallet_of(tmp_path / "wallet", files))

    assert error.details["code"] == "DPY-6001"


def test_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    """Without the wallet nobody vouches for the listener, and trying again would not help."""
    files = make_certificate(tmp_path / "server", "127.0.0.1")

    with listener(speaking_tls(files, tns.refusing(12514))) as opened:
        error = failure_of(opened, wallet=None)

    assert isinstance(error, ConfigError)
    assert error.details["code"] == "ORA-29024"
    assert "FLEXT_WMS_WALLET_LOCATION" in error.instruction


def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    """A known authority is not enough: the name must be that of the URL."""
    files = make_certificate(tmp_path / "server", "another.example")

    with listener(speaking_tls(files, tns.refusing(12514))) as opened:
        error = failure_of(opened, wallet=wallet_of(tmp_path / "wallet", files))

    assert isinstance(error, ConfigError)
    assert error.details["code"] == "DPY-6006"


def test_the_match_of_names_can_be_given_up_by_name(tmp_path: Path) -> None:
    """ssl_server_dn_match=false is the driver's own option, for installations that need it."""
    files = make_certificate(tmp_path / "server", "another.example")

    with listener(speaking_tls(files, tns.refusing(12514))) as opened:
        error = failure_of(opened, wallet=wallet_of(tmp_path / "wallet", files), more="&ssl_server_dn_match=false")

    assert error.details["code"] == "DPY-6001"


def test_a_wallet_of_rubbish_is_a_wrong_setting(tmp_path: Path) -> None:
    """A file that holds no certificate is named as a matter of TLS, not of the network."""
    files = make_certificate(tmp_path / "server", "127.0.0.1")
    wallet = wallet_of(tmp_path / "wallet", files)
    (wallet / "ewallet.pem").write_text("no certificate\n")

    with listener(speaking_tls(files, tns.refusing(12514))) as opened:
        error = failure_of(opened, wallet=wallet)

    assert isinstance(error, ConfigError)
    assert "FLEXT_WMS_WALLET_LOCATION" in error.instruction


def test_plain_tcp_to_a_port_of_tls_says_so(tmp_path: Path) -> None:
    """The other end hangs up; the advice names protocol=tcps."""
    files = make_certificate(tmp_path / "server", "127.0.0.1")

    with listener(speaking_tls(files, tns.refusing(12514))) as opened:
        engine = open_oracle(sa.make_url(opened.url()), OracleOptions(connect_seconds=5, pool_size=1))
        with pytest.raises(TransientError) as caught, beginning(engine):
            pass
        engine.dispose()

    assert "protocol=tcps" in caught.value.instruction
    assert caught.value.details["session_lost"] is False
