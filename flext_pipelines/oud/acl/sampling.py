"""Who and what a proof asks about, taken from the data.

What belongs here: choosing entries around every policy point, and a subject for everything a clause could tell apart.
What does not: asking (``proof``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.names import Name, is_under, parse_name, write_name
from flext_pipelines.oud.acl.oid_model import name_pattern
from flext_pipelines.oud.acl.oid_policy import OidPolicy
from flext_pipelines.oud.acl.orclaci import Entity
from flext_pipelines.oud.acl.probes import Entry, Subject

_TLS = 256
_STRANGER = "cn=somebody else"

Groups = Mapping[Name, frozenset[Name]]
"""The groups of each user, nested ones included."""


def sample_entries(entries: Iterable[Entry], policy: OidPolicy, *, per_kind: int = 2) -> dict[Name, Entry]:
    """The entries to ask about: every holder of directives, and below each the first few of every kind.

    Entries are of one kind when the same holder is nearest, both stand right below it or both further, and their
    object classes are the same. One pass, whatever the number of entries.

    Args:
        entries: Parents before children.
        policy: OID's policy.
        per_kind: How many of a kind.
    """
    holders = {holder for holder, _ in policy.levels if holder}
    chosen: dict[Name, Entry] = {}
    counts: dict[tuple[Name, bool, frozenset[str]], int] = {}
    for entry in entries:
        name = entry.name
        if name in holders:
            chosen[name] = entry
            continue
        nearest = next((name[start:] for start in range(1, len(name)) if name[start:] in holders), ())
        classes = frozenset(value.lower() for value in entry.values("objectclass"))
        kind = (nearest, len(name) - len(nearest) == 1, classes)
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= per_kind:
            chosen[name] = entry
    return chosen


def subjects_of(policy: OidPolicy, entries: Mapping[Name, Entry], groups: Groups) -> list[Subject]:
    """The subjects to ask for.

    Args:
        policy: OID's policy.
        entries: Entries of which some bind, and whose attributes name users.
        groups: The groups of each user.

    Returns:
        Anonymous, somebody whom nothing names, each user that is named or sampled, a member of each group that is
        named, and anonymous and one user over TLS.
    """
    names: dict[Name, frozenset[Name]] = {parse_name(_STRANGER): frozenset()}
    attributes: set[str] = set()
    for directive in policy.directives():
        for clause in directive.clauses:
            if clause.entity.kind in {"dnattr", "groupattr"}:
                attributes.add(clause.entity.value)
            else:
                for named in _named_by(clause.entity, entries, groups):
                    names.setdefault(*named)
    for entry in entries.values():
        if entry.values("userpassword"):
            names.setdefault(entry.name, groups.get(entry.name, frozenset()))
        for held in (value for attribute in attributes for value in entry.values(attribute)):
            if name := _name_or_root(held):
                names.setdefault(name, groups.get(name, frozenset()))
    bound = [Subject(write_name(name), held, entries.get(name), "simple") for name, held in names.items()]
    secure = [Subject(one.dn, one.groups, one.entry, "simple", _TLS) for one in bound[1:2]]
    return [Subject(), Subject(ssf=_TLS), *bound, *secure]


def _named_by(entity: Entity, entries: Mapping[Name, Entry], groups: Groups) -> Iterator[tuple[Name, frozenset[Name]]]:
    """Users whom an entity names, with their groups; one that is made up where the data hold none."""
    if entity.kind == "group":
        group = _name_or_root(entity.value)
        if group:
            yield _member_of(group, groups)
    pattern = name_pattern(entity.value) if entity.kind == "dn" else None
    if pattern is None or not pattern.name:
        return
    name = pattern.name
    yield name, groups.get(name, frozenset())
    if pattern.kind == "below":
        made_up: Name = ((("cn", "somebody"),), *name)
        below = next((one for one in entries if is_under(one, name) and one != name), made_up)
        yield below, groups.get(below, frozenset())


def _member_of(group: Name, groups: Groups) -> tuple[Name, frozenset[Name]]:
    """A member, one who belongs to it through other groups where there is one; made up where there is none."""
    are_groups = frozenset(one for held in groups.values() for one in held)
    members = [(name, held) for name, held in groups.items() if group in held and name not in are_groups]
    made_up: Name = ((("cn", "member"),), *group)
    return max(members, key=lambda one: len(one[1]), default=(made_up, frozenset({group})))


def _name_or_root(text: str) -> Name:
    """A name; the root's where the text is none."""
    try:
        return parse_name(text)
    except AciSyntaxError:
        return ()
