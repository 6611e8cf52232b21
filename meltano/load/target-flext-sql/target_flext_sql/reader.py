"""Reads Singer messages: fast, with every number exact, and honest about how the input ends."""

from __future__ import annotations

import decimal
import json
import sys
from collections import Counter
from collections.abc import Callable
from typing import IO, Any

import msgspec
from singer_sdk.exceptions import InvalidInputLine
from singer_sdk.singerlib.encoding.base import GenericSingerReader

from target_flext_sql.errors import TruncatedInputError

_SHOWN = 200
_exact = msgspec.json.Decoder(float_hook=decimal.Decimal)
_plain = msgspec.json.Decoder()


class Stopped(Exception):  # noqa: N818 - a signal, not a fault
    """A termination signal came while we waited for input."""


class MessageReader(GenericSingerReader[Any]):
    """Reads lines from stdin (bytes) or a text file.

    Attributes:
        exact: Read fractions as decimals: set when a stream has a column that needs them.
        line_size: Bytes (or characters) of the current line.
        waiting: True while blocked on the input; a signal may then interrupt it.
        stop: A signal number that came while a message was processed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.exact = False
        self.line_size = 0
        self.waiting = False
        self.stop: int | None = None

    @property
    def default_input(self) -> IO[Any]:
        """Stdin as bytes: a decoder of UTF-8 is part of the JSON decoder."""
        return sys.stdin.buffer

    def process_lines(
        self, file_input: IO[Any] | None, callbacks: dict[str, Callable[[dict[str, Any]], None]]
    ) -> Counter[str]:
        """Give each message to its callback, until the input ends or a signal came.

        Args:
            file_input: Lines to read; None for stdin.
            callbacks: What to call for each message type.

        Returns:
            Messages read, by type.

        Raises:
            TruncatedInputError: The last line is only a part of a message.
            InvalidInputLine: A line is no Singer message.
        """
        lines = file_input or self.default_input
        counts: Counter[str] = Counter()
        while self.stop is None:
            line = self._next_line(lines)
            if not line:
                break
            if line.isspace():
                continue
            self.line_size = len(line)
            message = self._message(line)
            kind = message["type"]
            callback = callbacks.get(kind)
            if callback is None:
                self._process_unknown_message(message)
            else:
                callback(message)
            counts[kind] += 1
        return counts

    def _next_line(self, lines: IO[Any]) -> Any:
        self.waiting = True
        try:
            return b"" if self.stop is not None else lines.readline()
        except Stopped:
            return b""
        finally:
            self.waiting = False

    def _message(self, line: Any) -> dict[str, Any]:
        newline = b"\n" if isinstance(line, bytes) else "\n"
        try:
            message = self.deserialize_json(line)
        except InvalidInputLine:
            if not line.endswith(newline):
                raise TruncatedInputError(
                    "The input ends in the middle of a message",
                    "the tap was stopped while it wrote",
                    "everything before it is loaded; run again",
                ) from None
            raise
        self.assert_line_requires(message, requires={"type"})
        return message

    def deserialize_json(self, line: Any) -> dict[str, Any]:
        """Read one line of JSON (NaN and Infinity, which some taps write, are understood).

        Args:
            line: The line, bytes or text.

        Returns:
            The message.

        Raises:
            InvalidInputLine: The line is no JSON object.
        """
        try:
            message = (_exact if self.exact else _plain).decode(line)
        except (msgspec.DecodeError, UnicodeEncodeError):
            message = self._lenient(line)
        if not isinstance(message, dict):
            raise InvalidInputLine(f"Not a Singer message: {self._shown(line)}")
        return message

    def _lenient(self, line: Any) -> Any:
        try:
            return json.loads(line, parse_float=decimal.Decimal if self.exact else None)
        except (ValueError, UnicodeDecodeError) as error:
            raise InvalidInputLine(f"The tap wrote a line that is no Singer message: {self._shown(line)}") from error

    @staticmethod
    def _shown(line: Any) -> str:
        text = line.decode(errors="replace") if isinstance(line, bytes) else str(line)
        text = text.rstrip("\n")
        return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)")
