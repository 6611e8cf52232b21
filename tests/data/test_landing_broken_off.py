"""Writers that are killed or find the disk full: a version is whole or absent, and nothing of theirs stays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from flext_pipelines.data.dataset import Draft
from flext_pipelines.data.landing import LandingZone
from tests.data.killing import run_killed
from tests.data.samples import put

WRITE = """
import pyarrow as pa
from pathlib import Path
from flext_pipelines.data.dataset import Draft
from flext_pipelines.data.landing import LandingZone, tidy
from flext_pipelines.data.parts import PartWriter
for name in ("fsync", "rename", "replace"):
    counted(os, name)
counted(PartWriter, "append")
with LandingZone(Path(sys.argv[2])).writer("orders") as writer:
    for start in (0, 10):
        writer.append(pa.record_batch({"id": list(range(start, start + 10))}))
        writer.parts._end_part()
    writer.commit(Draft(mode="full"))
"""


@pytest.mark.process
def test_killed_anywhere_a_version_is_whole_or_absent(tmp_path: Path) -> None:
    """Killed at any point between parts, manifest and rename, no half version is seen; the next writer clears up."""
    points = run_killed(WRITE, 0, str(tmp_path / "through"))
    assert points > 10

    for point in range(1, points + 1, 2):
        landing = LandingZone(tmp_path / str(point))
        run_killed(WRITE, point, str(landing.root))

        for version in landing.versions("orders"):
            assert landing.verify("orders", version).rows == 20
        put(landing, "orders", pa.table({"id": [1]}))
        assert not [entry for entry in (landing.root / "orders").iterdir() if entry.name.startswith(".incoming")]


def test_sweep_removes_what_dead_writers_left_and_nothing_else(tmp_path: Path) -> None:
    """Leftovers of a killed writer go; what a living writer writes stays."""
    landing = LandingZone(tmp_path)
    run_killed(WRITE, 4, str(tmp_path))

    with landing.writer("living") as writer:
        writer.append(pa.record_batch({"id": [1]}))
        removed = landing.sweep()
        writer.commit(Draft(mode="full"))

    assert [name.split("/")[0] for name in removed] == ["orders"]
    assert landing.datasets() == ("living",)


def test_scratch_of_the_dead_goes_and_of_the_living_stays(landing: LandingZone) -> None:
    """A scratch folder lasts as long as its user."""
    dead = landing.root / ".work" / "dead"
    dead.mkdir(parents=True)
    (dead / ".lock").touch()

    with landing.scratch() as scratch:
        assert landing.sweep() == ()
        assert scratch.is_dir()

    assert list((landing.root / ".work").iterdir()) == []


@pytest.mark.process
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    """When a file may not grow any more, the error says so, and nothing half-written remains."""
    code = """
import resource, sys
from pathlib import Path
import pyarrow as pa, os
from flext_pipelines.data.dataset import Draft
from flext_pipelines.data.landing import LandingZone, tidy
from flext_pipelines.errors import StorageFullError
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    with LandingZone(Path(sys.argv[1])).writer("orders") as writer:
        for _ in range(20):
            writer.append(pa.record_batch({"noise": [os.urandom(40_000) for _ in range(4)]}))
        writer.commit(Draft(mode="full"))
except StorageFullError as error:
    print(error.details["errno"], error.instruction)
"""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert ended.stdout.startswith("27 Free space")
    assert not ended.stderr
    assert [entry.name for entry in (tmp_path / "orders").iterdir()] == [".lock"]


@pytest.mark.process
def test_a_really_full_file_system_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    """On a file system without room the error is StorageFullError, whichever write meets the end."""
    code = """
import sys
from pathlib import Path
import pyarrow as pa, os
from flext_pipelines.data.dataset import Draft
from flext_pipelines.data.landing import LandingZone, tidy
from flext_pipelines.errors import StorageFullError
root = Path(sys.argv[1])
try:
    with LandingZone(root).writer("orders") as writer:
        for _ in range(20):
            writer.append(pa.record_batch({"noise": [os.urandom(40_000) for _ in range(4)]}))
        writer.commit(Draft(mode="full"))
except StorageFullError as error:
    print(error.details["errno"], [entry.name for entry in (root / "orders").iterdir()])
"""
    mount = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$3" "$1"'
    ended = subprocess.run(
        ["unshare", "-r", "-m", "sh", "-c", mount, "sh", str(tmp_path), sys.executable, code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "Operation not permitted" in ended.stderr or "permission denied" in ended.stderr.lower():
        pytest.skip("this machine lets nobody mount; the limit on file size is tested above")

    assert ended.stdout.strip() == "28 ['.lock']", ended.stderr
