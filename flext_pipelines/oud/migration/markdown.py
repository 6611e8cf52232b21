"""The report as Markdown: for previews and for reading in a terminal.

What belongs here: words and tables. What does not: what is reported (``report``), the page (``html``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from flext_pipelines.oud.migration.figures import ReviewedValue
from flext_pipelines.oud.migration.report import Report, needing

_MOST_ROWS = 100
_MOST_EXAMPLES = 3
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#])")


def markdown_report(report: Report) -> str:
    """The report as a page of Markdown."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    counters = report.account.counters
    yield f"# Migration of {_text(report.base_dn)}"
    yield ""
    yield _verdict(report)
    yield ""
    yield from _table(("read", "filtered", "ignored", "processed", "failed"), [tuple(counters.model_dump().values())])
    yield from _chapter("Needs a person")
    needs = [(need.count, need.text, need.action, need.where) for need in report.needs]
    yield from _table(("count", "what", "what to do", "where"), needs, empty="Nothing does.")
    yield from _chapter("To know")
    for caution in report.warnings:
        yield f"- {_text(caution.text)}"
        yield from (f"  - `{step}`" for step in caution.steps)
    yield from _chapter("Phases")
    rows = [(row.phase, row.files, row.records, row.bytes) for row in report.phases]
    yield from _table(("phase", "files", "records", "bytes"), rows)
    yield from _chapter("Reasons")
    reasons = [("excluded", *one) for one in report.account.excluded.items()]
    reasons += [("rejected", *one) for one in report.account.rejected.items()]
    yield from _table(("what", "reason", "records"), reasons, empty="Every record is written.")
    yield from _notes(report)
    yield from _access(report)
    yield from _schema(report)
    yield from _chapter("Files")
    files = [(file.name, file.records, file.size, file.sha256) for file in report.files]
    yield from _table(("file", "records", "bytes", "SHA-256"), files)
    yield from _chapter("Inputs")
    inputs = [(name, one.name, one.size, one.sha256) for name, one in report.inputs.items()]
    yield from _table(("what", "file", "bytes", "SHA-256"), inputs)


def _verdict(report: Report) -> str:
    counters = report.account.counters
    sentence = f"{counters.read:,} records were read, {counters.processed:,} are written, {counters.failed:,} rejected."
    if report.clean:
        return f"{sentence} Nothing needs a person."
    return f"{sentence} **{needing(report)}**"


def _notes(report: Report) -> Iterator[str]:
    yield from _chapter("Notes")
    head = ("severity", "count", "code", "about", "meaning")
    for title, lines in (("Entries", report.notes), ("Values that were dropped from entries", report.dropped)):
        yield f"### {title}"
        yield ""
        notes = [(note.severity, note.count, note.code, note.about, note.meaning) for note in lines]
        yield from _table(head, notes, empty="There are none.")
        yield ""
    for note in report.notes:
        if note.severity == "warning" and note.examples:
            yield f"- {_text(note.code)} {_text(note.about)}, for example:"
            yield from (f"  - {_text(example)}" for example in note.examples[:_MOST_EXAMPLES])


def _access(report: Report) -> Iterator[str]:
    yield from _chapter("Access control")
    figures = report.access
    yield from _table(
        ("values", "converted", "in part", "unreadable", "of entries that do not migrate", "aci values written"),
        [(figures.values, figures.converted, figures.partly, figures.unreadable, figures.gone, figures.acis)],
    )
    for one in report.review[:_MOST_ROWS]:
        yield from _reviewed(one)
    if len(report.review) > _MOST_ROWS:
        yield f"And {len(report.review) - _MOST_ROWS:,} more; `access.jsonl` and `report.json` hold all."
        yield ""
    yield from _chapter("Proof")
    proof = report.proof
    yield (
        f"{proof.probes:,} questions about {proof.entries:,} entries at {proof.probed:,} of {proof.points:,} policy "
        f"points: {proof.gained:,} rights gained, {proof.lost:,} lost, {proof.granted:,} granted by both. "
        f"{proof.listed}"
    )
    yield ""
    rows = [(one.kind, one.right, one.attribute, one.dn, one.subject) for one in proof.differences]
    yield from _table(("what", "right", "attribute", "entry", "subject"), rows, empty="No difference.")


def _reviewed(one: ReviewedValue) -> Iterator[str]:
    found = one.conversion
    yield f"- **{_text(found.dn or 'root DSE')}**, {found.kind} {found.number}, {one.place}"
    yield f"  - original: `{_code(found.original)}`"
    yield from (f"  - written: `{_code(aci)}`" for aci in found.acis)
    yield from (f"  - left out: `{_code(part.part)}`: {_text(part.reason)}" for part in found.left_out)


def _schema(report: Report) -> Iterator[str]:
    yield from _chapter("Schema")
    part = report.schema_part
    yield f"{part.read:,} definitions read; {part.attributes:,} attributes and {part.classes:,} classes written."
    yield ""
    rows = [(one.severity, one.line, one.name, one.reason, one.fix) for one in part.findings if one.severity != "info"]
    yield from _table(("severity", "line", "name", "reason", "fix"), rows[:_MOST_ROWS], empty="Nothing to decide.")


def _chapter(title: str) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""


def _table(head: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = "") -> Iterator[str]:
    if not rows:
        yield empty
        return
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows[:_MOST_ROWS]:
        yield f"| {' | '.join(_cell(cell) for cell in row)} |"
    if len(rows) > _MOST_ROWS:
        yield ""
        yield f"And {len(rows) - _MOST_ROWS:,} more; `report.json` holds all."


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else _text(str(value))


def _text(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", _printable(text))


def _code(text: str) -> str:
    """Text between backticks, which cannot be escaped there."""
    return _printable(text).replace("`", "'")


def _printable(text: str) -> str:
    return " ".join(text.encode("utf-8", "backslashreplace").decode("utf-8").split())
