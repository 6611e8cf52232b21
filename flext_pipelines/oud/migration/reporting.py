"""Drawing up the report: from what the phases left to one value, judged.

What belongs here: where each field of a report comes from. What does not: the fields (``report``), what needs a person
(``judgement``), and the pages (``markdown``, ``html``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from flext_pipelines.oud.entries.outcome import REASONS, severity
from flext_pipelines.oud.migration.accounting import account
from flext_pipelines.oud.migration.figures import AccessFigures, NoteCount, PartResult, Proof, References, ReviewedValue
from flext_pipelines.oud.migration.judgement import needs_of, warnings_of
from flext_pipelines.oud.migration.plan import ENTRY_PHASES, PHASES, MigrationPlan
from flext_pipelines.oud.migration.report import NoteLine, PhaseRow, Report, SchemaLine, SchemaPart
from flext_pipelines.oud.migration.stage import Stage


def make_report(plan: MigrationPlan, stage: Stage, review: Sequence[ReviewedValue]) -> Report:
    """Put together what the phases left.

    Raises:
        InternalError: The sum does not come out.
    """
    reading = stage.result("read")
    read = PartResult.model_validate(reading["read"])
    rejected: Mapping[str, int] = stage.result("rejected")["rejected"]  # type: ignore[assignment]  # as the phase wrote it
    written: dict[str, int] = {phase: _number(stage.result(phase)["written"]) for phase in ENTRY_PHASES}
    schema = SchemaPart.model_validate(_schema_fields(stage.result("schema")))
    draft = Report(
        base_dn=plan.base_dn,
        new_base=plan.new_base,
        flavour=plan.flavour,
        inputs=stage.state.inputs,
        options=stage.state.options,
        account=account(read, written, rejected),
        phases=tuple(_rows(stage)),
        files=tuple(sorted(stage.files(*PHASES[:-1]), key=lambda file: file.name)),
        schema_part=schema,
        notes=tuple(_lines(read.notes)),
        dropped=tuple(_lines({kind: NoteCount(count=count) for kind, count in read.dropped.items()})),
        access=AccessFigures.model_validate(stage.result("acls")["access"]),
        review=tuple(one for one in review if one.needs_review),
        proof=Proof.model_validate(stage.result("acls")["proof"]),
        references=References.model_validate(stage.result("groups")["references"]),
        side=read.side,
        warnings=(),
        needs=(),
    )
    return draft.model_copy(
        update={"warnings": tuple(warnings_of(draft, reading)), "needs": tuple(needs_of(draft, read))}
    )


def _number(value: JsonValue) -> int:
    assert isinstance(value, int)
    return value


def _schema_fields(result: Mapping[str, JsonValue]) -> dict[str, object]:
    findings = result["findings"]
    assert isinstance(findings, list)
    lines = [{name: one[name] for name in SchemaLine.model_fields} for one in findings if isinstance(one, dict)]
    return {**result, "findings": lines}


def _rows(stage: Stage) -> Iterator[PhaseRow]:
    for phase in PHASES:
        if phase in stage.state.phases and phase not in {"read", "report"}:
            files = stage.files(phase)
            numbered = [file for file in files if file.records is not None]
            yield PhaseRow(
                phase=phase,
                files=len(numbered),
                records=sum(file.records or 0 for file in numbered),
                bytes=sum(file.size for file in numbered),
            )


def _lines(counts: Mapping[str, NoteCount]) -> Iterator[NoteLine]:
    for kind, found in counts.items():
        code, _, about = kind.partition(" ")
        yield NoteLine(
            code=code,
            about=about,
            severity=severity(code),
            meaning=REASONS.get(code, ("", "As the site's rules say"))[1],
            count=found.count,
            examples=found.examples,
        )
