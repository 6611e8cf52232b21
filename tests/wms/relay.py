"""A relay between a client and a PostgreSQL server, which can break the connection at a given statement.

What belongs here: bytes from here to there, and the end of it. What does not: any knowledge of the protocol beyond the
text of a statement.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


class Relay:
    """Listens on a loopback port of its own as long as the block lasts.

    Attributes:
        port: Where it listens.
        broken: How many connections it has broken.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.broken = 0
        self._breaks: deque[tuple[bytes, bool, bool]] = deque()
        self._away = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._run(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._break_all()
        for thread in self._threads:
            thread.join(5)

    def break_at(self, statement: bytes, *, deliver: bool = False, and_stay_away: bool = False) -> None:
        """Break the connection at the next message that holds this text; after the breaks asked for before.

        Args:
            statement: A part of it.
            deliver: The server still gets it, and has the time to perform it; its answer is lost.
            and_stay_away: New connections are refused until ``come_back``.
        """
        self._breaks.append((statement, deliver, and_stay_away))

    def go_away(self) -> None:
        """Break all connections and refuse new ones."""
        self._away = True
        self._break_all()

    def come_back(self) -> None:
        """Take connections again."""
        self._away = False

    def _run(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._away:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._target))
            self._pairs.append((client, server))
            self._run(self._forward, client, server, True)
            self._run(self._forward, server, client, False)

    def _forward(self, source: socket.socket, sink: socket.socket, watched: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if watched and self._breaks and self._breaks[0][0] in data:
                    _, deliver, self._away = self._breaks.popleft()
                    self.broken += 1
                    if deliver:
                        source.shutdown(socket.SHUT_RDWR)
                        sink.sendall(data)
                        time.sleep(0.3)  # the server performs it; nobody hears its answer
                    break
                sink.sendall(data)
        _end(source, sink)

    def _break_all(self) -> None:
        for pair in self._pairs:
            _end(*pair)


def _end(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
