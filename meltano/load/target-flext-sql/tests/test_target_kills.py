"""The target killed with SIGKILL at every point, then run again: the table holds exactly the source's rows."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from target_harness import INTEGER, TEXT, Message, Place, activate, batch, lines, parquet, records, schema
from target_servers import postgres_place

SHAPE = {"id": INTEGER, "rk": INTEGER, "v": TEXT}
Rows = Sequence[Mapping[str, Any]]


class Killer:
    """The fork server of target_killer.py."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        script = Path(__file__).with_name("target_killer.py")
        self._server = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            stderr=subprocess.DEVNULL,
        )

    def run(self, config: Mapping[str, Any], messages: Sequence[Message], kill_at: int | None) -> tuple[int, list[Any]]:
        """Run the target; return its exit code (-9 when killed) and the states that it wrote."""
        source, output = self._folder / "input", self._folder / "output"
        source.write_text(lines(messages))
        request = {"config": dict(config), "input": str(source), "output": str(output), "kill_at": kill_at}
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        code = int(self._server.stdout.readline())
        written = output.read_text().split("\n")[:-1]
        return code, [json.loads(line) for line in written]

    @property
    def count(self) -> int:
        """Moments of the last run that was not killed."""
        return int((self._folder / "output.count").read_text())

    @property
    def error(self) -> str:
        """The error of the last run that failed."""
        return (self._folder / "output.error").read_text()

    def close(self) -> None:
        """Stop the server."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(20)
        self._server.stdout.close()


@pytest.fixture
def killer(tmp_path: Path) -> Iterator[Killer]:
    """A fork server for one test."""
    server = Killer(tmp_path)
    yield server
    server.close()


@dataclass(frozen=True, slots=True)
class FakeTap:
    """A tap over a list of rows, as the SDK's behave: sorted by replication key, inclusive bookmark, state per chunk.

    Attributes:
        rows: The source's rows.
        keys: Key properties.
        incremental: Replicates by `rk`.
        form: `record` or `batch`.
        signals: Sends ACTIVATE_VERSION around a full-table stream.
        folder: Where batch files go.
        chunk: Rows between two states.
    """

    rows: Rows
    keys: tuple[str, ...]
    incremental: bool
    form: str
    signals: bool
    folder: Path
    chunk: int = 2

    def messages(self, start: Any, version: int = 1) -> list[Message]:
        """Return what the tap sends when it starts from a state (None: from nothing)."""
        found: list[Message] = [{"type": "STATE", "value": start}] if start else []
        found.append(schema("s", SHAPE, self.keys, "rk" if self.incremental else None))
        low = ((start or {}).get("bookmarks", {}).get("s") or {}).get("replication_key_value")
        rows = list(self.rows)
        if self.incremental:
            rows = sorted((row for row in rows if low is None or row["rk"] >= low), key=lambda row: row["rk"])
        announces = self.signals and not self.incremental
        if announces:
            found.append(activate("s", version))
        for number, at in enumerate(range(0, len(rows), self.chunk)):
            found += self._chunk(rows[at : at + self.chunk], number, version if announces else None)
        if announces:
            found.append(activate("s", version))
        return found

    def _chunk(self, rows: Rows, number: int, version: int | None) -> list[Message]:
        bookmark = {"replication_key": "rk", "replication_key_value": rows[-1]["rk"]} if self.incremental else {}
        told: Message = {"type": "STATE", "value": {"bookmarks": {"s": bookmark}}}
        if self.form == "record":
            return [*records("s", rows, version), told]
        columns = {name: [row[name] for row in rows] for name in SHAPE}
        return [batch("s", parquet(self.folder / f"{number}.parquet", pa.table(columns))), told]


def table(place: Place) -> Counter[tuple[Any, ...]]:
    """Return the table as a bag of rows."""
    return Counter(place.rows("s", "id, rk, v")) if place.exists("s") else Counter()


def bag(*sources: Rows) -> Counter[tuple[Any, ...]]:
    """Return rows as a bag of tuples."""
    return Counter((row["id"], row["rk"], row["v"]) for rows in sources for row in rows)


def source(*rows: tuple[int | None, int, str]) -> list[dict[str, Any]]:
    """Return rows of (id, rk, v)."""
    return [{"id": i, "rk": rk, "v": v} for i, rk, v in rows]


OLD = source((1, 1, "a"), (2, 2, "b"), (3, 2, "c"), (9, 3, "gone"))
# Ties on the replication key lie across chunks, so that a bookmark falls inside a tie.
NEW = source((1, 1, "a"), (2, 2, "b"), (3, 4, "c2"), (4, 4, "d"), (5, 4, "e"), (6, 5, "f"))
LOG = source((1, 1, "a"), (1, 1, "a"), (1, 1, "a"), (2, 2, "b"), (2, 2, "b"), (3, 3, "c"), (4, 3, "d"))


@dataclass(frozen=True, slots=True)
class Case:
    """One way to load.

    Attributes:
        method: load_method.
        keys: Key properties.
        incremental: Replicates by `rk`.
        before: Rows of a complete load before the one that is killed; none if empty.
        rows: The source's rows now.
        final: Bag of the table in the end.
    """

    method: str
    keys: tuple[str, ...]
    incremental: bool
    before: Rows
    rows: Rows
    final: Counter[tuple[Any, ...]]


CASES = {
    "upsert, incremental": Case("upsert", ("id",), True, OLD, NEW, bag(NEW, OLD[-1:])),
    "upsert, full table": Case("upsert", ("id",), False, OLD, NEW, bag(NEW)),
    "append, keys and replication key": Case("append", ("id",), True, OLD, NEW, bag(NEW, OLD[2:])),
    "append, replication key only": Case("append", (), True, LOG[:4], LOG, bag(LOG)),
    "append, full table": Case("append", (), False, OLD, NEW, bag(OLD, NEW)),
    "overwrite, full table": Case("overwrite", ("id",), False, OLD, NEW, bag(NEW)),
    "overwrite, without keys": Case("overwrite", (), False, OLD, LOG, bag(LOG)),
}


def _run_until_done(
    killer: Killer, config: Mapping[str, Any], tap: FakeTap, stored: Any, kill_at: int | None, version: int
) -> tuple[bool, Any]:
    """Run once; return whether it was killed, and the state that Meltano would have stored."""
    code, states = killer.run(config, tap.messages(stored, version), kill_at)
    assert code in {0, -9}, killer.error
    return code == -9, (states[-1] if states else stored)


@pytest.mark.process
@pytest.mark.parametrize("form", ["record", "batch"])
@pytest.mark.parametrize("name", CASES)
def test_a_killed_load_ends_exact_after_a_rerun(
    place_maker: Callable[[], Place], killer: Killer, tmp_path: Path, name: str, form: str
) -> None:
    """Killed between any two changes outside of the process and run again, nothing is lost and nothing is twice."""
    case = CASES[name]
    config = {"load_method": case.method, "batch_size_rows": 3}
    before = FakeTap(case.before, case.keys, case.incremental, form, signals=True, folder=tmp_path / "before")
    tap = FakeTap(case.rows, case.keys, case.incremental, form, signals=True, folder=tmp_path / "now")
    # Records and batches are killed at different moments of three; PostgreSQL at every fifth.
    kill_at = 1 if form == "record" else 2
    start: tuple[Place, Any] | None = None
    while True:
        place = place_maker()
        settings = {**place.config, **config}
        if start is not None and place.dialect == "duckdb":
            shutil.copy(start[0].config["path"], place.config["path"])
            stored = start[1]
        else:
            _, stored = _run_until_done(killer, settings, before, None, None, 1)
        if start is None:
            start = place_maker(), stored
            if place.dialect == "duckdb":
                shutil.copy(place.config["path"], start[0].config["path"])
        killed, stored = _run_until_done(killer, settings, tap, stored, kill_at, 2)
        if case.method == "overwrite":
            assert table(place) in (bag(case.before), bag(case.rows)), f"a part was published, kill at {kill_at}"
        done = case.method == "append" and not case.incremental and place.events("s").count("finished") == 2
        if killed and not done:
            _run_until_done(killer, settings, tap, stored, None, 3)
        assert table(place) == case.final, f"kill at {kill_at}"
        if not killed:
            break
        kill_at += 3 if place.dialect == "duckdb" else 5
    assert kill_at > 8


@pytest.fixture(params=["duckdb", pytest.param("postgresql", marks=pytest.mark.postgres)])
def place_maker(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Place]:
    """Make a fresh place at each call."""
    numbers = iter(range(1_000_000))

    def make() -> Place:
        if request.param == "duckdb":
            path = tmp_path / f"warehouse{next(numbers)}.duckdb"
            return Place("duckdb", {"path": str(path), "default_target_schema": "raw", "lock_timeout": 20})
        return postgres_place(request.getfixturevalue("target_postgres_server"))

    return make
