"""Reading a part of the export once: every record becomes an entry of a spool, or is excluded, or rejected.

What belongs here: the loop over records, and what it writes down beside the spools: excluded records, rejected ones
with their bytes, access values, references, side files. What does not: what becomes of a record
(``flext_pipelines.oud.entries``), who reads which part (``workers``).
"""

from __future__ import annotations

import binascii
import csv
import marshal
import re
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from flext_pipelines.errors import DnError
from flext_pipelines.oud.dn import normal_key
from flext_pipelines.oud.entries import Excluded, Kept
from flext_pipelines.oud.ldif.reader import Reject, read_ldif
from flext_pipelines.oud.ldif.record import Record
from flext_pipelines.oud.ldif.render import record_bytes
from flext_pipelines.oud.ldif.spans import Span
from flext_pipelines.oud.migration.figures import EXAMPLES, NoteCount, PartResult
from flext_pipelines.oud.migration.outside import OUTSIDE, keep_group
from flext_pipelines.oud.migration.plan import GUIDS, RESETS
from flext_pipelines.oud.migration.spool import ACCESS, EXCLUDED, REFERENCES, REJECTS, RESULT, Spool, key_hash
from flext_pipelines.values import Progress

if TYPE_CHECKING:
    from flext_pipelines.oud.acl.oid_policy import AccessValue
    from flext_pipelines.oud.entries import Note, Outcome

REFERENCE = struct.Struct("<8s8sB")
"""A value that names an entry: hash of the name, hash of the entry that holds it, number of the attribute."""
_MOST_NAMES = 250
_LARGE = 1 << 20
"""Bytes of an entry above which its references are written some at a time."""
_ROWS_AT_ONCE = 10_000

_OPTIONAL_UID = re.compile(rb"#'[01]*'B\Z")
_TOLD_EACH = 20_000
"""Records between two steps of progress."""


class Transform(Protocol):
    """What becomes of a record; see ``flext_pipelines.oud.entries.EntryTransform``. It can be sent to a worker."""

    def apply(self, record: Record, /) -> Outcome:
        """Keep it in another form, exclude or reject it."""
        ...

    def recognise(self, raw: bytes, /) -> object:
        """What is known of a record of a kind that is met often, from its bytes; see ``read_ldif``."""
        ...

    def counts(self) -> dict[tuple[str, str], int]:
        """Values of kept entries that were dropped so far, by reason and attribute."""
        ...

    def implied_classes(self) -> frozenset[str]:
        """Classes that entries so far do not list although they stand above theirs."""
        ...


@dataclass(frozen=True)
class PartJob:
    """A part of the export to read.

    Attributes:
        export: The file.
        span: Which part.
        folder: Where the spools go; it is there and empty.
        transform: What becomes of a record.
        strict: Raise for the first record that is no LDIF.
    """

    export: Path
    span: Span
    folder: Path
    transform: Transform
    strict: bool


class RejectedRecord(NamedTuple):
    """A rejected record as a part keeps it.

    Attributes:
        line: Of its first line.
        code: Kind of reason.
        text: The reason.
        raw: Its bytes.
    """

    line: int
    code: str
    text: str
    raw: bytes


def read_part(job: PartJob, on_progress: Callable[[Progress], None] | None = None) -> PartResult:
    """Read a part into spools.

    Raises:
        LdifError: The file is no LDIF; or a record is none, and the job is strict.
        OSError: The folder does not take what is written.
    """
    with ExitStack() as closing:
        part = _Part(job, closing)
        reader = read_ldif(
            job.export, lenient=not job.strict, on_reject=part.reject_raw, span=job.span,
            recognise=job.transform.recognise,
        )  # fmt: skip
        records = iter(reader) if on_progress is None else _told(iter(reader), on_progress)
        part.keep(records)
        result = part.result(reader.records + reader.rejected, cut_off=reader.ends_mid_line)
    (job.folder / RESULT).write_text(result.model_dump_json(), encoding="utf-8")
    return result


def _told(records: Iterator[Record], on_progress: Callable[[Progress], None]) -> Iterator[Record]:
    for count, record in enumerate(records):
        if count % _TOLD_EACH == 0:
            on_progress(Progress(kind="count", stream="export", side="extracted", rows=count))
        yield record


class _Part:
    """What is written down of a part."""

    def __init__(self, job: PartJob, closing: ExitStack) -> None:
        self._job = job
        self._spool = Spool(job.folder)
        self._closing = closing
        self._access = closing.enter_context((job.folder / ACCESS).open("wb", buffering=1 << 16))
        self._rejects = closing.enter_context((job.folder / REJECTS).open("wb", buffering=1 << 16))
        self._references = closing.enter_context((job.folder / REFERENCES).open("wb", buffering=1 << 18))
        self._outside = closing.enter_context((job.folder / OUTSIDE).open("wb", buffering=1 << 16))
        excluded = closing.enter_context((job.folder / EXCLUDED).open("w", encoding="utf-8", newline=""))
        self._excluded = csv.writer(excluded, lineterminator="\n")
        self._side_files: dict[str, TextIOWrapper] = {}
        self._counts = {name: Counter[str]() for name in ("excluded", "rejected", "notes", "side")}
        self._examples: dict[str, list[str]] = {}
        self._names: dict[bytes, int] = {}
        self._access_values = self._referred = 0
        self._dropped_before = job.transform.counts()

    def keep(self, records: Iterator[Record]) -> None:
        """Every record of the part, each to where it belongs."""
        apply, stack = self._job.transform.apply, self._spool.stack
        for record in records:
            outcome = apply(record)
            if isinstance(outcome, Kept):
                body = record_bytes(outcome.record)
                stack(outcome.phase, outcome.depth).add(body, outcome.key, record.offset, len(record.raw), record.line)
                if outcome.name_attributes:
                    self._keep_references(outcome.key, body, outcome.name_attributes)
                if outcome.guid is not None:
                    self._keep_side(GUIDS, (_shown(outcome.record.dn), _shown(outcome.guid)))
                if outcome.notes:
                    self._keep_notes(outcome.record.dn, record.line, outcome.notes)
            elif isinstance(outcome, Excluded):
                self._counts["excluded"][outcome.code] += 1
                self._excluded.writerow((record.line, outcome.code, outcome.text, _shown(record.dn)))
                keep_group(record, self._outside)
            else:
                keep_group(record, self._outside)
                self._reject(RejectedRecord(record.line, outcome.code, outcome.text, record.raw))
            if outcome.access:
                self._keep_access(outcome.access, record.line)

    def reject_raw(self, reject: Reject) -> None:
        """A record that is no LDIF."""
        details = reject.error.details  # its reason in full names the file with its folder, which the result must not
        reason, line = details.get("reason", reject.error.reason), details.get("line", reject.line)
        where = f" (line {line})" if line != reject.line else ""
        self._reject(RejectedRecord(reject.line, "not-ldif", f"{reason}{where}", reject.raw))

    def _reject(self, rejected: RejectedRecord) -> None:
        self._counts["rejected"][rejected.code] += 1
        marshal.dump(tuple(rejected), self._rejects)

    def _keep_access(self, values: Sequence[AccessValue], line: int) -> None:
        self._access_values += len(values)
        marshal.dump((line, [tuple(value) for value in values]), self._access)

    def _keep_notes(self, dn: bytes, line: int, notes: Sequence[Note]) -> None:
        for note in notes:
            kind = f"{note.code} {note.attribute}".rstrip()
            self._counts["notes"][kind] += 1
            examples = self._examples.setdefault(kind, [])
            if len(examples) < EXAMPLES:
                examples.append(f"{_shown(dn)} (line {line}): {note.text}")
            if note.code == "password-reset":
                why = [one.text for one in notes if one.code.startswith("password-") and one is not note]
                self._keep_side(RESETS, (_shown(dn), "; ".join([*why, note.text])))

    def _keep_side(self, name: str, cells: Sequence[object]) -> None:
        """A line of a side file."""
        if name not in self._side_files:
            file = (self._job.folder / f"{name}.csv").open("w", encoding="utf-8", newline="")
            self._side_files[name] = self._closing.enter_context(file)
        csv.writer(self._side_files[name], lineterminator="\n").writerow(cells)
        self._counts["side"][name] += 1

    def _keep_references(self, source: bytes, body: bytes, attributes: tuple[bytes, ...]) -> None:
        lines = _lines_of(attributes)
        if len(body) > _LARGE:  # a group of a million members: some at a time
            found = (match.groups() for match in lines.finditer(body))
            while some := list(islice(found, _ROWS_AT_ONCE)):
                self._write_references(source, some)
        else:
            self._write_references(source, lines.findall(body))

    def _write_references(self, source: bytes, lines: Sequence[tuple[bytes, ...]]) -> None:
        holder = key_hash(source)
        rows = []
        for name, folded in lines:
            written = folded.replace(b"\n ", b"") if b"\n" in folded else folded
            value = binascii.a2b_base64(written[1:]) if written[:1] == b":" else written
            try:
                target = _target_hash(normal_key(_OPTIONAL_UID.sub(b"", value) if value[-1:] == b"B" else value))
            except DnError:
                continue
            rows.append(REFERENCE.pack(target, holder, self._number(name)))
        self._references.write(b"".join(rows))
        self._referred += len(rows)

    def _number(self, written: bytes) -> int:
        """The number of an attribute; those above the limit share the last."""
        found = self._names.get(written)
        if found is None:
            name = written.partition(b";")[0].lower()
            found = self._names.setdefault(name, min(len(set(self._names.values())), _MOST_NAMES))
            self._names[written] = found
        return found

    def result(self, read: int, *, cut_off: bool) -> PartResult:
        """The counts; every entry is written."""
        self._spool.close()
        counts = {name: dict(sorted(found.items())) for name, found in self._counts.items()}
        names = {number: name.decode() for name, number in self._names.items() if name.islower() or b";" not in name}
        return PartResult(
            read=read,
            excluded=counts["excluded"],
            rejected=counts["rejected"],
            notes={
                code: NoteCount(count=count, examples=tuple(self._examples[code]))
                for code, count in counts["notes"].items()
            },
            dropped=self._dropped(),
            access_values=self._access_values,
            references=self._referred,
            names=tuple(names[number].lower() for number in sorted(names)),
            side=counts["side"],
            implied=tuple(sorted(self._job.transform.implied_classes())),
            cut_off=cut_off,
        )

    def _dropped(self) -> dict[str, int]:
        """What was dropped of this part; a process reads several with one transformation."""
        found = {}
        for (code, attribute), count in sorted(self._job.transform.counts().items()):
            own = count - self._dropped_before.get((code, attribute), 0)
            if own:
                found[f"{code} {attribute}".rstrip()] = own
        return found


@lru_cache(maxsize=1000)
def _lines_of(attributes: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """The lines of some attributes: name, and value as written, folds included."""
    names = b"|".join(sorted(re.escape(name) for name in attributes))
    return re.compile(rb"\n(" + names + rb"(?:;[^:\n]*+)?): *+(:?[^\n]++(?:\n [^\n]*+)*+)")


@lru_cache(maxsize=4096)
def _target_hash(key: bytes) -> bytes:
    """Remembered, because managers and owners are named often."""
    return key_hash(key)


def target_of(value: bytes) -> int | None:
    """The hash of the name that a value is, as a number; None when it is none."""
    try:
        return int.from_bytes(key_hash(normal_key(_OPTIONAL_UID.sub(b"", value))), "little")
    except DnError:
        return None


def _shown(data: bytes) -> str:
    """Bytes for people, on one line."""
    return data.decode("utf-8", "backslashreplace")
