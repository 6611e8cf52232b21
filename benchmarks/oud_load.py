"""Loading a live directory against ldapadd, in one run: the same files into fresh servers, by turns.

ldapadd sends one request and waits for its answer; ours keeps a window on the way, a journal on disk and checksums of
the files. On loopback there is next to no way, so that the window gains little: the row says what safety costs. 389
Directory Server is the limit of its own row, whoever loads it.

Run as ``python -m benchmarks oud_load``, ``--quick`` for fewer entries and turns. Needs slapd, and for 389 root.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from pydantic import SecretStr

from benchmarks.figures import Figure, at_least, main, note
from flext_pipelines.oud.directory.load import load
from flext_pipelines.oud.directory.reports import Policy
from flext_pipelines.oud.directory.target import DirectoryTarget
from flext_pipelines.oud.directory.verify import verify
from tests.ldap_servers import Ds389, LdapServerMissingError, Slapd, ds389_server, slapd_server
from tests.oud.directory.sample import migrated, write_files

OF_LDAPADD = 0.5
TURNS = 3

Server = Slapd | Ds389


def ours(server: Server, files: list[Path], folder: Path, policy: Policy = "add") -> float:
    """Seconds of a load of ours, checksums and journal included."""
    target = DirectoryTarget(url=server.url, bind_dn=server.root_dn, password=SecretStr(server.password))
    journal = folder / f"journal-{time.monotonic_ns()}"
    report = load(files, target, journal=journal, policy=policy)
    if report.rejected:
        raise RuntimeError(f"{report.rejected} records were refused: {report.reasons}")
    return report.seconds


def ldapadd(server: Server, files: list[Path], _: Path) -> float:
    """Seconds of ldapadd."""
    began = time.perf_counter()
    for path in files:
        server.run("ldapadd", "-f", str(path), dn=server.root_dn)
    return time.perf_counter() - began


def best(way: Callable[[Server, list[Path], Path], float], server: Server, files: list[Path], folder: Path) -> float:
    """One turn on an empty server."""
    if isinstance(server, Ds389):
        server.clear()
        server.run("ldapdelete", "-r", "dc=example,dc=com")
    else:
        server.stop()
        for file in (server.folder / "data").iterdir():
            file.unlink()
        server.restart()
    return way(server, files, folder)


def measured(
    name: str, opened: Callable[[], AbstractContextManager[Server]], count: int, wanted: float, turns: int
) -> list[Figure]:
    """The rows of one server."""
    entries = len(list(migrated(count)))
    with tempfile.TemporaryDirectory(prefix="flext-bench-") as given, opened() as server:
        folder = Path(given)
        files = write_files(folder, count)
        seconds = {"ours": 1e9, "ldapadd": 1e9}
        for _ in range(turns):
            seconds["ldapadd"] = min(seconds["ldapadd"], best(ldapadd, server, files, folder))
            seconds["ours"] = min(seconds["ours"], best(ours, server, files, folder))
        again: dict[Policy, float] = {policy: ours(server, files, folder, policy) for policy in ("update", "skip")}
        target = DirectoryTarget(url=server.url, bind_dn=server.root_dn, password=SecretStr(server.password))
        compared = verify(files, target)
        if not compared.equal:
            raise RuntimeError(f"{name} is not what was loaded: {compared.findings[:3]}")
    rate = {way: entries / found for way, found in seconds.items()}
    return [
        at_least(f"{name}: adds/s of ours, of ldapadd's", rate["ours"] / rate["ldapadd"], wanted, "x"),
        note(f"  {name}: ours", f"{rate['ours']:,.0f}/s of {entries:,} entries; ldapadd {rate['ldapadd']:,.0f}/s"),
        note(f"  {name}: all are there already", f"update {entries / again['update']:,.0f}/s, skip "
             f"{entries / again['skip']:,.0f}/s"),
        note(f"  {name}: read back and compared", f"{entries / compared.seconds:,.0f}/s"),
    ]  # fmt: skip


def measure(*, quick: bool = False) -> list[Figure]:
    """Both servers; one that cannot be had here is told."""
    turns = 2 if quick else TURNS
    figures = measured("slapd", slapd_server, 5_000 if quick else 20_000, OF_LDAPADD, turns)
    try:
        figures += measured("389", ds389_server, 1_000 if quick else 3_000, OF_LDAPADD, turns)
    except LdapServerMissingError as error:
        figures.append(note("389", f"not measured: {error}"))
    return figures


if __name__ == "__main__":
    main(measure)
