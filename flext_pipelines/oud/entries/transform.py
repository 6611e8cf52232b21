"""The transformation of entries: rules, schema and names applied to one record after the other.

It works on the record's lines: those that do not change stay the same bytes, folds included. What depends on names
alone comes from the plan of the entry's kind (``plan``), what depends on the parent from its place (``places``), so
that the loop only looks at values that must be looked at.

What belongs here: following a plan. What does not: making it, files, order.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, cast

from flext_pipelines.errors import UsageError
from flext_pipelines.oud.entries.access import access_of, access_values
from flext_pipelines.oud.entries.large import runs_of
from flext_pipelines.oud.entries.limits import judge_size
from flext_pipelines.oud.entries.naming import naming_line, under, with_new_name
from flext_pipelines.oud.entries.outcome import Excluded, Kept, Note, Outcome, Phase, Rejected
from flext_pipelines.oud.entries.pattern import with_pattern
from flext_pipelines.oud.entries.places import Named, Place, Places
from flext_pipelines.oud.entries.plan import Plan
from flext_pipelines.oud.entries.planner import Planner
from flext_pipelines.oud.entries.repeated import judge
from flext_pipelines.oud.entries.syntaxes import judge_encoding
from flext_pipelines.oud.entries.values import Findings, RefusedError, value_of
from flext_pipelines.oud.ldif.lines import FOLD_MARK, line_of
from flext_pipelines.oud.ldif.record import Record
from flext_pipelines.oud.ldif.render import entry_bytes

if TYPE_CHECKING:
    from flext_pipelines.oud.rules import MigrationRules
    from flext_pipelines.oud.schema.view import SchemaView

_in_base64 = re.compile(rb"\n([^:]++)::").findall
_mark_folds = re.compile(rb"\n ").sub

_MOST_PLANS = 20_000
"""Remembered: three kilobytes each."""
_PATTERN_PAYS = 250
"""Entries of a kind after which its pattern is made: it costs 1.5 ms and saves 5 us an entry."""
_MOST_PATTERNS = 8
"""Tried one after the other, each a microsecond at most."""
_MOST_LINES = 200
"""An entry of more lines is one of its kind: runs of lines of one attribute are taken as one, and no plan is kept."""
_HASH = ord("#")


Recognised = tuple[Plan, re.Match[bytes], re.Match[bytes], Place]
"""A plan, a record cut by its pattern, the parts of the record's name, and the place of its parent."""


class EntryTransform:
    """Makes entries of the target from entries of the source. It can be sent to another process.

    Args:
        rules: What becomes of what.
        view: What the target knows.
        source_base: Entries that are not under it are left out; None takes all.
        target_base: What takes its place; None keeps names.
        pattern_after: Entries of a kind after which its pattern is made.

    Raises:
        UsageError: A base, or a DN in the rules, is none; or identifiers shall be kept in an attribute that the target
            does not take.
    """

    def __init__(
        self,
        rules: MigrationRules,
        view: SchemaView,
        source_base: str | None = None,
        target_base: str | None = None,
        *,
        pattern_after: int = _PATTERN_PAYS,
    ) -> None:
        self.rules = rules
        self.view = view
        self.source_base = source_base
        self.target_base = target_base
        guid = rules.guid.attribute
        if rules.guid.keep == "attribute" and (not view.knows_attribute(guid) or view.operational(guid)):
            raise UsageError(
                f"The rules keep identifiers in {guid}, which is no user attribute of the target's schema",
                "Migrate the schema that defines it, name another as guid.attribute, or say guid.keep: file",
            )
        renamed = {old.lower(): new.lower() for old, new in rules.attributes.rename.items() if ";" not in old}
        self._places = Places(
            rules, source_base, target_base, renamed, hyphens=rules.attributes.underscores == "hyphens"
        )
        self._pattern_after = max(pattern_after, 1)
        self._findings = Findings()
        self._planner = Planner(rules, view, self._places, self._findings)
        self._known = self._places.known
        self._plain_name = re.compile(rb"dn: " + self._places.plain_rdn() + rb",([^\n]++)\n").match
        self._names = self._planner.names_pattern().findall
        self._plans: dict[tuple[bytes, ...], Plan] = {}
        self._patterns: dict[tuple[bytes, int], list[Plan]] = {}
        """Plans with patterns, by naming attribute as written and number of line ends."""
        self._base64: set[bytes] = set()
        """Names of which a value was met in base64."""
        self._counts: Counter[tuple[str, str]] = Counter()
        self._adds_names = rules.names.missing_rdn_value == "add"
        limits = [one for one in (rules.limits.entry_bytes, rules.limits.value_bytes, rules.limits.large_bytes) if one]
        self._look_at_size = min(limits, default=1 << 62)

    def __reduce__(self) -> tuple[type[EntryTransform], tuple[object, ...]]:
        """What it was made of; the other process makes its own plans."""
        return type(self), (self.rules, self.view, self.source_base, self.target_base)

    def counts(self) -> dict[tuple[str, str], int]:
        """Reason and attribute or class, and how many values of kept entries were dropped for it, so far."""
        found = Counter(self._counts)
        for plan in self._plans.values():
            _count(found, plan)
        return dict(found)

    def implied_classes(self) -> frozenset[str]:
        """Classes that entries so far do not list although they stand above theirs: a server adds them."""
        return self._planner.implied_classes

    def apply(self, record: Record) -> Outcome:
        """What becomes of one record."""
        known = cast("Recognised | None", record.recognised)
        if known is None:
            if record.changetype is not None or record.refers:
                return self._apply_odd(record)
            marked = _marked(record.raw)
            known = self._recognised(marked)
        if known is not None:
            plan, cut, name, place = known
            key, dn, depth = under(place, name[1] + b"=" + name[2])
            return self._follow(plan, list(cut.groups()), record, ((name[1].lower(), name[2]),), key, dn, depth)
        if record.raw[0] == _HASH:
            return self._apply_odd(record)
        return self._apply_judged(record, marked)

    def recognise(self, raw: bytes) -> Recognised | None:
        """What is known of a record that is right LDIF and of a kind that is met often; for ``read_ldif``.

        Args:
            raw: Its bytes, with LF.
        """
        return self._recognised(_mark_folds(FOLD_MARK, raw))

    def _recognised(self, marked: bytes) -> Recognised | None:
        name = self._plain_name(marked)
        if name is None:
            return None
        place = self._known.get(name[3])
        patterns = self._patterns.get((name[1], marked.count(b"\n")))
        if place is None or patterns is None or len(marked) > self._look_at_size:
            return None
        for plan in patterns:
            cut = plan.cut(marked)  # type: ignore[misc]  # those with a pattern have it
            if cut is not None:
                return plan, cut, name, place
        return None

    def _apply_judged(self, record: Record, marked: bytes) -> Outcome:
        """An entry that was not recognised."""
        name = self._plain_name(marked)
        place = None if name is None else self._places.place(name[3])
        if name is None or place is None or place.excluded is not None:
            return self._apply_named(record)
        naming_type, value = name[1].lower(), name[2]
        named = Named(((naming_type, value),), *under(place, name[1] + b"=" + value))
        return self._apply_kind(record, named, marked, name[1])

    def _apply_kind(self, record: Record, named: Named, marked: bytes, written_type: bytes | None = None) -> Outcome:
        """An entry whose name is known."""
        if marked.count(b"\n") > _MOST_LINES:
            return self._apply_large(record, named, marked)
        kind = (*self._names(record.text), b"+".join([pair[0] for pair in named.pairs]))
        plan = self._plans.get(kind)
        if plan is None:
            if any(name.startswith(b"#") for name in kind):
                return self._apply_odd(record)
            plan = self._planned(kind, named)
        elif plan.uses <= self._pattern_after and written_type is not None:
            self._learn(plan, kind, written_type, marked)
        return self._follow(plan, marked.split(b"\n"), record, named.pairs, named.key, named.dn, named.depth)

    def _planned(self, kind: tuple[bytes, ...], named: Named) -> Plan:
        """A new plan, remembered."""
        if len(self._plans) >= _MOST_PLANS:
            for plan in self._plans.values():
                _count(self._counts, plan)
            self._plans.clear()
            self._patterns.clear()
        made = self._plans[kind] = self._planner.plan(kind[:-1], [pair[0] for pair in named.pairs])
        return made

    def _learn(self, plan: Plan, kind: tuple[bytes, ...], written_type: bytes, marked: bytes) -> None:
        """Make the pattern of a kind when it was met often enough."""
        self._base64.update(_in_base64(marked))
        if plan.uses < self._pattern_after or plan.pattern is not None or self.rules.limits.values is not None:
            return
        patterns = self._patterns.setdefault((written_type, marked.count(b"\n")), [])
        if len(patterns) < _MOST_PATTERNS:
            plan.pattern = with_pattern(plan, kind[:-1], self._base64)
            patterns.append(plan.pattern)

    def _apply_named(self, record: Record) -> Outcome:
        """An entry whose name needs a second look."""
        found = self._places.named(record.dn)
        left_out = self._left_out(record, found)
        if left_out is not None:
            return left_out
        assert isinstance(found, Named)
        if not found.old:
            return self._apply_kind(record, found, _marked(record.raw))
        renamed = with_new_name(record, found)
        outcome = self._apply_kind(renamed, found, _marked(renamed.raw))
        if isinstance(outcome, Kept):
            text = "the base has another name now: its naming attribute holds the new value instead of the old one"
            outcome = outcome._replace(notes=(*outcome.notes, Note("renamed", found.old[0][0].decode(), text)))
        return outcome

    def _left_out(self, record: Record, found: Named | Rejected) -> Excluded | Rejected | None:
        """The outcome of an entry whose name leaves it out; None when it stays all the same."""
        if isinstance(found, Rejected):
            return found._replace(access=access_of(record))
        if found.excluded is None:
            return None
        if found.excepted and any(value.lower() in found.excepted for value in record.values(b"objectclass")):
            return None
        return found.excluded._replace(access=access_of(record))

    def _apply_odd(self, record: Record) -> Outcome:
        """A record with comments, with values from other files, or one that adds an entry."""
        if record.changetype not in (None, "add"):
            return Rejected("change-record", f"the record is a {record.changetype}; a migration takes entries")
        if record.changetype == "add" or record.refers:
            raw = entry_bytes(record.dn, record.attributes())
        else:
            raw = b"\n".join([line for line in _marked(record.raw).split(b"\n") if not line.startswith(b"#")])
            raw = raw.replace(FOLD_MARK, b"\n ")
        return self.apply(Record(raw, None, record.line, record.offset))

    def _apply_large(self, record: Record, named: Named, marked: bytes) -> Outcome:
        """A record of very many lines; the plan is made for it alone."""
        if b"\n#" in marked:
            return self._apply_odd(record)
        rule = self.rules.attributes.empty
        runs = runs_of(marked, keep_empty=rule == "keep")
        if runs.empty and rule == "reject":
            text = f"{min(runs.empty)} has a value of no length; see attributes.empty"
            return Rejected("empty-value", text, access_of(record))
        plan = self._planner.plan(runs.names, [pair[0] for pair in named.pairs], runs.counts)
        lines = [marked[: marked.index(b"\n")], *runs.lines]
        outcome = self._follow(plan, lines, record, named.pairs, named.key, named.dn, named.depth)
        if isinstance(outcome, Kept):
            for attribute, number in runs.empty.items():
                self._counts["empty-value", attribute] += number
            _count(self._counts, plan)
        return outcome

    def _follow(
        self,
        plan: Plan,
        lines: list[bytes],
        record: Record,
        pairs: tuple[tuple[bytes, bytes], ...],
        key: bytes,
        dn: bytes | None,
        depth: int,
    ) -> Outcome:
        """The outcome by a plan."""
        findings = self._findings
        access = access_values(lines, plan.access, record.dn) if plan.access else ()
        if plan.rejected is not None:
            return plan.rejected._replace(access=access)
        if dn is not None:
            lines[0] = line_of(b"dn", dn)
        try:
            raw = self._joined(plan, lines, self._changed(plan, lines, record, pairs))
        except RefusedError as refused:
            findings.clear()
            return refused.rejected._replace(access=access)
        notes = plan.notes
        if findings.drops or findings.notes:
            notes += tuple(findings.notes)
            self._counts.update(findings.drops)
            findings.clear()
        plan.uses += 1
        return Kept(
            plan.phase or self._phase(plan, record.dn), key, depth, Record(raw, None, record.line, record.offset),
            access, notes, None if plan.guid is None else value_of(lines[plan.guid]), plan.name_attributes,
        )  # fmt: skip

    def _joined(self, plan: Plan, lines: list[bytes], tail: tuple[bytes, ...]) -> bytes:
        """The new record.

        Raises:
            RefusedError: Nothing is left of it, or the rules refuse its bytes.
        """
        picked = plan.pick(lines)
        if self._findings.drops:
            picked = [line for line in picked if line]
        if tail:
            picked = (*picked, *tail)
        if len(picked) < 2:
            raise RefusedError("nothing-left", "every attribute of the entry is dropped")
        raw = b"\n".join(picked)
        if not raw.isascii():
            raw = judge_encoding(raw, self.rules.attributes, self._findings)
        return raw.replace(FOLD_MARK, b"\n ") if b"\0" in raw else raw

    def _changed(
        self, plan: Plan, lines: list[bytes], record: Record, pairs: tuple[tuple[bytes, bytes], ...]
    ) -> tuple[bytes, ...]:
        """Change the lines; the answer are those that are added.

        Raises:
            RefusedError: The target, or a rule, refuses the entry.
        """
        findings = self._findings
        if len(record.raw) > self._look_at_size or self.rules.limits.values is not None:
            judge_size(self.rules.limits, len(record.raw), lines, findings)
        for place, line in plan.replaced:
            lines[place] = line
        for place, step in plan.steps:
            lines[place] = step(lines[place])
        for one in plan.repeated:
            judge(lines, one, findings)
        tail = plan.tail
        for name, value in pairs:
            written_as, stand, prefix = plan.naming[name]
            if not stand or lines[stand[0]] != prefix + value:
                held = [lines[place] for place in stand]
                tail += naming_line(written_as, value, held, findings, adds=self._adds_names)
        for name, place in plan.copied:
            if not lines[place]:
                raise RefusedError("missing-attribute", f"{name.decode()} shall be filled from an attribute that loses "
                                   "its last value")  # fmt: skip
            tail += (line_of(name, value_of(lines[place].split(b"\n")[0])),)
        if findings.drops:
            self._look_at_drops(plan, lines)
        return tail

    def _phase(self, plan: Plan, written: bytes) -> Phase:
        for phase, below in plan.phases:
            if not below or self._places.is_below(written, below):
                return phase
        return "hierarchy"

    def _look_at_drops(self, plan: Plan, lines: list[bytes]) -> None:
        """What follows from values that the steps took out.

        Raises:
            RefusedError: A class demands the attribute.
        """
        for attribute, stand in plan.demanded:
            if not any(lines[place] for place in stand):
                raise RefusedError("missing-attribute", f"every value of {attribute} is dropped, and a class of the "
                                   "entry demands one")  # fmt: skip
        if plan.passwords and not any(lines[place] for place in plan.passwords):
            self._findings.notes.append(Note("password-reset", "userpassword", "no password is left; set it anew"))


def _marked(raw: bytes) -> bytes:
    """A record with LF and its continuations marked."""
    return _mark_folds(FOLD_MARK, raw.replace(b"\r\n", b"\n") if b"\r" in raw else raw)


def _count(counts: Counter[tuple[str, str]], plan: Plan) -> None:
    for drop, number in plan.drops:
        counts[drop] += number * (plan.uses if plan.pattern is None else plan.uses + plan.pattern.uses)
