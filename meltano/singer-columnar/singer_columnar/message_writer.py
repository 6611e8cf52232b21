"""Writing Singer messages to standard output, whole."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from singer_sdk.contrib.msgspec import MsgSpecWriter

if TYPE_CHECKING:
    from singer_sdk.singerlib import Message


class MessageWriter(MsgSpecWriter):
    """The SDK's msgspec writer, which in addition never cuts a message short.

    With PYTHONUNBUFFERED set, ``sys.stdout.buffer`` is the raw file, whose ``write`` may write only a part when a
    signal arrives (a stop request while the target is slow): the rest would be lost without an error.
    """

    def write_message(self, message: Message) -> None:
        """Write a message as one line."""
        self.write_lines(bytes(self.format_message(message)))

    def write_lines(self, lines: bytes) -> None:
        """Write whole lines."""
        rest = memoryview(lines)
        while rest:
            rest = rest[sys.stdout.buffer.write(rest) :]
        sys.stdout.flush()
