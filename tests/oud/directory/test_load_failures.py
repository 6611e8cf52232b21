"""Facts about loads that are cut off: whatever is killed, stopped or lost, nothing is lost and nothing done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flext_pipelines.errors import DirectoryRefusedError, TimedOutError, UnavailableError
from flext_pipelines.oud.directory.load import load
from flext_pipelines.oud.directory.reports import LoadReport
from flext_pipelines.oud.directory.target import DirectoryTarget
from flext_pipelines.oud.directory.verify import verify
from flext_pipelines.values import Progress
from tests.ldap_servers import SUFFIX, Ds389, Slapd
from tests.oud.directory import loading
from tests.oud.directory.conftest import target_of
from tests.oud.directory.cutting import cut_line
from tests.oud.directory.sample import migrated, write_files

pytestmark = [pytest.mark.ldap, pytest.mark.process, pytest.mark.xdist_group("389")]


def assert_whole(files: list[Path], target: DirectoryTarget, report: LoadReport, count: int) -> None:
    """Every record is settled once, and the server is what the files say."""
    assert report.read == count
    assert report.added + report.updated + report.unchanged == count
    assert report.rejected == 0
    assert verify(files, target).equal


def killed_and_resumed(
    files: list[Path], target: DirectoryTarget, journal: Path, pauses: list[float]
) -> tuple[LoadReport, int]:
    """Kill a load with SIGKILL, each time a moment after it began with the users; then let one come to its end."""
    kills = 0
    for pause in pauses:
        child = loading.start(files, target, journal)
        assert child.stdout is not None
        while "user.ldif" not in child.stdout.readline():
            pass
        time.sleep(pause)
        kills += child.poll() is None
        child.kill()
        child.communicate()
    child = loading.start(files, target, journal)
    said, _ = child.communicate(timeout=120)
    assert child.returncode == 0, said
    return LoadReport.model_validate_json(said.splitlines()[-1]), kills


def lines_of(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


@pytest.mark.parametrize("kind", ["slapd", "ds389"])
def test_a_load_that_is_killed_goes_on(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """After SIGKILL at several moments the next call goes on; each entry is there once and none is refused."""
    server: Slapd | Ds389 = request.getfixturevalue(kind)
    count = 6_000 if kind == "slapd" else 2_500
    files = write_files(tmp_path, count)
    target = target_of(server)
    pauses = [0.02, 0.05, 0.01] if kind == "slapd" else [0.2, 0.3, 0.1]

    report, kills = killed_and_resumed(files, target, tmp_path / "journal", pauses)

    assert kills >= 2
    assert report.resumed
    assert report.recovered > 0
    assert_whole(files, target, report, len(list(migrated(count))))


class After:
    """Does something once, when a load has come so far."""

    def __init__(self, rows: int, what: Callable[[], None]) -> None:
        self.rows, self.what, self.done = rows, what, False
        self.warnings: list[str] = []

    def __call__(self, step: Progress) -> None:
        """Count."""
        if step.kind == "warning":
            self.warnings.append(step.text)
        if step.side == "loaded" and (step.rows or 0) >= self.rows and not self.done:
            self.done = True
            self.what()


@pytest.fixture
def _tells_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flext_pipelines.oud.directory.load._COUNT_EVERY_SECONDS", 0.0)


@pytest.mark.usefixtures("_tells_often")
@pytest.mark.parametrize("kind", ["slapd", "ds389"])
def test_a_load_outlives_its_server(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The server is killed mid-load and comes back: the load connects again and ends as if nothing had been."""
    server: Slapd | Ds389 = request.getfixturevalue(kind)
    files = write_files(tmp_path, 800)

    def killed() -> None:
        server.process.kill()
        server.process.wait()
        threading.Timer(0.5, server.restart).start()

    after = After(300, killed)
    report = load(files, target_of(server), journal=tmp_path / "journal", progress=after)

    assert after.done
    assert any("connecting again" in text for text in after.warnings)
    assert report.retries > 0
    assert_whole(files, target_of(server), report, len(list(migrated(800))))


@pytest.mark.usefixtures("_tells_often")
@pytest.mark.parametrize("kind", ["slapd", "ds389"])
def test_a_server_that_stops_answering_ends_the_load_in_time(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """It is waited for as long as the patience lasts; the same call goes on when it answers again."""
    server: Slapd | Ds389 = request.getfixturevalue(kind)
    files = write_files(tmp_path, 800)
    target = target_of(server, timeout_seconds=1, connect_seconds=1, patience_seconds=2)
    began = time.monotonic()
    after = After(300, lambda: os.kill(server.process.pid, signal.SIGSTOP))

    with pytest.raises((TimedOutError, UnavailableError)) as caught:
        load(files, target, journal=tmp_path / "journal", progress=after)

    waited = time.monotonic() - began
    os.kill(server.process.pid, signal.SIGCONT)
    report = load(files, target_of(server), journal=tmp_path / "journal")
    assert waited < 20
    assert "run the same command again" in caught.value.instruction
    assert caught.value.retryable
    assert_whole(files, target_of(server), report, len(list(migrated(800))))


@pytest.mark.usefixtures("_tells_often")
def test_a_write_into_a_server_that_stopped_ends_in_time(slapd: Slapd, tmp_path: Path) -> None:
    """A value larger than all buffers on the way cannot block the load beyond its time-out."""
    big = b"x" * 40_000_000
    path = tmp_path / "big.ldif"
    entries = list(migrated(60))
    from flext_pipelines.oud.ldif.writer import new_ldif_file

    with new_ldif_file(path) as writer:
        for _, name_of, pairs in entries:
            writer.write_entry(name_of.encode(), [(name.encode(), value) for name, value in pairs])
        dn = entries[-1][1].encode().replace(b"cn=", b"cn=big ", 1)
        writer.write_entry(dn, [(b"objectClass", b"organizationalRole"), (b"description", big)])
    target = target_of(slapd, timeout_seconds=1, connect_seconds=1, patience_seconds=1)
    after = After(len(entries), lambda: os.kill(slapd.process.pid, signal.SIGSTOP))
    began = time.monotonic()

    with pytest.raises((TimedOutError, UnavailableError)):
        load([path], target, journal=tmp_path / "journal", progress=after)

    assert after.done
    assert time.monotonic() - began < 20


def test_a_record_that_ends_every_connection_is_refused_itself(slapd: Slapd, tmp_path: Path) -> None:
    """Larger than the server takes: it is rejected with its size after three tries, and the rest is loaded."""
    from flext_pipelines.oud.ldif.writer import new_ldif_file

    path = tmp_path / "big.ldif"
    entries = list(migrated(100))
    with new_ldif_file(path) as writer:
        for number, (_, dn, pairs) in enumerate(entries):
            writer.write_entry(dn.encode(), [(name.encode(), value) for name, value in pairs])
            if number == 50:
                huge = [(b"objectClass", b"organizationalRole"), (b"description", b"x" * 5_000_000)]
                writer.write_entry(b"cn=huge,dc=example,dc=com", huge)

    report = load([path], target_of(slapd), journal=tmp_path / "journal")

    assert report.rejected == 1
    assert report.added == len(entries)
    assert report.rejects_file is not None
    assert "closes the connection each time" in report.rejects_file.read_text()[:2_000]


def test_two_loads_with_one_journal_do_not_run_at_once(slapd: Slapd, tmp_path: Path) -> None:
    """The second is told so at once."""
    files = write_files(tmp_path, 200)
    target = target_of(slapd)
    os.kill(slapd.process.pid, signal.SIGSTOP)
    child = loading.start(files, target, tmp_path / "journal")
    try:
        while not lines_of(tmp_path / "journal"):
            time.sleep(0.01)
        second = loading.start(files, target, tmp_path / "journal")
        said, _ = second.communicate(timeout=60)
    finally:
        child.kill()
        child.communicate()
        os.kill(slapd.process.pid, signal.SIGCONT)

    assert second.returncode != 0
    assert "AlreadyRunningError" in said


def test_a_full_disk_ends_the_load_and_spoils_nothing(slapd: Slapd, tmp_path: Path) -> None:
    """The journal cannot grow: the error says so, and with room the same call goes on and ends well."""
    files = write_files(tmp_path, 300)
    target = target_of(slapd)
    assert target.password is not None
    journal = tmp_path / "journal"
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2);"
        "from tests.oud.directory.loading import main; main(*sys.argv[2:])"
    )
    for room in (100, 700, 1_000):
        words = [str(room), target.model_dump_json(exclude={"password"}), str(journal), *(str(path) for path in files)]
        done = subprocess.run(
            [sys.executable, "-c", program, *words], cwd=loading.ROOT, capture_output=True, text=True, check=False,
            env={**os.environ, loading.PASSWORD: target.password.get_secret_value()}, timeout=60,
        )  # fmt: skip
        assert "StorageFullError: No room is left to write" in done.stderr

    report = load(files, target, journal=journal)

    assert_whole(files, target, report, len(list(migrated(300))))


ROUTES = [[first, second] for first in range(4_000, 40_000, 3_300) for second in (700, 9_000)]
"""After how many bytes the first and the second connection break: before, in and behind the traffic of the load."""


def test_a_line_that_breaks_anywhere_loses_and_doubles_nothing(slapd: Slapd, tmp_path: Path) -> None:
    """Wherever the connection ends, in a request, an answer or between: each record is settled once."""
    files = write_files(tmp_path, 90)
    count = len(list(migrated(90)))
    for number, cuts in enumerate(ROUTES):
        slapd.stop()
        for file in (slapd.folder / "data").iterdir():
            file.unlink()
        slapd.restart()
        with cut_line(slapd.port, cuts) as line:
            report = load(files, target_of(slapd, url=line.url), journal=tmp_path / f"journal-{number}")

            assert line.connections >= 2, cuts
        assert report.retries > 0
        assert_whole(files, target_of(slapd), report, count)


def test_a_load_whose_server_is_lost_for_good_is_taken_up(slapd: Slapd, tmp_path: Path) -> None:
    """The error says to run it again; the run after it settles the rest, and nothing a second time."""
    files = write_files(tmp_path, 90)
    count = len(list(migrated(90)))
    for number, cut in enumerate(range(4_000, 40_000, 6_000)):
        slapd.stop()
        for file in (slapd.folder / "data").iterdir():
            file.unlink()
        slapd.restart()
        journal = tmp_path / f"journal-{number}"
        with cut_line(slapd.port, [cut], closed_after=1) as line:
            url = line.url
            with pytest.raises((UnavailableError, TimedOutError)) as caught:
                load(files, target_of(slapd, url=url, patience_seconds=0.2), journal=journal)

        assert "run the same command again" in caught.value.instruction
        port = int(url.rpartition(":")[2])
        with cut_line(slapd.port, [], port=port):
            report = load(files, target_of(slapd, url=url), journal=journal)
        assert report.resumed
        assert_whole(files, target_of(slapd), report, count)


def answering(slapd: Slapd, code: int, *rdns: str, text: str = "so it is") -> None:
    """Let the server answer each addition of some entries with a code (slapo-retcode); 0 is as it always does."""
    slapd.stop()
    items = [f'retcode-item "{rdn}" {code} op=add text="{text}"' for rdn in rdns]
    overlay = ["moduleload retcode", "overlay retcode", f'retcode-parent "ou=codes,{SUFFIX}"']
    slapd.configure(*([*overlay, *items] if code else []))
    slapd.restart()


@pytest.fixture
def three(slapd: Slapd, tmp_path: Path) -> Path:
    """Three entries, of which the second stands below a unit whose answers can be chosen."""
    slapd.run("ldapadd", ldif=f"dn: {SUFFIX}\nobjectClass: domain\ndc: example\n\n"
              f"dn: ou=codes,{SUFFIX}\nobjectClass: organizationalUnit\nou: codes\n")  # fmt: skip
    path = tmp_path / "three.ldif"
    names = {"a": SUFFIX, "b": f"ou=codes,{SUFFIX}", "c": SUFFIX}
    entry = "dn: cn={0},{1}\nobjectClass: person\nsn: x\ncn: {0}\n\n"
    path.write_text("".join(entry.format(name, above) for name, above in names.items()))
    return path


@pytest.mark.parametrize("code", [3, 11, 51, 52])
def test_what_may_pass_is_tried_again_with_pauses(slapd: Slapd, three: Path, tmp_path: Path, code: int) -> None:
    """Limits, busy and unavailable: with longer and longer pauses, for as long as the patience lasts."""
    answering(slapd, code, "cn=b")
    steps: list[str] = []
    began = time.monotonic()

    with pytest.raises((UnavailableError, TimedOutError)) as caught:
        load([three], target_of(slapd, patience_seconds=1), journal=tmp_path / "journal",
             progress=lambda step: steps.append(step.text) if step.kind == "warning" else None)  # fmt: skip

    assert 1 <= time.monotonic() - began < 8
    assert "cn=b" in caught.value.reason
    assert "so it is" in caught.value.reason
    assert any("it is tried again" in text for text in steps)
    answering(slapd, 0)
    report = load([three], target_of(slapd), journal=tmp_path / "journal")
    assert report.added == 3
    assert report.rejected == 0


def test_a_busy_server_that_recovers_loses_nothing(slapd: Slapd, three: Path, tmp_path: Path) -> None:
    """While it is busy the load waits; then it goes on by itself."""
    answering(slapd, 51, "cn=b")
    timer = threading.Timer(1, answering, (slapd, 0))
    timer.start()

    report = load([three], target_of(slapd), journal=tmp_path / "journal")

    timer.join()
    assert (report.added, report.rejected) == (3, 0)
    assert report.retries > 2


@pytest.mark.parametrize("code", [1, 19, 21, 53, 65, 80])
def test_what_cannot_pass_is_asked_once(slapd: Slapd, three: Path, tmp_path: Path, code: int) -> None:
    """The record is refused with the server's words, at once, and the others are loaded."""
    answering(slapd, code, "cn=b")

    report = load([three], target_of(slapd), journal=tmp_path / "journal")

    assert (report.added, report.rejected, report.retries) == (2, 1, 0)
    assert report.rejects_file is not None
    assert f"({code}): so it is" in report.rejects_file.read_text()


@pytest.mark.parametrize(("text", "whole"), [("so it is", False), ("database is read-only", True)])
def test_one_part_of_the_tree_may_be_closed(slapd: Slapd, three: Path, tmp_path: Path, text: str, whole: bool) -> None:
    """After entries were taken, refusals in a row are about records, unless the server's words are about itself."""
    names = [f"p{number}" for number in range(15)]
    entry = "dn: cn={0},ou=codes,{1}\nobjectClass: person\nsn: x\ncn: {0}\n\n"
    first, _, last = three.read_text().strip().split("\n\n")
    three.write_text(f"{first}\n\n{''.join(entry.format(name, SUFFIX) for name in names)}{last}\n")
    answering(slapd, 53, *(f"cn={name}" for name in names), text=text)

    if whole:
        with pytest.raises(DirectoryRefusedError):
            load([three], target_of(slapd, timeout_seconds=2), journal=tmp_path / "journal", window=1)
    else:
        report = load([three], target_of(slapd), journal=tmp_path / "journal")
        assert (report.added, report.rejected) == (2, 15)
