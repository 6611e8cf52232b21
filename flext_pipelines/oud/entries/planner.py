"""Making plans: from the names of an entry's lines, its classes and its naming attribute to what becomes of each line.

What belongs here: everything that depends on names. What does not: values, which the steps of the plan look at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from flext_pipelines.oud.entries.access import ACCESS_KINDS
from flext_pipelines.oud.entries.classes import ClassJudge, Judged
from flext_pipelines.oud.entries.draft import Draft, Line
from flext_pipelines.oud.entries.outcome import Note, Phase
from flext_pipelines.oud.entries.passwords import password
from flext_pipelines.oud.entries.plan import Plan
from flext_pipelines.oud.entries.repeated import Matching, Repeated
from flext_pipelines.oud.entries.syntaxes import judged
from flext_pipelines.oud.entries.values import Findings, NameValues, Step, each, map_key, mapped, renamed, value_of
from flext_pipelines.oud.ldif.lines import line_of
from flext_pipelines.oud.rules.model import FromAttribute, ValueRule

if TYPE_CHECKING:
    from flext_pipelines.oud.entries.places import Places
    from flext_pipelines.oud.rules import MigrationRules
    from flext_pipelines.oud.schema.view import SchemaView

_BYTES_SYNTAXES = frozenset(f"1.3.6.1.4.1.1466.115.121.1.{number}" for number in (4, 5, 8, 9, 10, 23, 28, 40, 49))
"""Audio, binary, certificates, fax, JPEG, octet string: compared byte by byte (RFC 4517)."""

_MOST_STEPS = 5_000
_EXACT_RULES = ("caseexact", "octetstring")
_MOST_MAPPED = 8
"""Values of a map that may tell kinds of entries apart; with more, kinds would be too many."""
_ACCOUNT_DAYS = {
    "account-start": "OUD does not keep the account closed until the day that OID does",
    "account-end": "OUD does not end the account on the day that OID does",
}


class Planner:
    """Makes plans.

    Args:
        rules: What becomes of attributes and classes.
        view: What the target knows.
        places: What becomes of names.
        findings: What the steps of the plans write to.
    """

    def __init__(self, rules: MigrationRules, view: SchemaView, places: Places, findings: Findings) -> None:
        self._rules = rules
        self._view = view
        self._places = places
        self._findings = findings
        self._classes = ClassJudge(rules, view)
        self._drop = {name.lower(): why for why, names in rules.attributes.drop.items() for name in names}
        self._rename = {old.lower(): new for old, new in rules.attributes.rename.items()}
        self._values = {name.lower(): rule for name, rule in rules.values.items()}
        self._made_by_rules = {(rule.to or name).lower() for name, rule in rules.values.items()}
        self._renamed_to = {new.lower() for new in rules.attributes.rename.values()}
        self._passwords = frozenset(name.lower() for name in rules.passwords.attributes)
        self._first_names: dict[str, str] = {}
        self._steps: dict[tuple[bytes, bytes], tuple[Step | None, bool]] = {}
        self._fill = {name.lower(): (name, value) for name, value in rules.attributes.fill.items()}
        self._phases = tuple(
            (one.phase, frozenset(name.lower().encode() for name in one.classes),
             tuple(places.key_of(base, "categories.below:") for base in one.below))
            for one in rules.categories
        )  # fmt: skip

    def names_pattern(self) -> re.Pattern[bytes]:
        """What finds the names of a record's lines, as ``plan`` takes them."""
        whole = [rb"objectclass[:;].*+"]
        for name, rule in self._values.items():
            values = b"|".join(re.escape(value.encode()) for value in rule.map)
            if values and len(rule.map) <= _MOST_MAPPED:
                whole.append(re.escape(name.encode()) + rb": *+(?:" + values + rb") *+(?![^\n])")
        return re.compile(rb"\n((?i:" + b"|".join(whole) + rb")|[^:]++(?:::?+ *+(?![^\n]))?+)")

    def plan(self, names: Sequence[bytes], naming_types: Sequence[bytes], counts: Sequence[int] | None = None) -> Plan:
        """The plan for a kind of entry.

        Args:
            names: Of each line or run of lines: the name as written, with a colon when its value is empty; the whole
                line of object classes, and of values that the rules map.
            naming_types: Attribute types of the RDN, in lower case.
            counts: Lines of each run; None when each is one line.
        """
        draft = Draft([])
        values: list[bytes] = []
        for place, name in enumerate(names, 1):
            if name[:11].lower() == b"objectclass" and name[11:12] in (b":", b";"):
                found = [value_of(line) for line in name.split(b"\n")]
                values += found
                line = Line(b"objectclass", "objectclass", b"objectclass", len(found), empty=False)
                line.classes = found
                draft.lines.append(line)
                draft.class_places.append(place)
            else:
                self._named(draft, place, name, 1 if counts is None else counts[place - 1])
        classes = self._classes.judged(values, naming_types)
        self._write_classes(draft, classes)
        self._ask_schema(draft, classes, naming_types)
        self._demand(draft, classes, naming_types)
        return self._finished(draft, classes, frozenset(value.lower() for value in values), naming_types, counts)

    def _named(self, draft: Draft, place: int, written: bytes, count: int) -> None:
        """What the rules say of one line."""
        empty = written.rstrip(b" ").endswith(b":")
        name = written.partition(b":")[0]
        lower = name.lower().decode()
        attribute, _, options = lower.partition(";")
        line = Line(name, attribute, name, count, empty)
        if not empty and len(name) < len(written):
            line.value = map_key(written[len(name) + 1 :])
        draft.lines.append(line)
        why = self._drop.get(lower) or self._drop.get(attribute)
        guid = self._rules.guid
        if attribute == guid.source.lower() and guid.keep != "nowhere":
            if guid.keep == "file":
                draft.guid = place
                draft.drop(line, why or "identifier")
                return
            line.rename(guid.attribute.encode())
            line.is_guid, why = True, None
        if attribute in ACCESS_KINDS:
            draft.access.append((place, ACCESS_KINDS[attribute]))
            draft.drop(line, "access")
        elif why is not None:
            draft.drop(line, why)
            if why in _ACCOUNT_DAYS:
                draft.notes.append(Note(why, attribute, _ACCOUNT_DAYS[why]))
        elif empty and self._rules.attributes.empty != "keep":
            if self._rules.attributes.empty == "reject":
                draft.refuse("empty-value", f"{attribute} has a value of no length; see attributes.empty")
            draft.drop(line, "empty-value")
        else:
            self._renamed(line, lower, attribute, options)
            self._with_step(draft, line, place)

    def _renamed(self, line: Line, lower: str, attribute: str, options: str) -> None:
        if line.is_guid:
            return
        new = self._rename.get(lower)
        if new is None and attribute in self._rename:
            new = self._rename[attribute] + (f";{options}" if options else "")
        if new is None and attribute in self._values:
            new = self._values[attribute].to
        if new is not None:
            line.rename(new.encode())
            line.declared = attribute in self._values
        elif "_" in attribute and self._rules.attributes.underscores == "hyphens":
            line.rename(line.name.replace(b"_", b"-"))

    def _with_step(self, draft: Draft, line: Line, place: int) -> None:
        """What must look at the values."""
        if line.attribute in self._values and line.value is not None:
            self._map_known(draft, line, place, self._values[line.attribute])
            return
        if line.attribute in self._passwords:
            draft.passwords.append(place)
        key = (line.name, line.new)
        if key not in self._steps:
            if len(self._steps) >= _MOST_STEPS:
                self._steps.clear()
            self._steps[key] = self._step(line)
        line.step, line.may_go = self._steps[key]

    def _step(self, line: Line) -> tuple[Step | None, bool]:
        """The step for a line, and whether it may take the line."""
        new = None if line.new == line.name else line.new
        attribute, references, rules = line.new_attribute, self._rules.references, self._rules.attributes
        if line.attribute in self._values:
            return mapped(self._values[line.attribute], line.attribute, line.new, self._findings), True
        if line.attribute in self._passwords:
            return password(self._rules.passwords, line.attribute, new, self._findings), True
        if self._view.dn_valued(attribute) or self._view.dn_valued(line.attribute):
            step = NameValues(references, attribute, new, self._places, self._findings).step
            return step, references.not_a_name == "drop" or references.excluded == "drop"
        facts = self._view.attribute(attribute)
        judging = None
        if facts is not None and attribute not in self._made_by_rules:
            judging = judged(facts.syntax, rules, attribute, new, self._findings)
        if judging is not None:
            return judging, rules.invalid == "drop"
        return (None if new is None else renamed(new)), False

    def _map_known(self, draft: Draft, line: Line, place: int, rule: ValueRule) -> None:
        """A value that the map names is part of the kind: nothing is left to look at."""
        assert line.value is not None
        new = next(new for old, new in rule.map.items() if map_key(old.encode()) == line.value)
        if new is None:
            draft.drop(line, "mapped-to-nothing")
        else:
            draft.replaced[place] = line_of(line.new, new.encode())

    @property
    def implied_classes(self) -> frozenset[str]:
        """Classes that entries so far do not list although they stand above theirs."""
        return frozenset(self._classes.implied)

    def _write_classes(self, draft: Draft, judged: Judged) -> None:
        if judged.rejected is not None:
            draft.rejected = judged.rejected
        for drop in judged.drops:
            draft.drops[drop] += 1
        draft.notes += judged.notes
        if judged.drops or judged.added or any(old is not None for old in judged.names):
            self._replace_classes(draft, judged)
        if not draft.class_places and judged.rejected is None:
            draft.tail += [line_of(b"objectclass", name) for name in judged.added]

    def _replace_classes(self, draft: Draft, judged: Judged) -> None:
        left = iter(judged.names)
        made: list[tuple[int, list[bytes]]] = []
        for place in draft.class_places:
            line = draft.lines[place - 1]
            made.append((place, [name for name in (next(left) for _ in range(line.count)) if name is not None]))
        if made:
            made[-1][1].extend(judged.added)
        for place, names in made:
            draft.lines[place - 1].kept = bool(names)
            if names != draft.lines[place - 1].classes:
                draft.replaced[place] = b"\n".join([line_of(b"objectclass", name) for name in names])

    def _canonical(self, name: str) -> str:
        """The attribute's first name, by which classes speak of it."""
        known = self._first_names.get(name)
        if known is None:
            if len(self._first_names) >= _MOST_STEPS:
                self._first_names.clear()
            found = self._view.names(name)
            known = self._first_names[name] = found[0] if found else name
        return known

    def _ask_schema(self, draft: Draft, judged: Judged, naming_types: Sequence[bytes]) -> None:
        """Take out what the target does not know or does not allow."""
        view = self._view
        naming_attributes = {self._canonical(one.decode()) for one in naming_types}
        for line in draft.lines:
            name = line.new_attribute
            if not line.kept or line.declared or line.attribute == "objectclass":
                continue
            if view.operational(name):
                if self._rules.attributes.operational == "drop" and not self._wanted(name):
                    draft.drop(line, "server-maintained")
                continue
            if not view.knows_attribute(name):
                self._refused_attribute(
                    draft, line, "unknown", self._rules.attributes.unknown, self._canonical(name) in naming_attributes
                )
            elif judged.allowed is not None and self._canonical(name) not in judged.allowed:
                self._refused_attribute(
                    draft, line, "not_allowed", self._rules.attributes.not_allowed,
                    self._canonical(name) in naming_attributes,
                )  # fmt: skip

    def _wanted(self, name: str) -> bool:
        """Whether rules make an operational attribute, as they may one that the server takes."""
        if name in self._made_by_rules:
            return True
        facts = self._view.attribute(name)
        return name in self._renamed_to and facts is not None and not facts.no_user_modification

    def _refused_attribute(
        self, draft: Draft, line: Line, which: Literal["unknown", "not_allowed"], rule: str, names_entry: bool
    ) -> None:
        """An attribute that the target would refuse."""
        code, what = {
            "unknown": ("unknown-attribute", "the target's schema does not know"),
            "not_allowed": ("attribute-not-allowed", "no class of the entry allows"),
        }[which]
        name = line.new_attribute
        if rule == "extensible":
            added = line_of(b"objectclass", b"extensibleObject")
            draft.tail += [added] if added not in draft.tail else []
        elif rule == "reject":
            draft.refuse(code, f"{what} {name}; migrate its schema, or see attributes.{which}")
        elif rule == "drop" and names_entry:
            draft.refuse("naming-attribute", f"{what} {name}, which names the entry")
        elif rule == "drop":
            draft.drop(line, code)
            draft.notes.append(Note(code, line.attribute, f"{what} {name}: it is left out"))

    def _demand(self, draft: Draft, judged: Judged, naming_types: Sequence[bytes]) -> None:
        """What the classes demand and the entry has not."""
        have = {self._canonical(line.new_attribute) for line in draft.lines if line.kept}
        if judged.left:
            have.add("objectclass")
        if self._rules.names.missing_rdn_value == "add":
            have |= {self._canonical(one.decode()) for one in naming_types}
        for missing in sorted(judged.must - have):
            name, value = next((self._fill[one] for one in (missing, *self._view.names(missing)) if one in self._fill),
                               (missing, None))  # fmt: skip
            if isinstance(value, FromAttribute):
                source = self._canonical(value.from_.lower())
                place = next((number for number, line in enumerate(draft.lines, 1)
                              if line.kept and self._canonical(line.new_attribute) == source), None)  # fmt: skip
                if place is not None:
                    draft.copied.append((name.encode(), place))
            elif value is not None:
                draft.tail.append(line_of(name.encode(), value.encode()))
            if value is not None and (not isinstance(value, FromAttribute) or draft.copied):
                draft.notes.append(Note("filled", missing, f"a class demands {missing}: the rules give it"))
            elif self._rules.classes.missing_attribute == "reject":
                demanding = next((one for one in judged.left if missing in self._view.must(one)), "")
                draft.refuse("missing-attribute", f"the class {demanding} demands {missing}, which the entry has not; "
                             f"add it, or give it by attributes.fill.{missing}")  # fmt: skip

    def _finished(
        self, draft: Draft, judged: Judged, classes: frozenset[bytes], naming_types: Sequence[bytes],
        counts: Sequence[int] | None,
    ) -> Plan:  # fmt: skip
        lines = draft.lines
        steps = tuple(
            (place, line.step if counts is None else each(line.step))
            for place, line in enumerate(lines, 1) if line.kept and line.step is not None
        )  # fmt: skip
        places: dict[str, list[int]] = {}
        for place, line in enumerate(lines, 1):
            if line.kept:
                _, _, options = line.new.lower().partition(b";")
                places.setdefault(f"{self._canonical(line.new_attribute)};{options.decode()}", []).append(place)
        demanded = tuple(
            (name, tuple(found)) for name in sorted(judged.must)
            if (found := places.get(f"{name};", [])) and all(lines[place - 1].may_go for place in found)
        )  # fmt: skip
        phases = tuple((phase, below) for phase, wanted, below in self._phases if wanted & classes)
        return Plan(
            kept=(0, *(place for place, line in enumerate(lines, 1) if line.kept)),
            replaced=tuple(draft.replaced.items()),
            steps=steps,
            repeated=tuple(self._repeated(lines, places)),
            demanded=demanded if self._rules.classes.missing_attribute == "reject" else (),
            passwords=tuple(draft.passwords),
            access=tuple(draft.access),
            guid=draft.guid,
            naming={one: self._naming_lines(one.decode(), lines, places) for one in naming_types},
            copied=tuple(draft.copied),
            tail=tuple(draft.tail),
            phase=_certain(phases),
            phases=phases,
            classes=classes,
            notes=tuple(draft.notes),
            drops=tuple(draft.drops.items()),
            rejected=draft.rejected,
            name_attributes=tuple(dict.fromkeys(
                line.new for line in lines if line.kept and self._view.dn_valued(line.new_attribute)
            )),
        )  # fmt: skip

    def _naming_lines(
        self, naming_type: str, lines: list[Line], places: dict[str, list[int]]
    ) -> tuple[bytes, tuple[int, ...], bytes]:
        stand = tuple(places.get(f"{self._canonical(naming_type)};", ()))
        return naming_type.encode(), stand, (lines[stand[0] - 1].new + b": " if stand else b"")

    def _repeated(self, lines: list[Line], places: dict[str, list[int]]) -> list[Repeated]:
        rules, found = self._rules.attributes, []
        for name, stand in places.items():
            attribute, _, options = name.partition(";")
            if sum(lines[place - 1].count for place in stand) < 2 or attribute == "objectclass":
                continue
            several = None if options or not self._view.single_valued(attribute) else rules.several_values
            if rules.duplicates != "keep" or several in ("reject", "first"):
                alike = len({lines[place - 1].new.lower() for place in stand}) == 1
                found.append(
                    Repeated(
                        attribute, tuple(stand), self._matching(attribute, options), alike, rules.duplicates,
                        None if several == "keep" else several,
                    )
                )  # fmt: skip
        return found

    def _matching(self, attribute: str, options: str) -> Matching:
        facts = self._view.attribute(attribute)
        if facts is not None and facts.dn_valued:
            return "name"
        if attribute in self._passwords or "binary" in options.split(";"):
            return "exact"
        if facts is None or facts.syntax in _BYTES_SYNTAXES or facts.equality.startswith(_EXACT_RULES):
            return "exact"
        return "text"


def _certain(phases: tuple[tuple[Phase, tuple[bytes, ...]], ...]) -> Phase | None:
    if not phases:
        return "hierarchy"
    phase, below = phases[0]
    return None if below else phase
