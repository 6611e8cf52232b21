"""A listener on loopback that speaks the first packets of Oracle's network protocol (TNS), and no more.

It is the other end for python-oracledb's real connection path: it reads the CONNECT packet and then refuses like a
listener (REFUSE with the error stack that a real one sends), asks for the packet again (RESEND), accepts and leaves,
closes, resets, hangs, or answers with something that is no TNS at all.

Packets: two bytes of length, two of checksum, one of type, one of flags, two of header checksum, then the body.
Types: CONNECT 1, ACCEPT 2, REFUSE 4, REDIRECT 5, DATA 6, RESEND 11.

What belongs here: the listener and its behaviours. What does not: assertions.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.ports import free_port

CONNECT, ACCEPT, REFUSE, REDIRECT, DATA, RESEND = 1, 2, 4, 5, 6, 11

Behaviour = Callable[[socket.socket, threading.Event], None]
"""What a listener does with one connection; the event is set when the listener is closed."""


def packet(kind: int, body: bytes = b"") -> bytes:
    """A TNS packet."""
    return struct.pack(">HHBBH", 8 + len(body), 0, kind, 0, 0) + body


def refuse_packet(code: int) -> bytes:
    """REFUSE as a listener of Oracle 19c sends it."""
    stack = f"(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR={code})(ERROR_STACK=(ERROR=(CODE={code})(EMFI=4))))".encode()
    return packet(REFUSE, struct.pack(">BBH", 4, 0, len(stack)) + stack)


def received(connection: socket.socket) -> bytes:
    """The client's next packet, whole."""
    head = _exactly(connection, 8)
    return head + _exactly(connection, struct.unpack(">H", head[:2])[0] - 8)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise ConnectionError("the client left")
        data += more
    return data


def refusing(code: int) -> Behaviour:
    """Refuse with an ORA- code."""

    def behave(connection: socket.socket, _: threading.Event) -> None:
        received(connection)
        connection.sendall(refuse_packet(code))

    return behave


def resending(code: int) -> Behaviour:
    """Ask for the CONNECT packet once more, then refuse."""

    def behave(connection: socket.socket, _: threading.Event) -> None:
        first = received(connection)
        connection.sendall(packet(RESEND))
        assert received(connection) == first
        connection.sendall(refuse_packet(code))

    return behave


def redirecting(port: int) -> Behaviour:
    """Send the client on to another address."""

    def behave(connection: socket.socket, _: threading.Event) -> None:
        received(connection)
        address = f"(DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=127.0.0.1)(PORT={port})))"
        data = f"{address}\0(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME=WMS)))".encode()
        # The length stands in the REDIRECT packet, the text in a DATA packet (behind its two bytes of flags).
        connection.sendall(packet(REDIRECT, struct.pack(">H", len(data))) + packet(DATA, bytes(2) + data))

    return behave


def answering(data: bytes) -> Behaviour:
    """Answer with these bytes, then close in order."""

    def behave(connection: socket.socket, _: threading.Event) -> None:
        received(connection)
        connection.sendall(data)

    return behave


def hanging(connection: socket.socket, closed: threading.Event) -> None:
    """Take the connection, and say nothing."""
    closed.wait(60)


def closing(connection: socket.socket, _: threading.Event) -> None:
    """Read the CONNECT packet and close."""
    received(connection)


def resetting(connection: socket.socket, _: threading.Event) -> None:
    """Read the CONNECT packet and reset the connection, as a firewall does."""
    received(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def dropping(connection: socket.socket, _: threading.Event) -> None:
    """Accept the session, and leave: a server process that dies while somebody logs in."""
    received(connection)
    body = struct.pack(">HHHHHHHHBB", 319, 0, 8192, 65535, 1, 0, 0, 0, 0x41, 0x41) + bytes(17)
    connection.sendall(packet(ACCEPT, body))


class OracleListener:
    """A listener on a free port of 127.0.0.1.

    Attributes:
        port: Where it listens.
        taken: How many connections it has taken.
    """

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []
        self.port: int = self._socket.getsockname()[1]
        self.taken = 0
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def url(self, service: str = "WMS", password: str = "hunter2") -> str:
        """Its SQLAlchemy URL."""
        return f"oracle+oracledb://wms:{password}@127.0.0.1:{self.port}/?service_name={service}"

    def close(self) -> None:
        """Close the port and every connection."""
        self._closed.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._accepting.join(5)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.taken += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._behave(connection, self._closed)
                if self._behave is not resetting:
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(4096):  # until the client has read all and closes its end
                        pass
            except OSError:
                return


@contextmanager
def listener(behave: Behaviour) -> Iterator[OracleListener]:
    """A listener for the time of the block."""
    opened = OracleListener(behave)
    try:
        yield opened
    finally:
        opened.close()


def closed_port() -> int:
    """A port of 127.0.0.1 at which nobody listens."""
    return free_port()
