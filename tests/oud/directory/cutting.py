"""A way to a server that breaks: a relay on loopback which ends its connections after so many bytes.

What belongs here: the relay. What does not: what is asserted of loads over it.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class CutLine:
    """A relay to a port of this machine.

    Args:
        to: Port of the server.
        cuts: After how many bytes each connection in turn is ended, both directions counted; those after them last.
        closed_after: After so many connections no more are taken; None takes all.
        port: To listen on; by default any.

    Attributes:
        connections: How many were taken.
    """

    def __init__(self, to: int, cuts: list[int], closed_after: int | None = None, port: int = 0) -> None:
        self.connections = 0
        self._to, self._cuts, self._closed_after = to, cuts, closed_after
        self._listener = socket.create_server(("127.0.0.1", port))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"ldap://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        """Stop relaying."""
        self._stop.set()
        self._thread.join(5)
        self._listener.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            if not select.select([self._listener], [], [], 0.05)[0]:
                continue
            near, _ = self._listener.accept()
            if self._closed_after is not None and self.connections >= self._closed_after:
                near.close()
                continue
            limit = self._cuts[self.connections] if self.connections < len(self._cuts) else None
            self.connections += 1
            with near, socket.create_connection(("127.0.0.1", self._to)) as far, suppress(OSError):
                self._relay(near, far, limit)

    def _relay(self, near: socket.socket, far: socket.socket, left: int | None) -> None:
        while not self._stop.is_set():
            for ready in select.select([near, far], [], [], 0.05)[0]:
                data = ready.recv(65_536)
                if left is not None:
                    data, left = data[:left], left - len(data)
                (far if ready is near else near).sendall(data)
                if not data or (left is not None and left <= 0):
                    return


@contextmanager
def cut_line(to: int, cuts: list[int], closed_after: int | None = None, port: int = 0) -> Iterator[CutLine]:
    """A relay for the time of a test."""
    relay = CutLine(to, cuts, closed_after, port)
    try:
        yield relay
    finally:
        relay.close()
