"""The report as one page of HTML that needs nothing else: no script, no file from elsewhere, every value escaped.

What belongs here: the page. What does not: drawings (``charts``), what is reported (``report``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flext_pipelines.oud.migration.charts import Bar, bars, safe, shares
from flext_pipelines.oud.migration.figures import ReviewedValue
from flext_pipelines.oud.migration.report import NoteLine, Report, needing

_MOST_REVIEWED = 500
_SHORT = 18
_MOST_ROWS = 500
_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem}
h1{font-size:1.6rem}h2{margin-top:2.2rem;border-bottom:1px solid #8886}
table{border-collapse:collapse;width:100%;margin:.6rem 0}
td,th{padding:.25rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid #8883;overflow-wrap:anywhere}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
th,td.s{white-space:nowrap}
code{font:13px/1.45 ui-monospace,monospace;overflow-wrap:anywhere}
.verdict{padding:.8rem 1rem;border-radius:6px;font-weight:600}
.ok{background:#2e7d3222;border-left:5px solid #2e7d32}.no{background:#c6282822;border-left:5px solid #c62828}
.card{border:1px solid #8885;border-radius:6px;padding:.5rem .9rem;margin:.7rem 0}
.error,.gained{color:#c62828;font-weight:600}.warning,.lost{color:#b26a00;font-weight:600}
svg{width:100%;height:auto;margin:.5rem 0}svg text{font:12px system-ui,sans-serif;fill:currentColor}
.good{fill:#2e7d32}.left{fill:#9e9e9e}.out{fill:#607d8b}.bad{fill:#c62828}.warn{fill:#ef8f00}
nav a{margin-right:1rem}dt{font-weight:600}summary{cursor:pointer}
@media print{body{max-width:none;margin:0}details{display:block}nav{display:none}}
"""
_CHAPTERS = (
    ("needs", "Needs a person"), ("know", "To know"), ("records", "Records"), ("notes", "Notes"),
    ("access", "Access control"), ("proof", "Proof"), ("schema", "Schema"), ("references", "References"),
    ("files", "Files and inputs"),
)  # fmt: skip


def html_report(report: Report) -> str:
    """The report as a page."""
    chapters = (
        _needs, _know, _records, _notes, _access, _proof, _schema, _references, _files,
    )  # fmt: skip
    title = f"Migration of {safe(report.base_dn)}"
    links = "".join(f'<a href="#{name}">{text}</a>' for name, text in _CHAPTERS)
    inner = "".join(
        f'<h2 id="{name}">{text}</h2>{"".join(chapter(report))}'
        for (name, text), chapter in zip(_CHAPTERS, chapters, strict=True)
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        'content="width=device-width,initial-scale=1"><meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>{_verdict(report)}"
        f"<nav>{links}</nav>{inner}</body></html>\n"
    )


def _verdict(report: Report) -> str:
    counters = report.account.counters
    sentence = f"{counters.read:,} records read, {counters.processed:,} written, {counters.failed:,} rejected."
    if report.clean:
        return f'<p class="verdict ok">{sentence} Nothing needs a person.</p>'
    return f'<p class="verdict no">{sentence} {needing(report)}</p>'


def _needs(report: Report) -> Iterator[str]:
    rows = [(need.count, need.text, need.action, need.where) for need in report.needs]
    yield _table(("count", "what", "what to do", "where"), rows, empty="Nothing does.")


def _know(report: Report) -> Iterator[str]:
    for caution in report.warnings:
        steps = "".join(f"<li><code>{safe(step)}</code></li>" for step in caution.steps)
        yield f'<div class="card">{safe(caution.text)}.{f"<ol>{steps}</ol>" if steps else ""}</div>'


def _records(report: Report) -> Iterator[str]:
    counters = report.account.counters
    yield shares(
        "What became of the records",
        [Bar("written", counters.processed), Bar("ignored by rules", counters.ignored, "out"),
         Bar("outside the base", counters.filtered, "left"), Bar("rejected", counters.failed, "bad")],
    )  # fmt: skip
    yield _table(("read", "filtered", "ignored", "processed", "failed"), [tuple(counters.model_dump().values())])
    yield bars("Records by phase", [Bar(row.phase, row.records) for row in report.phases])
    rows = [(row.phase, row.files, row.records, row.bytes) for row in report.phases]
    yield _table(("phase", "files", "records", "bytes"), rows)
    reasons = [Bar(reason, count, "out") for reason, count in report.account.excluded.items()]
    reasons += [Bar(reason, count, "bad") for reason, count in report.account.rejected.items()]
    if reasons:
        yield bars("Reasons", reasons)
    yield _table(("reason", "records"), [(one.label, one.value) for one in reasons], empty="Every record is written.")


def _notes(report: Report) -> Iterator[str]:
    for title, lines in (("Entries", report.notes), ("Values that were dropped from entries", report.dropped)):
        yield f"<h3>{title}</h3>{_note_table(lines)}"


def _note_table(lines: Sequence[NoteLine]) -> str:
    if not lines:
        return "<p>None.</p>"
    rows = []
    for line in lines:
        examples = "".join(f"<li>{safe(example)}</li>" for example in line.examples)
        shown = f"<details><summary>examples</summary><ul>{examples}</ul></details>" if examples else ""
        rows.append(
            f'<tr><td class="{safe(line.severity)}">{safe(line.severity)}</td><td class="n">{line.count:,}</td>'
            f"<td><code>{safe(line.code)}</code></td><td>{safe(line.about)}</td><td>{safe(line.meaning)}{shown}</td></tr>"
        )
    head = "<tr><th>severity</th><th class=n>count</th><th>code</th><th>about</th><th>meaning</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _access(report: Report) -> Iterator[str]:
    figures = report.access
    yield shares(
        "What became of the access values",
        [Bar("converted", figures.converted), Bar("in part", figures.partly, "warn"),
         Bar("unreadable", figures.unreadable, "bad"), Bar("of absent entries", figures.gone, "left")],
    )  # fmt: skip
    yield f"<p>{figures.values:,} values read; {figures.acis:,} aci values stand on {figures.holders:,} entries.</p>"
    if report.review:
        yield "<h3>To review: what is not said, and why</h3>"
    for one in report.review[:_MOST_REVIEWED]:
        yield _reviewed(one)
    if len(report.review) > _MOST_REVIEWED:
        more = len(report.review) - _MOST_REVIEWED
        yield f"<p>And {more:,} more; report.json holds all, access.jsonl every value.</p>"


def _reviewed(one: ReviewedValue) -> str:
    found = one.conversion
    written = "".join(f"<li><code>{safe(aci)}</code></li>" for aci in found.acis) or "<li>nothing</li>"
    left_out = "".join(
        f'<li><span class="{part.severity}">{part.severity}</span> <code>{safe(part.part)}</code>: '
        f"{safe(part.reason)}</li>"
        for part in found.left_out
    )
    notes = "".join(f"<li>{safe(note)}</li>" for note in found.notes)
    return (
        f'<div class="card"><strong>{safe(found.dn or "root DSE")}</strong>, {safe(found.kind)} {found.number}, '
        f"{one.place}<dl><dt>original</dt><dd><code>{safe(found.original)}</code></dd><dt>written</dt><dd><ul>{written}"
        f"</ul></dd><dt>left out</dt><dd><ul>{left_out}</ul></dd>"
        f"{f'<dt>notes</dt><dd><ul>{notes}</ul></dd>' if notes else ''}</dl></div>"
    )


def _proof(report: Report) -> Iterator[str]:
    proof = report.proof
    kind = "ok" if proof.holds else "no"
    words = "Nobody gained a right." if proof.holds else f"{proof.gained:,} rights are more than OID granted."
    yield f'<p class="verdict {kind}">{words}</p>'
    yield (
        f"<p>Both access models were asked {proof.probes:,} questions (subject, entry, right, attribute) about "
        f"{proof.entries:,} entries at {proof.probed:,} of {proof.points:,} policy points of {proof.kinds:,} kinds. "
        f"The global ACIs of the server are not part of it.</p>"
    )
    both_deny = max(proof.probes - proof.granted - proof.gained - proof.lost, 0)
    yield shares(
        "Answers",
        [Bar("granted by both", proof.granted), Bar("denied by both", both_deny, "left"),
         Bar("lost", proof.lost, "warn"), Bar("gained", proof.gained, "bad")],
    )  # fmt: skip
    yield f"<p>{safe(proof.listed)}</p>" if proof.listed else ""
    rows = [(one.kind, one.right, one.attribute, one.dn, one.subject) for one in proof.differences]
    yield _table(("what", "right", "attribute", "entry", "subject"), rows, empty="No difference.")


def _schema(report: Report) -> Iterator[str]:
    part = report.schema_part
    if not part.given:
        yield "<p>No schema was given.</p>"
        return
    yield (
        f"<p>{part.read:,} definitions were read; {part.attributes:,} attribute types and {part.classes:,} object "
        "classes are written.</p>"
    )
    rows = [(one.severity, one.line, one.name, one.reason, one.fix) for one in part.findings]
    yield _table(("severity", "line", "name", "reason", "fix"), rows, empty="No findings.")


def _references(report: Report) -> Iterator[str]:
    found = report.references
    yield f"<p>{found.checked:,} values name entries; {found.dangling_count:,} of those are not in the result.</p>"
    yield _table(("attribute", "dangling"), [*found.dangling.items()], empty="Every one is there.")
    if found.cycles:
        yield "<h3>Groups that contain themselves</h3><ul>"
        yield from (f"<li>{' → '.join(safe(name) for name in circle)}</li>" for circle in found.cycles)
        yield "</ul>"


def _files(report: Report) -> Iterator[str]:
    rows = [(file.name, file.records, file.size, file.sha256) for file in report.files]
    yield _table(("file", "records", "bytes", "SHA-256"), rows)
    inputs = [(name, one.name, one.size, one.sha256) for name, one in report.inputs.items()]
    yield _table(("input", "file", "bytes", "SHA-256"), inputs)
    yield _table(("option", "value"), [(name, str(value)) for name, value in report.options.items()])


def _table(head: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = "None.") -> str:
    if not rows:
        return f"<p>{safe(empty)}</p>"
    numeric = [all(isinstance(row[column], int) or row[column] is None for row in rows) for column in range(len(head))]
    cells = "".join(
        f"<th{' class=n' if is_number else ''}>{safe(name)}</th>" for name, is_number in zip(head, numeric, strict=True)
    )
    body = "".join(_row(row, numeric) for row in rows[:_MOST_ROWS])
    more = f"<p>And {len(rows) - _MOST_ROWS:,} more; report.json holds all.</p>" if len(rows) > _MOST_ROWS else ""
    return f"<table><tr>{cells}</tr>{body}</table>{more}"


def _row(row: Sequence[object], numeric: Sequence[bool]) -> str:
    cells = []
    for value, is_number in zip(row, numeric, strict=True):
        text = "" if value is None else f"{value:,}" if isinstance(value, int) else safe(str(value))
        marked = f' class="{text}"' if text in {"error", "warning", "gained", "lost"} else ""
        if not marked and len(text) <= _SHORT:  # a name is not cut in two for want of room that others have
            marked = " class=s"
        cells.append(f"<td class=n>{text}</td>" if is_number else f"<td{marked}>{text}</td>")
    return f"<tr>{''.join(cells)}</tr>"
