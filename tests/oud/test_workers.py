"""Several processes on one file: order, errors, and that none is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from flext_pipelines.errors import InternalError, LdifError, UnavailableError
from flext_pipelines.oud.entries import EntryTransform
from flext_pipelines.oud.ldif import read_ldif
from flext_pipelines.oud.ldif.spans import spans
from flext_pipelines.oud.rules.reading import read_rules
from flext_pipelines.oud.schema.view import SchemaView
from flext_pipelines.oud.workers import Part, answers, parts_of
from tests.oud import oid_sample, worker_jobs

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of 600 entries."""
    path = tmp_path_factory.mktemp("workers") / "export.ldif"
    oid_sample.write_export(path, 600)
    return path


@pytest.fixture(params=["as it comes", "with another thread"])
def started(request: pytest.FixtureRequest) -> Iterator[None]:
    """Another thread may hold a lock, so that workers are spawned then and not forked."""
    if request.param == "as it comes":
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    yield
    done.set()
    thread.join()


def cut(path: Path, count: int) -> list[Part]:
    return [Part(number, path, span) for number, span in enumerate(spans(path, count))]


OTHERS: set[int] = set()
"""Processes that this one had before a test: servers that other tests share."""


@pytest.fixture(autouse=True)
def _others() -> None:
    OTHERS.clear()
    OTHERS.update(children())


def children() -> set[int]:
    """Living processes that a test started, but for the tracker that multiprocessing keeps."""
    return {
        child.pid for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in " ".join(child.cmdline())
    } - OTHERS  # fmt: skip


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_answers_come_in_the_order_of_the_file(export: Path, workers: int) -> None:
    """Whichever part is done first, and every record is in one part."""
    found = list(answers(export, worker_jobs.names, workers=workers, parts=cut(export, 5)))

    assert [number for number, _ in found] == [0, 1, 2, 3, 4]
    assert [dn for _, names in found for dn in names] == [record.dn for record in read_ldif(export)]
    assert children() == set()


def test_one_worker_works_here(export: Path) -> None:
    """No process is started for it; two are others, and each works on several parts."""
    assert set(answers(export, worker_jobs.process, workers=1, parts=cut(export, 3))) == {os.getpid()}

    processes = set(answers(export, worker_jobs.process, workers=2, parts=cut(export, 6)))
    assert os.getpid() not in processes
    assert len(processes) <= 2


def test_a_process_that_may_have_no_children_works_itself(export: Path) -> None:
    """Such as a worker: multiprocessing forbids it children."""
    found = list(answers(export, worker_jobs.nested, workers=2, parts=cut(export, 2)))

    assert found == [[True, True], [True, True]]


def test_two_workers_write_what_one_writes(export: Path) -> None:
    """The same bytes, whatever the parts are."""
    work = worker_jobs.Transformed(
        EntryTransform(read_rules(), SchemaView.standard(), oid_sample.BASE, pattern_after=5)
    )

    (alone,) = answers(export, work, workers=1)
    assert b"\n\n".join(answers(export, work, workers=2, parts=cut(export, 4))) == alone
    assert len(alone) > 100_000


@pytest.mark.usefixtures("started")
def test_an_error_of_ours_is_raised_as_it_was(export: Path) -> None:
    """With its advice and details; no process is left."""
    with pytest.raises(LdifError) as error:
        list(answers(export, worker_jobs.refused, workers=2, parts=cut(export, 4)))

    assert error.value.reason == "export.ldif:7: it is wrong"
    assert error.value.instruction == "Correct it"
    assert error.value.details == {"file": "export.ldif", "line": 7}
    assert children() == set()


def test_a_fault_of_the_work_shows_where_it_was(export: Path) -> None:
    """The traceback of the other process is a note; what cannot be sent becomes an error of ours."""
    with pytest.raises(ZeroDivisionError) as error:
        list(answers(export, worker_jobs.broken, workers=2, parts=cut(export, 4)))
    assert "in broken" in error.value.__notes__[0]

    with pytest.raises(InternalError, match="OddError: odd") as other:
        list(answers(export, worker_jobs.unsendable, workers=2, parts=cut(export, 4)))
    assert "in unsendable" in str(other.value.details["traceback"])
    assert children() == set()


@pytest.mark.usefixtures("started")
def test_a_killed_worker_is_named(export: Path) -> None:
    """With the signal, the part it worked on and what to do."""
    parts = cut(export, 4)

    with pytest.raises(UnavailableError, match="was killed by SIGKILL") as error:
        list(answers(export, worker_jobs.killed, workers=2, parts=parts))

    assert f"from line {parts[1].span.line:,}" in error.value.reason
    assert "fewer workers" in error.value.instruction
    assert children() == set()


def test_a_worker_that_leaves_is_named_too(export: Path) -> None:
    """With its exit code."""
    with pytest.raises(UnavailableError, match="ended with exit code 3"):
        list(answers(export, worker_jobs.left, workers=2, parts=cut(export, 4)))


def test_a_caller_that_stops_asking_leaves_no_process(export: Path) -> None:
    """Though parts are still worked on."""
    asked = answers(export, worker_jobs.process, workers=2, parts=cut(export, 6))
    next(asked)

    asked.close()  # type: ignore[attr-defined]  # it is a generator

    assert children() == set()


def test_parts_are_many_enough_and_no_more(tmp_path: Path, export: Path) -> None:
    """Several for each worker, none below a megabyte, one where there is nothing to share."""
    empty = tmp_path / "empty.ldif"
    empty.touch()

    assert [part.span.start for part in parts_of(export, 1)] == [0]
    assert len(parts_of(export, 2)) == 2
    assert len(parts_of(export, 2, part_bytes=1 << 16)) == 2
    assert parts_of(empty, 2) == []
    assert list(answers(empty, worker_jobs.process, workers=2)) == []
    for one, other in pairwise(parts_of(export, 3)):
        assert one.span.stop == other.span.start


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def until(condition: object, seconds: float = 20.0) -> bool:
    """Whether it becomes true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]  # a function without arguments
            return True
        time.sleep(0.02)
    return False


@pytest.mark.process
@pytest.mark.parametrize("how", ["ctrl-c", "terminated", "killed"])
def test_no_process_is_left_when_the_parent_goes(tmp_path: Path, export: Path, how: str) -> None:
    """Ctrl-C, which reaches the whole group; a signal to the parent alone; a kill that it cannot answer."""
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.oud.worker_jobs", str(export), str(tmp_path)],
        cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert until(lambda: len(list(tmp_path.iterdir())) == 2)
        workers = [int(path.name) for path in tmp_path.iterdir()]
        if how == "ctrl-c":
            os.killpg(program.pid, signal.SIGINT)
        else:
            program.send_signal(signal.SIGTERM if how == "terminated" else signal.SIGKILL)
        _, told = program.communicate(timeout=20)
    finally:
        program.kill()

    assert until(lambda: not any(alive(pid) for pid in workers))
    assert program.returncode != 0
    assert told.count(b"Traceback") == (1 if how == "ctrl-c" else 0)
