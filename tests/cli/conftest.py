"""A shell: `flext` in this process, with a home of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from flext_pipelines.cli import main, session

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """What a command came to."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


Shell = Callable[..., Answer]


@pytest.fixture(autouse=True)
def _no_settings_of_another_test() -> Iterator[None]:
    """What a process reads once, each test reads anew, also after one that looked at the settings by itself."""
    yield
    session.settings.cache_clear()
    session.bus.cache_clear()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """FLEXT_HOME of this test."""
    monkeypatch.setenv("FLEXT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FLEXT_ACTOR", "tester")
    return tmp_path / "home"


@pytest.fixture
def flext(home: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Run `flext` with words and give exit code and outputs."""

    def call(*words: str) -> Answer:
        capsys.readouterr()
        code = main.run(words)
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return call
