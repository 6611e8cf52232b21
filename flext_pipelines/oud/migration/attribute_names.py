"""Where attributes go: what the rules make of a name, and which attributes of OID come to stand under one name.

Access control is about attributes by name. Where values of one attribute come under the name of another (a rename, a
map with `to`, a copy by `fill`), whoever may read the one must not read the other for it.

What belongs here: from the rules and both schemas to these answers. What does not: lists of an ``aci``
(``flext_pipelines.oud.acl.targets``), and changing entries (``flext_pipelines.oud.entries``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flext_pipelines.oud.acl.names import attribute_type
from flext_pipelines.oud.rules import MigrationRules
from flext_pipelines.oud.rules.model import FromAttribute


class AttributeNames:
    """New names of attributes.

    Args:
        rules: The rules, with the names that the schema had to change.
        name_of: The first of an attribute's names in the target's schema.
        in_source: Whether entries of the source can have an attribute.
    """

    def __init__(self, rules: MigrationRules, name_of: Callable[[str], str], in_source: Callable[[str], bool]) -> None:
        self._hyphens = rules.attributes.underscores == "hyphens"
        self._name_of, self._in_source = name_of, in_source
        self._new: dict[str, str] = {}
        """New names of whole attributes, by old ones."""
        self._also: dict[str, dict[str, None]] = {}
        """Further names under which values of an attribute come to stand."""
        self._gone = {name.lower() for names in rules.attributes.drop.values() for name in names}
        for old, new in _moves(rules):
            base, _, options = old.lower().partition(";")
            name = new.partition(";")[0]
            if options:
                self._also.setdefault(base, {})[name] = None
            else:
                self._new[base] = name
        for name, value in rules.attributes.fill.items():
            if isinstance(value, FromAttribute):
                base = value.from_.partition(";")[0].lower()
                self._also.setdefault(base, {})[name.partition(";")[0]] = None
        self._sources = self._by_new_name()

    def _by_new_name(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for old, new in [*self._new.items(), *((old, new) for old, several in self._also.items() for new in several)]:
            found.setdefault(self._type(new), set()).add(self._type(old))
        for new, olds in found.items():
            if new not in self._new and new not in self._gone and self._in_source(new):
                olds.add(new)
        return {new: frozenset(olds) for new, olds in found.items()}

    def _type(self, name: str) -> str:
        return attribute_type(self._name_of(name))

    def new(self, name: str) -> str:
        """The new name of an attribute that an access value speaks of; options stay."""
        base, semicolon, options = name.partition(";")
        renamed = self._new.get(base.lower(), base)
        if self._hyphens:
            renamed = renamed.replace("_", "-")
        return f"{renamed}{semicolon}{options}"

    def also(self, name: str) -> tuple[str, ...]:
        """Other new names under which some of its values stand."""
        return tuple(self._also.get(name.partition(";")[0].lower(), ()))

    def joined(self, new: str) -> frozenset[str]:
        """The attributes of the source whose values stand under a new name, where they are not one."""
        found = self._sources.get(self._type(new), frozenset())
        return found if len(found) > 1 else frozenset()

    def all_joined(self) -> dict[str, frozenset[str]]:
        """Every new name under which several attributes come to stand."""
        return {new: olds for new in sorted(self._sources) if (olds := self.joined(new))}

    def partly_moved(self) -> frozenset[str]:
        """Attributes of which values with some option come under another name."""
        return frozenset(self._type(name) for name in self._also)


def _moves(rules: MigrationRules) -> Iterator[tuple[str, str]]:
    """Old and new names, those of the rules before what is found elsewhere in them."""
    yield from rules.attributes.rename.items()
    for name, rule in rules.values.items():
        if rule.to is not None:
            yield name, rule.to
    if rules.guid.keep == "attribute":
        yield rules.guid.source, rules.guid.attribute
