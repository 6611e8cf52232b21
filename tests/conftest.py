"""Fixtures that every room of the tests may use.

What belongs here: a clean environment, settings in a temporary home, PostgreSQL, and the check that no
process is left behind. What does not: fixtures of one room (they live in its own ``conftest``).
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as examples

from flext_pipelines.settings import Settings
from tests.postgres import RUNNING, PostgresMissingError, PostgresServer, postgres_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_FOREIGN_PREFIXES = ("FLEXT_", "MELTANO_", "DAGSTER_", "TAP_", "TARGET_")
_MACHINERY = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
"""Python's own long-lived children; they end with their parent."""

# A busy machine may take a second to make any example, or to run it.
examples.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
examples.load_profile("any machine")


def _remove_foreign(patch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(_FOREIGN_PREFIXES)]:
        patch.delenv(name)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What collection imports stays until the end: the collector of garbage need not look at it, now or in any test.

    These are half a million objects. Looking through them took nearly half of the time of all fast tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        gc.enable()
        atexit.register(gc.unfreeze)  # else a library whose objects outlive the interpreter (DuckDB's binding) tells so


@pytest.fixture(scope="module", autouse=True)
def _garbage_of_the_module() -> Iterator[None]:
    """What its tests imported stays as well; a warning that comes of what they dropped is told where they are."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _clean_session_environment() -> Iterator[None]:
    """No setting of the person who runs the tests reaches a fixture that several tests share."""
    with pytest.MonkeyPatch.context() as patch:
        _remove_foreign(patch)
        yield


@pytest.fixture(scope="session", autouse=True)
def _interrupts_as_at_a_terminal() -> Iterator[None]:
    """SIGINT and SIGHUP are answered as at a terminal, also where a script put the tests into the background.

    A shell without job control starts such a process with SIGINT ignored, nohup with SIGHUP. Dagster's execution in
    process gives SIGTERM the disposition of SIGINT (1.13.27), and what is ignored is inherited by every process that a
    test starts.
    """
    ignored = [one for one in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests, or of another test, reaches this one."""
    _remove_foreign(monkeypatch)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Effective settings with all state in a home of this test."""
    return Settings(home=tmp_path / "home", actor="tester")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started when the first test of this process needs it."""
    try:
        with postgres_server() as server:
            yield server
    except PostgresMissingError as error:
        reason = f"PostgreSQL is not installed: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """``postgresql://`` URL of a fresh database, dropped after the test."""
    name = postgres.create_database()
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(autouse=True)
def _no_process_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test ends the processes it starts; one marked ``process`` also those that left its process group."""
    searched = request.node.get_closest_marker("process") and "tmp_path" in request.fixturenames
    folder = str(request.getfixturevalue("tmp_path")) if searched else None
    before = _children()
    yield
    left = _after_grace(lambda: [child for child in _children() if child not in before])
    if folder is not None:
        left += [one for one in _after_grace(lambda: _at_work_in(folder)) if one not in left]
    _end(left, "this test")


@pytest.fixture(scope="session", autouse=True)
def _no_orphan_at_the_end(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """When the session ends, no process works in its folders any more, not even one that changed its parent."""
    yield
    _end(_after_grace(lambda: _at_work_in(str(tmp_path_factory.getbasetemp()))), "this test session")


def _children() -> list[psutil.Process]:
    """Living children of this process, without Python's own machinery."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # 1 us; reading the process table costs 5,000
    except ChildProcessError:
        return []
    return [child for child in psutil.Process().children(recursive=True) if _is_ours(child)]


def _at_work_in(folder: str) -> list[psutil.Process]:
    """Processes whose arguments or working folder lie in the folder, whoever their parent is; none that began us."""
    found = []
    ours = {os.getpid(), *(above.pid for above in psutil.Process().parents())}
    for process in psutil.process_iter():
        try:
            if process.pid not in ours and (
                process.cwd().startswith(folder) or any(folder in part for part in process.cmdline())
            ):
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if _is_ours(process)]


def _is_ours(process: psutil.Process) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE or {process.pid, process.ppid()} & RUNNING:
            return False
        return not any(mark in part for part in process.cmdline() for mark in _MACHINERY)
    except psutil.Error:
        return False


def _after_grace(look: Callable[[], list[psutil.Process]], seconds: float = 3) -> list[psutil.Process]:
    """What is still there after a moment: a process that was told to end may need it."""
    deadline = time.monotonic() + seconds
    while (found := look()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def _end(left: list[psutil.Process], who: str) -> None:
    named = []
    for process in left:
        try:
            named.append(f"{process.pid} {' '.join(process.cmdline())[:200]}")
            process.kill()
        except psutil.Error:
            continue
    if named:
        pytest.fail(f"{who} left processes behind (ended now):\n" + "\n".join(named))
