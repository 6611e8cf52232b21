"""Matching rules of attributes: spelling, and each in the clause that it is for.

What belongs here: EQUALITY, ORDERING and SUBSTR. What does not: syntaxes (``attributes``). The spellings and swaps are
those met in a migration from OID to OUD in production; a rule that the target has in another case or in the wrong
clause is found by its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from flext_pipelines.oud.schema.elements import AttributeType
from flext_pipelines.oud.schema.scanner import NUMERIC_OID

if TYPE_CHECKING:
    from flext_pipelines.oud.schema.drafts import Book, Draft
    from flext_pipelines.oud.schema.findings import Severity
    from flext_pipelines.oud.schema.target import TargetSchema

Slot = Literal["equality", "ordering", "substring"]

CLAUSES: dict[Slot, str] = {"equality": "EQUALITY", "ordering": "ORDERING", "substring": "SUBSTR"}
_STANDS_FOR = {
    "accessdirectivematch": "caseIgnoreMatch",
    "caseignoresubstringmatch": "caseIgnoreSubstringsMatch",
    "caseexactsubstringmatch": "caseExactSubstringsMatch",
    "numericstringsubstringmatch": "numericStringSubstringsMatch",
    "telephonenumbersubstringmatch": "telephoneNumberSubstringsMatch",
}
"""Rules and spellings of OID's that no other server has."""


class Rule(NamedTuple):
    """A matching rule of the target.

    Attributes:
        name: In its own spelling.
        slot: The clause that it is for, which its name tells: OrderingMatch, SubstringsMatch, Match.
        stem: Its name without that.
    """

    name: str
    slot: Slot
    stem: str


def rule_of(target: TargetSchema, written: str) -> Rule | None:
    """The target's rule of this name or OID, in any case; None when it has none."""
    found = target.rules.get(written.lower())
    if found is None:
        return None
    for ending, slot in (("OrderingMatch", "ordering"), ("SubstringsMatch", "substring"), ("Match", "equality")):
        if found.name.endswith(ending):
            return Rule(found.name, slot, found.name.removesuffix(ending))  # type: ignore[arg-type]  # of the tuple above
    return Rule(found.name, "equality", found.name)


def partner(target: TargetSchema, rule: Rule, slot: Slot) -> str | None:
    """The rule that compares the same way in another clause; None when the target has none."""
    ending = {"equality": "Match", "ordering": "OrderingMatch", "substring": "SubstringsMatch"}[slot]
    found = target.rules.get(f"{rule.stem}{ending}".lower())
    return found.name if found else None


def fix_matching(draft: Draft, book: Book) -> None:
    """Let each clause name a rule that the target has and that is for it."""
    element = draft.element
    assert isinstance(element, AttributeType)
    slots: dict[Slot, str | None] = {
        "equality": element.equality, "ordering": element.ordering, "substring": element.substring,
    }  # fmt: skip
    fixed = dict(slots)
    for slot, written in slots.items():
        if written is not None:
            fixed[slot] = _spelled(draft, book, slot, written)
    for slot in ("substring", "ordering", "equality"):
        _put_into_place(draft, book, fixed, slot)
    if fixed != slots:
        draft.change(**fixed)


def fix_equality(draft: Draft, book: Book) -> None:
    """Give an attribute that inherits none the equality rule that goes with its others: slapd refuses these alone."""
    element = draft.element
    assert isinstance(element, AttributeType)
    if element.superior is not None or element.equality is not None:
        return
    for clause, written in (("SUBSTR", element.substring), ("ORDERING", element.ordering)):
        rule = rule_of(book.target, written) if written is not None else None
        found = partner(book.target, rule, "equality") if rule is not None else None
        if found is not None:
            told = f"{clause} {written} stands without EQUALITY, which some servers refuse"
            book.note("info", draft, "equality", told, f"EQUALITY {found}")
            draft.change(equality=found)
            return


def _spelled(draft: Draft, book: Book, slot: Slot, written: str) -> str | None:
    """The rule in the target's spelling; None when it has no such rule."""
    stands_for = _STANDS_FOR.get(written.lower())
    rule = rule_of(book.target, stands_for or written)
    clause = CLAUSES[slot]
    if rule is None:
        book.note(
            "warning", draft, "matching-rule", f"{clause} {written}: the target has no such rule",
            f"{clause} removed; the syntax's own rule is used",
        )  # fmt: skip
        return None
    if NUMERIC_OID.fullmatch(written) or written == rule.name:
        return written
    severity: Severity = "warning" if written.lower() == "accessdirectivematch" else "info"
    book.note(severity, draft, "matching-rule", f"{clause} {written}: no server spells it so", f"{clause} {rule.name}")
    return rule.name


def _put_into_place(draft: Draft, book: Book, fixed: dict[Slot, str | None], slot: Slot) -> None:
    """A rule in the wrong clause goes into its own, and its partner takes its place."""
    written = fixed[slot]
    rule = rule_of(book.target, written) if written is not None else None
    if rule is None or rule.slot == slot:
        return
    fixed[slot] = partner(book.target, rule, slot) if not (slot == "substring" and rule.slot == "ordering") else None
    moved = slot == "equality" and fixed[rule.slot] is None
    if moved:
        fixed[rule.slot] = rule.name
    clause = CLAUSES[slot]
    done = f"{clause} {fixed[slot]}" if fixed[slot] else f"{clause} removed"
    if moved:
        done += f", {CLAUSES[rule.slot]} {rule.name}"
    severity: Severity = "info" if fixed[slot] else "warning"
    wrong = f"{clause} {written}: that is a rule for {CLAUSES[rule.slot]}"
    book.note(severity, draft, "matching-rule-clause", wrong, done)
