"""A lock on a file: who holds it, and that it never outlives its holder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flext_pipelines.meltano.file_lock import FileLock, is_free


def test_an_exclusive_lock_is_had_once_and_says_by_whom(tmp_path: Path) -> None:
    """Until it is given up."""
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")

    assert first.acquire("run wms")
    assert not second.acquire("run other")
    holder = second.holder()
    assert holder is not None
    assert holder.what == "run wms"
    assert not is_free(tmp_path / "lock")
    first.release()
    assert is_free(tmp_path / "lock")
    assert second.acquire("run other")
    second.release()


@pytest.mark.process
def test_a_lock_ends_with_the_process_that_holds_it(tmp_path: Path) -> None:
    """Also when that process is killed: nothing of it can go stale."""
    path = tmp_path / "lock"
    code = (
        "import pathlib, time\nfrom flext_pipelines.meltano.file_lock import FileLock\n"
        f"FileLock(pathlib.Path({str(path)!r})).acquire('x'); lock = FileLock(pathlib.Path({str(path)!r} + '2'))\n"
        "lock.acquire('y'); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert not is_free(tmp_path / "lock2")

        child.kill()
        child.wait()

    assert is_free(tmp_path / "lock2")
