"""A finished folder judged by its files alone, as if nobody knew who wrote them.

What belongs here: the checks, each with what it counted and its first faults. What does not: anything that a migration
kept for itself: the judge reads manifest, report and files, and trusts the reader of LDIF and the parser of ``aci``.
"""

from __future__ import annotations

import csv
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flext_pipelines.errors import AciSyntaxError, DataDamagedError, DnError, NotFoundError
from flext_pipelines.values import Progress, Value, ignore_progress

if TYPE_CHECKING:
    from flext_pipelines.oud.ldif.record import Record
    from flext_pipelines.oud.migration.report import Report
    from flext_pipelines.oud.schema.view import SchemaView

_MOST_FAULTS = 20
_TOLD_EACH = 20_000
_NAMES = re.compile(rb"\n([^:;\n ]++)")
_OID_ACCESS = frozenset({"orclaci", "orclentrylevelaci", "orclcontainerlevelacl"})


class Check(Value):
    """One check.

    Attributes:
        name: What was checked.
        checked: How many things.
        failed: How many of them are wrong.
        faults: The first of those, in words.
    """

    name: str
    checked: int = 0
    failed: int = 0
    faults: tuple[str, ...] = ()


class Judgement(Value):
    """What was found.

    Attributes:
        folder: The folder.
        checks: Every check.
    """

    folder: str
    checks: tuple[Check, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not any(check.failed for check in self.checks)


class _Tally:
    """A check while it is made."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.checked = self.failed = 0
        self._faults: list[str] = []

    def fault(self, text: str) -> None:
        """Count something that is wrong."""
        self.failed += 1
        if len(self._faults) < _MOST_FAULTS:
            self._faults.append(text)

    def check(self) -> Check:
        """The check."""
        return Check(name=self.name, checked=self.checked, failed=self.failed, faults=tuple(self._faults))


def judge(folder: Path, *, on_progress: Callable[[Progress], None] = ignore_progress) -> Judgement:
    """Judge the folder of a result.

    Raises:
        NotFoundError: It is none.
        DataDamagedError: Its manifest or report cannot be read.
    """
    from flext_pipelines.oud.migration.outcome import report_in
    from flext_pipelines.oud.migration.stage import MANIFEST

    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        listed = {str(file["name"]): file for file in manifest["files"]}
    except FileNotFoundError:
        raise NotFoundError(
            f"{folder} holds no {MANIFEST}", "Name the folder that a migration wrote", {"folder": str(folder)}
        ) from None
    except (ValueError, KeyError, TypeError):
        raise DataDamagedError(f"{folder / MANIFEST} cannot be read", "Run the migration again") from None
    report = report_in(folder)
    files = _check_files(folder, listed)
    with tempfile.TemporaryDirectory(prefix="flext-judge-") as scratch:
        entries = _Entries(report, _view(folder), Path(scratch), on_progress)
        for name in sorted(listed):
            if re.match(r"0[1-4]-.*\.ldif", name) and (folder / name).exists():
                entries.read(folder / name, changes=name.startswith("04"))
        checks = [*entries.checks()]
    sums = _check_sums(folder, sorted(listed), report, entries.count)
    return Judgement(folder=str(folder), checks=(files.check(), sums.check(), *(one.check() for one in checks)))


def _check_files(folder: Path, listed: dict[str, dict[str, object]]) -> _Tally:
    from flext_pipelines.oud.migration.files import digest_of

    tally = _Tally("files are those of the manifest")
    for name, known in listed.items():
        tally.checked += 1
        path = folder / name
        if not path.exists():
            tally.fault(f"{name} is missing")
        elif path.stat().st_size != known["size"] or digest_of(path) != known["sha256"]:
            tally.fault(f"{name} was changed")
    for path in sorted(folder.glob("*.ldif")):
        if path.name not in listed:
            tally.fault(f"{path.name} is not in the manifest")
    return tally


def _check_sums(folder: Path, names: Sequence[str], report: Report, written: int) -> _Tally:
    from flext_pipelines.oud.migration.phases import EXCLUDED_FILE

    tally = _Tally("read = written + rejected + excluded")
    rejected = sum(_rejected_in(folder / name) for name in names if name.startswith("05-") and (folder / name).exists())
    excluded = 0
    if (folder / EXCLUDED_FILE).exists():
        with (folder / EXCLUDED_FILE).open(encoding="utf-8", newline="") as file:
            excluded = sum(1 for _ in csv.reader(file)) - 1
    tally.checked = read = report.account.counters.read
    if read != written + rejected + excluded:
        tally.fault(f"{read} were read; {written} are written, {rejected} rejected, {excluded} excluded")
    return tally


def _rejected_in(path: Path) -> int:
    with path.open("rb") as file:
        return sum(line.startswith(b"# rejected: line ") for line in file)


def _view(folder: Path) -> SchemaView:
    """What a server knows that has loaded the result's schema."""
    from flext_pipelines.oud.migration.opening import SCHEMA_FILE
    from flext_pipelines.oud.schema.migrate import migrate_schema
    from flext_pipelines.oud.schema.view import SchemaView

    path = folder / SCHEMA_FILE
    return migrate_schema(path).view if path.exists() else SchemaView.standard()


class _Entries:
    """The checks of entries and their access values, one pass over the files."""

    def __init__(
        self, report: Report, view: SchemaView, scratch: Path, on_progress: Callable[[Progress], None]
    ) -> None:
        from flext_pipelines.oud.migration.order_check import OrderCheck

        self._report, self._view, self._on_progress = report, view, on_progress
        self._order = OrderCheck(report.new_base, scratch)
        self._known: dict[bytes, str | None] = {}
        self._naming: tuple[bytes, ...] = ()
        self.count = 0
        # What a site's own target knows, the built-in list of OUD's does not say, and the result does not hold.
        self._knows_all = "owned schema" not in report.inputs
        which = "does not take" if self._knows_all else "writes itself"
        self._names, self._ldif = _Tally(f"no attribute that the target {which}"), _Tally("files are LDIF")
        self._acis, self._held = _Tally("every aci is one that the target takes"), _Tally("aci values stand on entries")

    def read(self, path: Path, *, changes: bool) -> None:
        """Read a file of entries, or of modify records."""
        from flext_pipelines.oud.ldif.reader import read_ldif

        reader = read_ldif(path, lenient=True, on_reject=lambda one: self._ldif.fault(one.error.reason))
        for record in reader:
            if changes:
                self._ldif.checked += 1
                self._read_change(path, record)
                continue
            if self.count % _TOLD_EACH == 0:
                self._on_progress(Progress(kind="count", stream="entries judged", side="extracted", rows=self.count))
            self.count += 1
            self._read_entry(path, record)

    def _read_entry(self, path: Path, record: Record) -> None:
        names = set(_NAMES.findall(record.text))
        self._names.checked += 1
        for name in names:
            if (fault := self._fault_of(name)) is not None:
                self._names.fault(f"{path.name}, line {record.line}: {fault}")
        try:
            self._order.entry(record, self._naming_attributes(names))
        except DnError as error:
            self._ldif.fault(f"{path.name}, line {record.line}: {error.reason}")
        if b"aci" in names:
            self._judge_acis(path, record, record.values(b"aci"))

    def _fault_of(self, name: bytes) -> str | None:
        """What is wrong with an attribute; remembered."""
        if name not in self._known:
            text = name.decode("ascii", "replace").lower()
            fault = None
            if text in _OID_ACCESS:
                fault = f"{text} is OID's access control"
            elif (known := self._view.attribute(text)) is None:
                fault = f"the target's schema does not know {text}" if self._knows_all else None
            elif known.no_user_modification:
                fault = f"the target writes {text} itself and takes none"
            self._known[name] = fault
        return self._known[name]

    def _naming_attributes(self, names: set[bytes]) -> tuple[bytes, ...]:
        return tuple(sorted(name for name in names if self._view.dn_valued(name.decode("ascii", "replace").lower())))

    def _read_change(self, path: Path, record: Record) -> None:
        self._held.checked += 1
        self._order.holder(record.dn, f"{path.name}, line {record.line}")
        for step in record.changes:
            if step.name.lower() != b"aci" or step.operation != "add":
                self._acis.fault(f"{path.name}, line {record.line}: {step.operation} {step.name.decode('latin-1')}")
            self._judge_acis(path, record, step.values)

    def _judge_acis(self, path: Path, record: Record, values: Sequence[bytes]) -> None:
        from flext_pipelines.oud.acl.aci_parser import parse_aci

        for value in values:
            self._acis.checked += 1
            try:
                text = value.decode("utf-8", "surrogateescape")
                parse_aci(text, flavour=self._report.flavour, holder=record.dn_text)
            except AciSyntaxError as error:
                self._acis.fault(f"{path.name}, line {record.line}: {error.reason}")

    def checks(self) -> Iterator[_Tally]:
        """Every check, when all files are read."""
        yield self._ldif
        found = self._order.finish()
        for name, (checked, faults, failed) in found.items():
            tally = _Tally(name)
            tally.checked = checked
            for fault in faults:
                tally.fault(fault)
            tally.failed = failed
            if name == "aci values stand on entries":
                tally.checked = self._held.checked
            yield tally
        yield self._names
        yield self._acis
