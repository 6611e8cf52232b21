"""One LDIF file transformed to one, in its order: for a look at what the rules do, and for data without a tree.

What belongs here: that loop. What does not: phases, order, access control.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from flext_pipelines.errors import InternalError, LdifError, UsageError
from flext_pipelines.values import Progress, Value, ignore_progress

if TYPE_CHECKING:
    from flext_pipelines.oud.entries import EntryTransform
    from flext_pipelines.oud.ldif.writer import LdifWriter, Writable

_TOLD_EACH = 20_000


class FilePlan(Value):
    """What is asked; the fields are those of ``TransformLDIFCommand``."""

    input_file: Path
    output_file: Path
    base_dn: str | None = None
    rejects_file: Path | None = None
    schema_file: Path | None = None
    target_base: str | None = None
    rules: Path | None = None
    strict: bool = False
    version_line: bool = False


class Transformed(Value):
    """What became of a file.

    Attributes:
        output: The file that was written.
        read: Records read.
        written: Entries written, by the phase that they belong to.
        excluded: Records left out, by reason.
        rejected: Records rejected, by reason.
        notes: What was done to entries, by kind.
        dropped: Values dropped, by reason and attribute.
        access_values: Access values taken out; a migration converts them.
    """

    output: str
    read: int
    written: dict[str, int]
    excluded: dict[str, int]
    rejected: dict[str, int]
    notes: dict[str, int]
    dropped: dict[str, int]
    access_values: int


def transform_file(plan: FilePlan, *, on_progress: Callable[[Progress], None] = ignore_progress) -> Transformed:
    """Transform a file.

    Raises:
        UsageError: Input and output are one file.
        LdifError: The input is no LDIF; or a record is none, and the plan is strict.
        FlextError: A file cannot be read or written. No half of an output stays.
    """
    from flext_pipelines.oud.ldif.writer import new_file, new_ldif_file

    if plan.output_file.resolve() == plan.input_file.resolve():
        raise UsageError("Input and output are the same file", "Name another output")
    with ExitStack() as closing:
        rejects = closing.enter_context(new_file(plan.rejects_file)) if plan.rejects_file else None
        writer = closing.enter_context(new_ldif_file(plan.output_file, version_line=plan.version_line))
        return _transformed(plan, plan.input_file, writer, rejects, on_progress)


def transform_stream(plan: FilePlan, source: BinaryIO, target: Writable) -> Transformed:
    """The same from an open file to another, which are not closed; ``-`` at the shell.

    Raises:
        LdifError: As above. What was written before it stays written: who reads it must look at the exit code.
    """
    from flext_pipelines.oud.ldif.writer import LdifWriter, new_file

    with ExitStack() as closing:
        rejects = closing.enter_context(new_file(plan.rejects_file)) if plan.rejects_file else None
        return _transformed(plan, source, LdifWriter(target, version_line=plan.version_line), rejects, ignore_progress)


def _transformed(
    plan: FilePlan,
    source: Path | BinaryIO,
    writer: LdifWriter,
    rejects: BinaryIO | None,
    on_progress: Callable[[Progress], None],
) -> Transformed:
    from flext_pipelines.oud.entries import Excluded, Kept
    from flext_pipelines.oud.ldif.reader import Reject, read_ldif
    from flext_pipelines.oud.ldif.writer import write_reject

    transform = _transform(plan)
    counts = {name: Counter[str]() for name in ("written", "excluded", "rejected", "notes")}
    access_values = 0

    def reject(one: Reject, code: str) -> None:
        counts["rejected"][code] += 1
        if rejects is not None:
            write_reject(rejects, one)

    reader = read_ldif(source, lenient=not plan.strict, on_reject=lambda one: reject(one, "not-ldif"))
    for number, record in enumerate(reader):
        if number % _TOLD_EACH == 0:
            on_progress(Progress(kind="count", stream=reader.name, side="extracted", rows=number))
        outcome = transform.apply(record)
        access_values += len(outcome.access)
        if isinstance(outcome, Kept):
            writer.write(outcome.record)
            counts["written"][outcome.phase] += 1
            counts["notes"].update(f"{note.code} {note.attribute}".rstrip() for note in outcome.notes)
        elif isinstance(outcome, Excluded):
            counts["excluded"][outcome.code] += 1
        else:
            reject(Reject(LdifError(outcome.text), record.line, record.raw), outcome.code)
    dropped = {f"{code} {name}".rstrip(): count for (code, name), count in sorted(transform.counts().items())}
    return _summed(plan, reader.records + reader.rejected, counts, dropped, access_values)


def _summed(
    plan: FilePlan, read: int, counts: Mapping[str, Counter[str]], dropped: dict[str, int], access_values: int
) -> Transformed:
    """The answer, after the check that every record is in it."""
    sums = {name: dict(sorted(found.items())) for name, found in counts.items()}
    if read != sum(sum(sums[name].values()) for name in ("written", "excluded", "rejected")):
        raise InternalError("The sum does not come out: a record was lost", "Report it", sums)
    return Transformed(
        output=str(plan.output_file), read=read, written=sums["written"], excluded=sums["excluded"],
        rejected=sums["rejected"], notes=sums["notes"], access_values=access_values, dropped=dropped,
    )  # fmt: skip


def _transform(plan: FilePlan) -> EntryTransform:
    from flext_pipelines.oud.entries import EntryTransform
    from flext_pipelines.oud.migration.knowledge import Knowledge
    from flext_pipelines.oud.migration.plan import MigrationPlan

    knowledge = Knowledge(
        MigrationPlan(
            export=plan.input_file, base_dn=plan.base_dn or "", out=plan.output_file, schema_file=plan.schema_file,
            rules=plan.rules, strict=plan.strict,
        )
    )  # fmt: skip
    return EntryTransform(knowledge.rules, knowledge.schema.view, plan.base_dn, plan.target_base)
