"""Loading LDIF files into a live directory: every record settled once, whatever happens on the way.

What belongs here: files in order, journal, rejects, counts, and when a refusal is about the server and no longer about
a record. What does not: how records are sent (``pipeline``), the schema (``schema_load``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from flext_pipelines.errors import (
    DataDamagedError,
    DirectoryRefusedError,
    DnError,
    LdifError,
    NotFoundError,
    StorageFullError,
    UnavailableError,
)
from flext_pipelines.oud.directory.journal import Journal, LoadedFile, Place, State, described, open_journal
from flext_pipelines.oud.directory.operations import Operation, Rules, Settled
from flext_pipelines.oud.directory.pipeline import WINDOW, Pipeline
from flext_pipelines.oud.directory.reports import LoadReport, Policy
from flext_pipelines.oud.directory.result_codes import is_no_suffix, work_error
from flext_pipelines.oud.directory.schema_load import is_schema, load_schema
from flext_pipelines.oud.dn import normal_key, parse_dn
from flext_pipelines.oud.ldif.parse import ldif_error
from flext_pipelines.oud.ldif.reader import Reject, read_ldif
from flext_pipelines.oud.ldif.spans import Span
from flext_pipelines.oud.ldif.writer import write_reject
from flext_pipelines.values import Progress, ignore_progress

if TYPE_CHECKING:
    from flext_pipelines.oud.directory.target import DirectoryTarget
    from flext_pipelines.oud.ldif.record import Record

HORIZON_BYTES = 1 << 20
"""Of a file; so much is in doubt after a kill at most, about a thousand entries."""
_MOST_HELD = 10
"""So many refusals in a row that are about the server by their words, or before it took anything, end the load."""
_MOST_HELD_LATER = 200
"""So many of others that may be: an account may well be refused one part of the tree."""
_COUNT_EVERY_SECONDS = 0.5
_NO_ROOM = {28, 122, 27}

RESULTS = ("added", "updated", "modified", "deleted", "renamed", "unchanged", "skipped", "rejected")


def load(
    files: Sequence[Path],
    target: DirectoryTarget,
    *,
    journal: Path,
    policy: Policy = "add",
    progress: Callable[[Progress], None] = ignore_progress,
    rejects: Path | None = None,
    keep: Sequence[str] = (),
    passwords: bool = False,
    window: int = WINDOW,
) -> LoadReport:
    """Load files into a directory, in their order.

    Content records are added, change records applied. With ``add``, an entry that is there is refused; with ``update``
    it is compared, attribute by attribute, and made what the record says; with ``skip`` it is left alone. The entry of
    a suffix, which the server's setup makes, is brought up to date under every policy. A record ``cn=schema`` goes
    into the server's schema.

    Args:
        files: LDIF files; parents before children.
        target: The server and the account.
        journal: Where it is written how far the load is. One that exists is taken up: the load goes on there.
        policy: What is done with entries that are there.
        progress: Told what goes on.
        rejects: Where refused records go with their reasons; by default beside the journal.
        keep: Attributes that an update leaves alone.
        passwords: Whether an update sets passwords anew; by default users keep those that they have.
        window: Requests at once.

    Raises:
        ConfigError: python-ldap is not installed.
        NotFoundError: There is no such file, or the server holds no suffix for its entries.
        ForbiddenError: The server refuses the password, or lets the account write nothing.
        DirectoryRefusedError: It is read-only, or takes no hashed passwords.
        UnavailableError: It is gone for longer than the target's patience. Load again to go on.
        TimedOutError: It does not answer for longer than that. Load again to go on.
        ConflictError: The journal belongs to another load.
        AlreadyRunningError: Another process is at it.
        StorageFullError: No room for journal or rejects.
    """
    began = time.monotonic()
    described_files = [described(path) for path in files]
    # No .ldif at its end: `*.ldif` in the same command would name it as a file to load when the load goes on.
    rejects = rejects or journal.with_name(f"{journal.stem}.rejects")
    with open_journal(journal, url=target.url, policy=policy, files=described_files) as opened:
        if opened.state is not None and opened.state.done:
            return _report(opened.state.counts, target, policy, files, rejects, opened, began)
        rules = Rules(policy, tuple(keep), passwords)
        with _Load(described_files, target, opened, rejects, rules, progress, window) as work:
            counts = work.run()
        return _report(counts, target, policy, files, rejects, opened, began)


def _report(
    counts: object, target: DirectoryTarget, policy: Policy, files: Sequence[Path], rejects: Path, journal: Journal,
    began: float,
) -> LoadReport:  # fmt: skip
    assert isinstance(counts, dict)
    reasons = {name.removeprefix("reason:"): number for name, number in counts.items() if name.startswith("reason:")}
    return LoadReport(
        url=target.url, policy=policy, files=tuple(str(path) for path in files), journal=journal.path,
        **{name: number for name, number in counts.items() if not name.startswith("reason:")},
        reasons=dict(sorted(reasons.items(), key=lambda item: -item[1])),
        rejects_file=rejects if counts.get("rejected") else None, resumed=journal.state is not None,
        already_done=journal.state is not None and journal.state.done, seconds=time.monotonic() - began,
    )  # fmt: skip


class _Load:
    """One run of a load."""

    def __init__(
        self, files: Sequence[LoadedFile], target: DirectoryTarget, journal: Journal, rejects: Path, rules: Rules,
        progress: Callable[[Progress], None], window: int,
    ) -> None:  # fmt: skip
        start = Place(0, 0, 1)
        self._state = journal.state or State(start, start, {}, 0, done=False)
        self._counts = dict(self._state.counts)
        self._files, self._target, self._journal, self._rules = files, target, journal, rules
        self._progress = progress
        self._held: list[tuple[Operation, Settled]] = []
        self._taken = any(self._counts.get(name) for name in RESULTS if name != "rejected")
        self._told = time.monotonic()
        self._horizon = self._state.horizon
        self._open = ExitStack()
        try:
            self._rejects = self._open.enter_context(_opened_rejects(rejects, self._state.rejects_bytes))
            self._pipeline = Pipeline(target, self._settle, progress, window)
            self._open.callback(self._close)
            keys = frozenset(normal_key(name.encode()) for name in self._pipeline.directory.naming_contexts if name)
            self._rules = rules._replace(suffixes=keys)
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> _Load:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _close(self) -> None:
        self._pipeline.close()

    def run(self) -> dict[str, int]:
        """Load what is not settled yet."""
        if self._journal.state is not None:
            done = sum(self._counts.get(name, 0) for name in RESULTS)
            self._progress(Progress(text=f"Going on after {done:,} records"))
        for number in range(self._state.settled.file, len(self._files)):
            self._file(number)
        self._note(Place(len(self._files), 0), done=True)
        return self._counts

    def _file(self, number: int) -> None:
        one = self._files[number]
        first = self._state.settled
        offset, line = (first.offset, first.line) if number == first.file else (0, 1)
        if offset >= one.bytes:
            return
        self._progress(Progress(text=f"Loading {Path(one.path).name}"))
        checked = False
        span = Span(offset, one.bytes, line)
        with read_ldif(one.path, lenient=True, on_reject=self._refuse_text, span=span) as records:
            for record in records:
                place = Place(number, record.offset, _first_line(record))
                if not checked:
                    checked = self._check_suffix(record)
                self._reach(place)
                self._load(record, place, one.path)
        self._reach(Place(number, one.bytes, line), at_end=True)

    def _load(self, record: Record, place: Place, path: str) -> None:
        in_doubt = (place.file, place.offset) < self._state.horizon[:2]
        if is_schema(record):
            self._pipeline.drain()
            added = load_schema(record, self._pipeline.directory, self._progress, path)
            self._counts["schema_added"] = self._counts.get("schema_added", 0) + added
            self._count("updated" if added else "unchanged")
            return
        try:
            operation = Operation(record, place, path, self._rules, in_doubt=in_doubt)
        except DnError as error:
            self._reject(Reject(_as_ldif(error.reason, error.instruction, path, record.line), record.line, record.raw))
            return
        self._pipeline.submit(operation)

    def _check_suffix(self, record: Record) -> bool:
        """Refuse a file for which the server has no suffix, before its first record is sent; true when judged."""
        contexts = self._pipeline.directory.naming_contexts
        if is_schema(record) or not contexts:
            return False
        try:
            dn = parse_dn(record.dn)
        except DnError:
            return False
        if not any(dn.is_under(parse_dn(name)) for name in [*contexts, "cn=config", "cn=schema"]):
            shown = ", ".join(repr(name) for name in contexts)
            raise NotFoundError(
                f"{self._target.url} holds no suffix for {record.dn_text!r}",
                f"It holds {shown}. Create a backend for it first, or migrate to one of these with --target-base-dn",
                {"dn": record.dn_text, "naming_contexts": contexts},
            )
        return True

    def _reach(self, place: Place, *, at_end: bool = False) -> None:
        """Before a record beyond the horizon is sent: settle all before it and move the horizon."""
        if not at_end and (place.file, place.offset) < self._horizon[:2]:
            return
        self._note(place)

    def _note(self, place: Place, *, done: bool = False) -> None:
        self._pipeline.drain()
        self._release_held(at_end=True)
        self._counts["retries"] = self._counts.get("retries", 0) + self._pipeline.retries
        self._pipeline.retries = 0
        with _kept_on_disk():
            self._rejects.flush()
            os.fsync(self._rejects.fileno())
        self._horizon = Place(place.file, place.offset + HORIZON_BYTES)
        self._journal.note(State(place, self._horizon, self._counts, self._rejects.tell(), done))

    # What becomes of records.

    def _settle(self, operation: Operation, settled: Settled) -> None:
        if settled.result is not None:
            self._taken = True
            self._release_held()
            self._count(settled.result)
            if settled.recovered:
                self._counts["recovered"] = self._counts.get("recovered", 0) + 1
            return
        self._held.append((operation, settled))
        if not settled.held:
            self._release_held()
        elif self._takes_none(_MOST_HELD_LATER if self._taken and not _names_server(settled) else _MOST_HELD):
            raise self._about_server()

    def _takes_none(self, most: int) -> bool:
        """Whether so many were refused in a row, in the order in which they were sent.

        Answers overtake each other: a server refuses at once and writes for a while, so that one of those before may
        be taken yet.
        """
        if len(self._held) < most:
            return False
        return not self._pipeline.awaits_before(max(operation.place for operation, _ in self._held[:most]))

    def _release_held(self, *, at_end: bool = False) -> None:
        """Refusals that could have been about the server are about their records, since it takes others."""
        if at_end and self._held and not self._taken:
            raise self._about_server()
        for operation, settled in self._held:
            assert settled.error is not None
            error = settled.error
            self._reject(
                Reject(_as_ldif(error.reason, error.instruction, operation.file, operation.record.line),
                       operation.record.line, operation.record.raw),
                reason=settled.answer.kind.name if settled.answer is not None else "",
            )  # fmt: skip
        self._held.clear()

    def _about_server(self) -> Exception:
        operation, settled = self._held[0]
        if settled.answer is None:
            assert settled.error is not None
            return DirectoryRefusedError(settled.error.reason, settled.error.instruction, settled.error.details)
        if is_no_suffix(settled.answer):
            return NotFoundError(
                f"{self._target.url} holds no suffix for {operation.dn!r}: {settled.answer.said}",
                "Create a backend for it first", {"dn": operation.dn},
            )  # fmt: skip
        return work_error(settled.answer, self._target.url, f"takes none of the records, first {operation.dn!r}",
                          bind_dn=self._target.bind_dn)  # fmt: skip

    def _refuse_text(self, reject: Reject) -> None:
        self._reject(reject, reason="no LDIF")

    def _reject(self, reject: Reject, reason: str = "") -> None:
        with _kept_on_disk():
            write_reject(self._rejects, reject)
        name = f"reason:{reason or 'no DN'}"
        self._counts[name] = self._counts.get(name, 0) + 1
        self._count("rejected")

    def _count(self, result: str) -> None:
        self._counts[result] = self._counts.get(result, 0) + 1
        self._counts["read"] = self._counts.get("read", 0) + 1
        now = time.monotonic()
        if now - self._told >= _COUNT_EVERY_SECONDS:
            self._told = now
            rejected = self._counts.get("rejected", 0)
            name = str(self._target.url)
            self._progress(Progress(kind="count", stream=name, side="loaded", rows=self._counts["read"] - rejected))
            self._progress(Progress(kind="count", stream=name, side="rejected", rows=rejected))


def _names_server(settled: Settled) -> bool:
    return settled.answer is None or settled.answer.names_server


def _first_line(record: Record) -> int:
    """Where a record begins; its line is that of its ``dn``, which may stand below comments."""
    line = record.line
    if record.raw[:1] == b"#":
        for text in record.raw.split(b"\n"):
            if text[:1] not in (b"#", b" "):
                break
            line -= 1
    return line


def _as_ldif(reason: str, instruction: str, file: str, line: int) -> LdifError:
    return ldif_error(file, line, reason, instruction)


@contextmanager
def _kept_on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFullError("No room is left for refused records", "Free some and run again") from error
        raise UnavailableError(f"Refused records cannot be kept: {error.strerror}", "Check the disk") from error


@contextmanager
def _opened_rejects(path: Path, size: int) -> Iterator[IO[bytes]]:
    """The file of refused records, cut to what the journal knows of."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    except OSError as error:
        raise UnavailableError(f"{path} cannot be opened: {error.strerror}", "Check the folder") from error
    if os.fstat(file.fileno()).st_size < size:
        file.close()
        raise DataDamagedError(
            f"{path} does not hold the refused records that the journal knows of",
            "Put it back, name the right file (--rejects), or remove the journal to load from the start",
            {"file": str(path), "bytes": size},
        )
    try:
        file.truncate(size)
        file.seek(size)
        yield file
    finally:
        with suppress(OSError):  # what counts is on disk already; where there is no room this says so once more
            file.close()
    if not path.stat().st_size:
        path.unlink()
