"""Reading in the background: order, errors, a stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Generator
from typing import Any

import pytest

from singer_columnar import errors
from singer_columnar.errors import TapError
from singer_columnar.pump import Pump
from singer_columnar.stopping import StopRequested, StopSignal


class Letters:
    """A part that gives its letters, each after a while."""

    def __init__(self, letters: str, wait: float = 0.0) -> None:
        self._letters, self._wait = letters, wait
        self.is_cancelled = self.is_closed = False

    def items(self) -> Generator[str]:
        """The letters; "!" is an error."""
        try:
            for letter in self._letters:
                time.sleep(self._wait)
                if letter == "!":
                    raise ValueError(letter)
                yield letter
        finally:
            self.is_closed = True

    def cancel(self) -> None:
        """Take note."""
        self.is_cancelled = True


@pytest.mark.parametrize("parallel", [1, 2, 5])
def test_items_come_in_the_order_of_their_parts(parallel: int) -> None:
    """However many parts are read at once, and however slow the first is."""
    parts = [Letters("abc", 0.02), Letters("de"), Letters(""), Letters("fghijklmnop")]

    with Pump(parts, StopSignal(), parallel) as pump:
        assert "".join(pump) == "abcdefghijklmnop"


def test_an_error_of_a_part_is_raised_in_its_place() -> None:
    """What the part gave before comes first; parts that still wait are cancelled and closed."""
    later = Letters("x" * 100, 0.01)
    got: list[str] = []

    with pytest.raises(ValueError, match="!"), Pump([Letters("ab!"), later], StopSignal(), 2) as pump:
        got.extend(pump)

    assert got == ["a", "b"]
    assert later.is_cancelled
    assert later.is_closed


def test_a_stop_ends_the_reading() -> None:
    """Nothing is given after a stop was asked for, though more is there."""
    stop = StopSignal()
    part = Letters("abcdef")

    def read() -> list[str]:
        got: list[str] = []
        with Pump([part], stop) as pump:
            for letter in pump:
                got.append(letter)
                stop.request()
        return got

    with pytest.raises(StopRequested):
        read()

    assert part.is_closed


def test_waiting_hears_a_signal() -> None:
    """A handler that asks for a stop ends a sleep, in the very thread that it interrupts."""
    stop = StopSignal()
    signal.signal(signal.SIGTERM, lambda *_: stop.request())
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
    start = time.monotonic()

    with pytest.raises(StopRequested):
        stop.sleep(600)

    assert time.monotonic() - start < 300


def test_a_sleep_lasts_as_long_as_asked() -> None:
    """Without a stop it ends by itself."""
    start = time.monotonic()

    StopSignal().sleep(0.15)

    assert time.monotonic() - start >= 0.15


def test_the_error_tree_is_drawn_as_it_is() -> None:
    """The tree at the top of the module names every class, and each has a docstring."""
    found: list[type[Any]] = [kind for kind in vars(errors).values() if isinstance(kind, type)]

    for kind in found:
        assert issubclass(kind, TapError)
        assert kind.__name__ in (errors.__doc__ or "")
        assert kind.__doc__
