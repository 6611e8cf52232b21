"""What of a migration needs a person, and what a reader should know.

What belongs here: the lists at the head of the report. What does not: the figures they are made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from flext_pipelines.oud.migration.figures import PartResult
from flext_pipelines.oud.migration.plan import RESETS
from flext_pipelines.oud.migration.report import Caution, Need, Report

_GLOBAL_STEPS = (
    "dsconfig get-access-control-handler-prop --property global-aci",
    "dsconfig set-access-control-handler-prop --remove global-aci:'<the value named \"Anonymous read access\">'",
    "dsconfig set-access-control-handler-prop --remove global-aci:'<the value named \"Self entry modification\">'",
)
_PRE_ENCODED = (
    'dsconfig set-password-policy-prop --policy-name "Default Password Policy" --set allow-pre-encoded-passwords:true'
)
_LOOK = "Look at the examples, and decide; a rule can say it for all"
_DECIDE = "Decide whether it may go; a rule can keep it, rename it, or reject its entries"


def needs_of(report: Report, read: PartResult) -> Iterator[Need]:
    """What needs a person, the gravest first."""
    if not report.proof.holds:
        yield Need(
            code="over-grant", count=report.proof.gained, text="rights that OID did not grant",
            action="Do not load the aci values before each difference is understood", where="Proof",
        )  # fmt: skip
    yield from _records(report, read)
    yield from _access(report)
    errors = sum(line.severity == "error" for line in report.schema_part.findings)
    if errors:
        yield Need(
            code="schema", count=errors, text="definitions of the schema that are not carried over, or were guessed",
            action="Decide on each; entries that use them are changed or rejected", where="Schema",
        )  # fmt: skip
    resets = read.side.get(RESETS, 0)
    if resets:
        yield Need(
            code="password-reset", count=resets, text="accounts whose password OUD cannot verify",
            action="Set new passwords; until then nobody can bind as these", where=f"side/{RESETS}.csv",
        )  # fmt: skip
    noted = {(note.code, note.about) for note in report.notes}
    for note in (*report.notes, *(one for one in report.dropped if (one.code, one.about) not in noted)):
        if note.severity == "warning" and not note.code.startswith("password-"):
            about = f" ({note.about})" if note.about else ""
            yield Need(
                code=note.code, count=note.count, text=f"{note.meaning}{about}",
                action=_LOOK if note.examples else _DECIDE, where="Notes",
            )  # fmt: skip


def _records(report: Report, read: PartResult) -> Iterator[Need]:
    if not report.account.counters.processed:
        yield Need(
            code="nothing-written", count=1, text=f"no entry was written: the export has none under {report.base_dn}",
            action="Compare --base-dn with the names in the export", where="Records",
        )  # fmt: skip
    for code, count in report.account.rejected.items():
        yield Need(
            code=f"rejected-{code}", count=count, text=f"records rejected: {code}",
            action="Mend them in the source, or with a rule, and migrate again", where="05-rejected-0001.ldif",
        )  # fmt: skip
    if read.cut_off:
        yield Need(
            code="cut-off", count=1, text="the export does not end with a line end, as a file that was cut off",
            action="Compare its number of entries with the source's; export it again if they differ", where="Inputs",
        )  # fmt: skip


def _access(report: Report) -> Iterator[Need]:
    figures = report.access
    if figures.unreadable:
        yield Need(
            code="access-unreadable", count=figures.unreadable, text="access values that are no directives",
            action="Correct each in the source, or take it out; what it may deny is denied until then",
            where="Access control",
        )  # fmt: skip
    if figures.partly:
        yield Need(
            code="access-left-out", count=figures.partly, text="access values of which something is left out",
            action="Somebody may do less than before: say it otherwise, or accept it", where="Access control",
        )  # fmt: skip
    if figures.refused:
        yield Need(
            code="access-refused", count=figures.refused, text="aci values that OUD would refuse; they are not written",
            action="Report it, with the original", where="Access control",
        )  # fmt: skip


def warnings_of(report: Report, reading: Mapping[str, JsonValue]) -> Iterator[Caution]:
    """What a reader should know."""
    yield Caution(
        code="global-aci",
        text=(
            "OUD's default global ACIs let anyone read, search and compare nearly every attribute, and users write "
            "some of their own. They are in the same pool as the aci values of this result: leaving a right out denies "
            "nothing while they are there. Look at them, and remove what OID did not grant, before users are let in"
        ),
        steps=_GLOBAL_STEPS,
    )
    if not report.access.root_policy:
        yield Caution(
            code="no-root-policy",
            text=(
                "The root DSE's policy was not given (--root-policy). A subtree export does not hold it, so that what "
                "OID granted from above the base is not converted; for browsing, OID's default was assumed"
            ),
        )
    if not report.schema_part.given:
        yield Caution(code="no-schema", text="No schema was given (--schema): attributes of the site are unknown")
    if not reading["base_is_there"]:
        yield Caution(code="no-base-entry", text=f"The export holds no entry {report.base_dn}: the target must have it")
    yield from _tree_warnings(report, reading)
    if report.account.counters.processed:
        yield Caution(
            code="pre-encoded",
            text=(
                "Passwords are hashes. import-ldif takes them; over LDAP the password policy must allow it while they "
                "are loaded"
            ),
            steps=(_PRE_ENCODED,),
        )
    yield Caution(
        code="evidence",
        text=(
            "Neither OID nor OUD can run where this tool is tested. What is said of OUD rests on the source of OpenDJ, "
            "its sibling, and on Oracle's documents; 389 Directory Server and OpenLDAP were used as servers"
        ),
    )


def _many(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"


def _tree_warnings(report: Report, reading: Mapping[str, JsonValue]) -> Iterator[Caution]:
    if reading["moved_to_a_later_phase"]:
        yield Caution(
            code="later-phase",
            text=(
                f"{reading['moved_to_a_later_phase']} entries stand below users or groups, and are written with those, "
                "so that parents come first"
            ),
        )
    if report.references.dangling:
        listed = ", ".join(f"{count} of {name}" for name, count in report.references.dangling.items())
        yield Caution(
            code="dangling",
            text=_many(report.references.dangling_count, "value names an entry", "values name entries")
            + f" not in the result: {listed}. "
            + (
                "They are dropped, but where an entry must have one"
                if report.references.dropped
                else "They are written as they are"
            )
            + "; side/dangling-references.csv lists them",
        )
    if report.references.cycles:
        yield Caution(
            code="cycles",
            text=_many(len(report.references.cycles), "circle", "circles") + " of groups that contain each other",
        )
    if report.access.joined:
        listed = "; ".join(f"{new} takes values of {' and '.join(olds)}" for new, olds in report.access.joined.items())
        yield Caution(
            code="joined-attributes",
            text=f"The rules bring several attributes under one name: {listed}. "
            "Access to that name is what all of them have in common",
        )
    if report.access.gone:
        yield Caution(
            code="access-gone",
            text=_many(report.access.gone, "access value is", "access values are") + " of entries that do not migrate",
        )
    if report.proof.points and report.proof.probed < report.proof.points:
        yield Caution(
            code="proof-sampled",
            text=(
                f"The proof asked about {report.proof.probed} of {report.proof.points} policy points, of "
                f"{report.proof.kinds} kinds; --probes asks more"
            ),
        )
