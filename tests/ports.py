"""Ports for servers that must be told theirs.

What belongs here: finding one. What does not: servers that take port 0, which no one can take from them.
"""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has, and that nobody else is likely to get before it is used.

    It lies below those that the kernel gives to connections and to port 0: of these, another test may be given the
    same one in the moment until the server listens. At random, as another process of the tests looks for one, too.
    """
    try:
        first = int(_RANGE.read_text(encoding="ascii").split()[0])
    except OSError:
        first = 32_768
    while True:
        port = 10_000 + secrets.randbelow(max(first - 10_000, 1_000))
        with socket.socket() as held:
            try:
                held.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
