"""Whether a live directory is what the files say: entries, values, references, passwords, rights.

What belongs here: the questions and the report. What does not: collecting (``read_back``), comparing one entry
(``difference``), rights (``effective_rights``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from flext_pipelines.errors import DnError, FlextError, UsageError
from flext_pipelines.oud.directory.connection import Directory
from flext_pipelines.oud.directory.difference import EntryComparison
from flext_pipelines.oud.directory.read_back import Pairing, ReadBack
from flext_pipelines.oud.directory.reports import BindSample, Finding, VerifyReport
from flext_pipelines.oud.directory.rights_sample import RightsSample
from flext_pipelines.oud.directory.server_schema import named_by
from flext_pipelines.oud.ldif.index import place_of
from flext_pipelines.oud.ldif.reader import read_ldif
from flext_pipelines.values import Progress, ignore_progress

if TYPE_CHECKING:
    from flext_pipelines.oud.directory.target import DirectoryTarget

_MOST_LISTED = 1_000
_SHOWN = 120
_TELL_EVERY = 10_000
_MOST_VALUES = 50


def verify(
    files: Sequence[Path],
    target: DirectoryTarget,
    *,
    ignore: Sequence[str] = (),
    ignore_below: Sequence[str] = (),
    sample_binds: Sequence[BindSample] = (),
    effective_rights: int = 0,
    subjects: Sequence[str] = (),
    progress: Callable[[Progress], None] = ignore_progress,
) -> VerifyReport:
    """Compare a directory with the files that were loaded into it.

    Values are compared as the server's schema says, in any order. Operational attributes count only where the files
    hold them (``aci``). Nobody is bound before passwords were compared: 389 hashes one anew at its first use.

    Args:
        files: What was loaded: content, and changes such as the phase ``acls``.
        target: The server, and an account that reads everything.
        ignore: Attributes that are left out.
        ignore_below: DNs of entries that are left out with all below them, where the server has them.
        sample_binds: Users who must be able to bind.
        effective_rights: About how many entries the server is asked who may do what; 0 asks nothing.
        subjects: For whom, besides anonymous; by default some users.
        progress: Told what goes on.

    Raises:
        FlextError: As with ``load``; and ``LdifError`` for a file that is wrong.
    """
    with ReadBack(files) as both, Directory(target) as directory:
        return _Verification(both, directory, target, progress, ignore, ignore_below).report(
            sample_binds, effective_rights, subjects
        )


def read_bind_samples(path: Path) -> list[BindSample]:
    """Users and passwords of an LDIF file: each record a ``dn`` and one ``userPassword`` in clear.

    Raises:
        LdifError: It is none.
        UsageError: A record has no password.
    """
    found: list[BindSample] = []
    with read_ldif(path) as records:
        for record in records:
            passwords = record.values(b"userpassword")
            if not passwords:
                raise UsageError(
                    f"{path}:{record.line}: the record has no userPassword", "Give one in clear, to bind with"
                )
            clear = SecretStr(passwords[0].decode("utf-8", "replace"))
            found.append(BindSample(dn=record.dn.decode("utf-8", "replace"), password=clear))
    return found


class _Verification:
    """One comparison at work."""

    def __init__(
        self, both: ReadBack, directory: Directory, target: DirectoryTarget, progress: Callable[[Progress], None],
        ignore: Sequence[str], ignore_below: Sequence[str],
    ) -> None:  # fmt: skip
        self._both, self._directory, self._target, self._progress = both, directory, target, progress
        self._began = time.monotonic()
        self._schema = directory.schema
        self._comparison = EntryComparison(self._schema, ignore=ignore)
        self._left_out = [place_of(dn.encode()) for dn in ignore_below]
        self._searched: list[bytes] = []
        self._findings: dict[str, list[Finding]] = {}
        self._counts = dict.fromkeys(
            ("expected", "found", "same", "different", "missing", "extra", "references", "dangling", "bind"), 0
        )
        self._bound = 0

    def report(self, samples: Sequence[BindSample], entries: int, subjects: Sequence[str]) -> VerifyReport:
        """Everything, in the order in which nothing disturbs the next."""
        self._progress(Progress(text=f"Reading {len(self._both.files)} files"))
        self._both.collect_files()
        bases = self._both.bases(self._directory.naming_contexts)
        self._searched = [place_of(base.encode()) for base in bases]
        self._progress(Progress(text=f"Reading the entries below {', '.join(bases) or 'nothing'}"))
        for base in bases:
            self._both.collect_entries(self._read(base, with_aci=bool(entries)))
        self._both.seal()
        self._both.note_references(self._compared())
        self._follow_references()
        rights = None
        if entries:
            self._progress(Progress(text="Asking the server who may do what"))
            rights = RightsSample(self._both, self._directory).compared(entries, subjects, bases)
        for sample in samples:
            self._bind(sample)
        found = [finding for several in self._findings.values() for finding in several]
        counts = {name: number for name, number in self._counts.items() if name != "bind"}
        return VerifyReport(
            url=self._target.url, below=tuple(bases), equal=not found and not (rights and rights.differing),
            duplicates=self._both.duplicates, bound=self._bound, refused=self._counts["bind"], rights=rights,
            findings=tuple(found), seconds=time.monotonic() - self._began, **counts,
        )  # fmt: skip

    def _read(self, base: str, *, with_aci: bool) -> Iterator[tuple[str, dict[str, list[bytes]]]]:
        """What the server shows below a base, with the operational attributes that the files hold."""
        named = {name for name in self._both.names if self._is_operational(name)}
        wanted = ["*", *sorted(named | ({"aci"} if with_aci else set()))]
        for number, (dn, values) in enumerate(self._directory.stream(base, attributes=wanted), 1):
            if number % _TELL_EVERY == 0:
                self._progress(Progress(kind="count", stream=base, side="extracted", rows=number))
            yield dn, values

    def _is_operational(self, name: str) -> bool:
        kind = self._schema.type_of(name)
        return kind is None or kind.operational

    def _compared(self) -> Iterator[tuple[bytes, str, str, bytes]]:
        """Compare place by place; gives the values that are DNs, by what they name."""
        for pair in self._both.joined():
            if any(pair.place == place or pair.place.startswith(place + b"\0") for place in self._left_out):
                continue
            self._compare(pair)
            if pair.actual is not None:
                yield from self._references(pair)

    def _compare(self, pair: Pairing) -> None:
        self._counts["expected"] += pair.expected is not None
        self._counts["found"] += pair.actual is not None
        if pair.expected is None:
            if pair.dn is not None:
                self._find(Finding(kind="extra", dn=pair.dn, detail="no record of the files makes it"))
            return
        place = {"file": pair.expected.file, "line": pair.expected.line}
        if pair.actual is None:
            self._find(Finding.model_validate({"kind": "missing", "dn": pair.expected.dn, **place}))
            return
        differences = self._comparison.differences(pair.expected.dn, pair.expected.pairs, pair.actual)
        if not differences:
            self._counts["same"] += 1
            return
        self._counts["different"] += 1
        for one in differences:
            detail = _in_words(one.name, one.missing, one.extra)
            given = {"kind": "different", "dn": pair.expected.dn, "attribute": one.name, "detail": detail, **place}
            self._find(Finding.model_validate(given), count=False)

    def _find(self, finding: Finding, *, count: bool = True) -> None:
        if count:
            self._counts[finding.kind] += 1
        listed = self._findings.setdefault(finding.kind, [])
        if len(listed) < _MOST_LISTED:
            listed.append(finding)

    def _references(self, pair: Pairing) -> Iterator[tuple[bytes, str, str, bytes]]:
        """Values that are DNs and stand below what was searched."""
        assert pair.actual is not None
        for name, values in pair.actual.items():
            kind = self._schema.type_of(name)
            if kind is None or kind.rule != "name" or kind.operational:
                continue
            for value in values:
                try:
                    place = place_of(named_by(value))
                except DnError:
                    detail = f"{_text(value)} is no DN"
                    self._find(Finding(kind="dangling", dn=str(pair.dn), attribute=name, detail=detail))
                    continue
                if place and any(place == base or place.startswith(base + b"\0") for base in self._searched):
                    self._counts["references"] += 1
                    yield place, str(pair.dn), name.lower(), value

    def _follow_references(self) -> None:
        for holder, attribute, value in self._both.dangling():
            detail = f"nothing stands at {_text(value)}"
            self._find(Finding(kind="dangling", dn=holder, attribute=attribute, detail=detail))

    def _bind(self, sample: BindSample) -> None:
        as_user = self._target.model_copy(update={"bind_dn": sample.dn, "password": sample.password})
        try:
            Directory(as_user).close()
        except FlextError as error:
            if error.retryable:
                raise
            said = " ".join(str(error.details.get(name) or "") for name in ("name", "said")).strip()
            detail = f"cannot bind: {said or error.reason}"
            self._find(Finding(kind="bind", dn=sample.dn, attribute="userPassword", detail=detail))
        else:
            self._bound += 1


def _in_words(name: str, missing: Sequence[bytes], extra: Sequence[bytes]) -> str:
    if "password" in name.lower():
        return "; ".join(
            words for words, several in (("not the value of the file", missing), ("has another", extra)) if several
        )
    parts = []
    for words, several in (("missing", missing), ("extra", extra)):
        if several:
            shown = ", ".join(_text(value) for value in several[:_MOST_VALUES])
            more = f" and {len(several) - _MOST_VALUES} more" if len(several) > _MOST_VALUES else ""
            parts.append(f"{words}: {shown}{more}")
    return "; ".join(parts)


def _text(value: bytes) -> str:
    text = value[:_SHOWN].decode("utf-8", "backslashreplace")
    return repr(text) if len(value) <= _SHOWN else f"{text!r}..."
