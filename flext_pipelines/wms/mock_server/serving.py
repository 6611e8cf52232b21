"""Running the server: in the foreground for people, in a thread for tests, with a certificate of its own on demand."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flext_pipelines.errors import UnavailableError, UsageError
from flext_pipelines.wms.mock_server.app import API, MockServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flext_pipelines.wms.mock_server.certificates import CertificateFiles

LOOPBACK = "127.0.0.1"
_START_SECONDS = 10


@dataclass(frozen=True)
class Running:
    """A server that answers.

    Attributes:
        server: The server.
        url: Its base URL with the tenant, without a slash at the end: what clients take as ``base_url``.
        authority: The file of the certificate authority that signed its certificate; None over plain HTTP.
    """

    server: MockServer
    url: str
    authority: Path | None = None

    @property
    def control_url(self) -> str:
        """Where faults are ordered and requests are read: ``/mock/faults``, ``/mock/requests``."""
        return f"{self.url.rsplit('/', 1)[0]}/mock"

    @property
    def entity_url(self) -> str:
        """Root of the entities."""
        return f"{self.url}{API}"


@contextlib.contextmanager
def running(
    server: MockServer, *, port: int = 0, folder: Path | None = None, certificate_for: str = ""
) -> Iterator[Running]:
    """A server in a thread of this process, on loopback, for as long as the block lasts.

    Args:
        server: What to serve.
        port: Its port; 0 takes a free one.
        folder: Where certificates are written; needed for TLS.
        certificate_for: Serve TLS with a certificate for this host name or address; empty serves plain HTTP.

    Raises:
        UnavailableError: The port is taken, or the server does not start.
    """
    import uvicorn

    if certificate_for and folder is None:
        raise UsageError("A certificate needs a folder to be written to", "Give a folder")
    pair = None
    if certificate_for and folder is not None:
        from flext_pipelines.wms.mock_server.certificates import make_certificate

        pair = make_certificate(folder, certificate_for)
    listening = _listen(LOOPBACK, port)
    config = uvicorn.Config(
        server.app(), log_config=None,
        log_level="critical", lifespan="off", timeout_graceful_shutdown=1, access_log=False,
        ssl_certfile=pair.certificate if pair else None, ssl_keyfile=pair.key if pair else None,
    )  # fmt: skip
    running_server = uvicorn.Server(config)
    thread = threading.Thread(target=running_server.run, args=([listening],), name="wms-mock-server", daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_SECONDS
    try:
        while not running_server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise UnavailableError("The mock server did not start", "See its log above")
            time.sleep(0.01)
        scheme, taken = "https" if pair else "http", listening.getsockname()[1]
        yield Running(server, f"{scheme}://{LOOPBACK}:{taken}/{server.tenant}", pair.authority if pair else None)
    finally:
        running_server.should_exit = True
        thread.join(_START_SECONDS)
        listening.close()


def serve(
    server: MockServer,
    *,
    host: str,
    port: int,
    on_listening: Callable[[str], None],
    pair: CertificateFiles | None = None,
) -> None:
    """Serve until somebody interrupts.

    Args:
        server: What to serve.
        host: Address to listen on.
        port: Its port; 0 takes a free one.
        on_listening: Is told the base URL once connections are accepted.
        pair: Serve TLS with this certificate.

    Raises:
        UnavailableError: The port is taken.
    """
    import uvicorn

    with contextlib.closing(_listen(host, port)) as listening:
        listening.listen()
        shown = f"[{host}]" if ":" in host else host
        on_listening(f"{'https' if pair else 'http'}://{shown}:{listening.getsockname()[1]}/{server.tenant}")
        config = uvicorn.Config(
            server.app(), log_level="critical", lifespan="off", access_log=False, timeout_graceful_shutdown=1,
            ssl_certfile=pair.certificate if pair else None, ssl_keyfile=pair.key if pair else None,
        )  # fmt: skip
        uvicorn.Server(config).run([listening])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise UnavailableError(
            f"Port {port} of {host} cannot be listened on: {error.strerror}", "Choose another port by --port"
        ) from error
    listening.set_inheritable(True)
    return listening
