"""Fixtures: a tap of rows in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from memory_tap import MemoryTap

from singer_columnar.testing import TapRunner, own_signal_handlers

settings.register_profile("singer-columnar", deadline=None, database=None)
settings.load_profile("singer-columnar")


@pytest.fixture(autouse=True)
def _own_signal_handlers() -> Iterator[None]:
    with own_signal_handlers():
        yield


@pytest.fixture
def tap(monkeypatch: pytest.MonkeyPatch) -> TapRunner:
    """Runs the tap, here or as a process."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    return TapRunner(MemoryTap)
