"""What a migration did to values that access control asks for.

What belongs here: from the rules, the schema and what was counted while reading, whether values of an attribute went
or came. What does not: what a filter or a subject comes to then (``flext_pipelines.oud.acl``).
"""

from __future__ import annotations

from flext_pipelines.oud.acl.options import Change
from flext_pipelines.oud.acl.probes import OPERATIONAL
from flext_pipelines.oud.entries.syntaxes import made_right
from flext_pipelines.oud.migration.attribute_names import AttributeNames
from flext_pipelines.oud.migration.figures import PartResult
from flext_pipelines.oud.rules import MigrationRules
from flext_pipelines.oud.schema.view import SchemaView

_ADDED = frozenset({"class-added", "filled", "rdn-value-added"})
_CHANGED = frozenset({"several-values", "value-not-mapped"})
_BOTH: frozenset[Change] = frozenset({"gone", "new"})


class ChangedValues:
    """Answers for attributes, and for single classes.

    Args:
        rules: The rules.
        view: The target's schema.
        read: What was counted; whatever was dropped of an entry that is kept has its reason and name there.
        attributes: Where they go.
    """

    def __init__(self, rules: MigrationRules, view: SchemaView, read: PartResult, attributes: AttributeNames) -> None:
        self._view = view
        self._gone: set[str] = set()
        self._new: set[str] = set()
        for counted in (read.dropped, read.notes):
            for kind in counted:
                code, _, name = kind.partition(" ")
                if code in _ADDED:
                    self._new.add(name.lower())
                elif code != "duplicate-value" and (counted is read.dropped or code in _CHANGED):
                    self._gone.add(name.lower())
        for name, rule in rules.values.items():
            names = {name.lower(), (rule.to or name).lower()}
            self._gone |= names
            self._new |= names
        for olds in attributes.all_joined().values():
            self._new |= olds  # values of the others stand under the same name
        self._gone |= attributes.partly_moved()
        if rules.attributes.not_utf8 == "convert":
            odd = {kind.partition(" ")[2].lower() for kind in read.notes if kind.startswith("not-utf8 ")}
            self._gone |= odd
            self._new |= odd
        passwords = {name.lower() for name in rules.passwords.attributes}
        self._gone |= passwords  # a server hashes what is clear
        self._new |= passwords
        self._new |= set(read.implied)
        if rules.attributes.not_allowed == "extensible":
            self._new.add("extensibleobject")
        self._gone |= {name.lower() for name in rules.classes.rename}
        self._new |= {name.lower() for name in rules.classes.rename.values()}

    def __call__(self, attribute: str, value: str | None) -> frozenset[Change]:
        """What may have happened to the values of an attribute in some entry, or to one value."""
        name = attribute.partition(";")[0].lower()
        if name == "objectclass":
            if value is None:
                return self._of(self._gone | self._new)
            known = self._view.object_class(value)
            return self._of({value.lower(), *(known.names if known is not None else ())})
        facts = self._view.attribute(name)
        if name in OPERATIONAL or (facts is not None and (facts.operational or made_right(facts.syntax))):
            return _BOTH  # the new server keeps what operational attributes say, of its own
        return self._of({name, *(other.lower() for other in self._view.names(name))})

    def _of(self, names: set[str]) -> frozenset[Change]:
        found: set[Change] = set()
        if names & self._gone:
            found.add("gone")
        if names & self._new:
            found.add("new")
        return frozenset(found)
