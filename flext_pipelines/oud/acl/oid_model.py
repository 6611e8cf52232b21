"""Whether OID lets a subject do something: an evaluator of its model.

What belongs here: OID's rules of evaluation. What does not: any ``aci``.

Where Oracle's documents leave a rule open, or the rule is known from memory only [M], the reading that grants less is
taken, so that the proof of a conversion holds under every reading:

* [D] The entry-level directives are asked first, then the nearest policy point, then each one above. The first that
  decides, decides; a denial is final.
* [M] OID keeps a denied member of a group unresolved, so that a higher grant to the group wins unless
  ``DenyGroupOverride`` is given. Here a denial is final for everybody.
* [M] Within a policy point, filtered directives come before unfiltered ones and named attributes before ``*``. Here
  any denial of a policy point beats every grant of it.
* Within a directive the first clause that matches decides. A later clause that names the subject more closely and
  denies is obeyed, too; so is a later denial of what the first clause does not mention. A later grant is not.
* ``dn=".*"`` denies anonymous, too, and does not grant to it; ``dn=".*,dc=us"`` so with dc=us itself. A value that is
  no directive denies what it may have denied (``unreadable``).
* What nobody decides is denied.
* [M] ``add`` is asked of the parent; a constraint that the new entry does not meet is a denial.
* Reading, searching and comparing an attribute needs ``browse`` on its entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.filter_matching import equal, matches
from flext_pipelines.oud.acl.names import Name, is_under, parent, parse_name
from flext_pipelines.oud.acl.oid_policy import Directive, Level, OidPolicy, rank
from flext_pipelines.oud.acl.orclaci import ATTRIBUTE_PERMISSIONS, Clause, Entity, Permission
from flext_pipelines.oud.acl.probes import Entry, Subject

NEEDS_BROWSE: frozenset[Literal["read", "search", "compare"]] = frozenset({"read", "search", "compare"})

SHOWN_BY_BROWSE: frozenset[Literal["read", "search"]] = frozenset({"read", "search"})
"""Rights on ``objectClass`` that stand for ``browse`` in an ``aci``: no smaller grant shows an entry there."""


@dataclass(frozen=True, slots=True)
class NamePattern:
    """What ``dn="..."`` names.

    Attributes:
        kind: One name, all names below one, or everybody who is bound.
        name: The name.
    """

    kind: str
    name: Name


def name_pattern(value: str) -> NamePattern | None:
    """What a ``dn`` subject names; None for a pattern that OID's grammar does not have.

    ``*,dc=us`` and ``.*,dc=us`` stand for every name below dc=us; whether for dc=us itself, too, and ``.*`` for
    anonymous, Oracle's documents leave open.
    """
    text = value.strip()
    if text in {"*", ".*"}:
        return NamePattern("bound", ())
    for prefix in (".*,", "*,"):
        if text.startswith(prefix):
            text, kind = text[len(prefix) :], "below"
            break
    else:
        kind = "one"
    try:
        name = parse_name(text)
    except AciSyntaxError:
        return None
    if not name or any("*" in part for rdn in name for pair in rdn for part in pair):
        return None
    return NamePattern(kind, name)


def allows(
    policy: OidPolicy,
    right: Permission,
    entry: Entry,
    subject: Subject,
    attribute: str = "",
    parent_entry: Entry | None = None,
) -> bool:
    """Whether a subject may do something.

    Args:
        policy: The directory's policy.
        right: ``add`` asks whether the entry may be added below its parent.
        entry: The entry; with ``add``, the new one.
        subject: Who.
        attribute: With an attribute right: its name in lower case, without options.
        parent_entry: With ``add``: the parent.
    """
    if right == "add":
        if parent_entry is None or parent_entry.name != parent(entry.name):
            return False
        return decide(policy, "add", parent_entry, subject, added=entry) is True
    if right == "browse":
        return _may_browse(policy, entry, subject)
    decided = decide(policy, right, entry, subject, attribute)
    if right not in NEEDS_BROWSE:
        return decided is True
    if not _may_browse(policy, entry, subject):
        return False
    if attribute == "objectclass" and right in SHOWN_BY_BROWSE and decided is not True:
        return not hides_object_class(policy, entry, subject)
    return decided is True


def _may_browse(policy: OidPolicy, entry: Entry, subject: Subject) -> bool:
    decided = decide(policy, "browse", entry, subject)
    return not policy.complete if decided is None else decided


def is_assumed(policy: OidPolicy, right: Permission, entry: Entry, subject: Subject, attribute: str = "") -> bool:
    """True when nothing but OID's default shows the entry: the policy is not complete and says nothing of browsing."""
    if policy.complete or decide(policy, "browse", entry, subject) is not None:
        return False
    if right == "browse":
        return True
    shown = attribute == "objectclass" and right in SHOWN_BY_BROWSE
    return shown and decide(policy, right, entry, subject, attribute) is not True


def hides_object_class(policy: OidPolicy, entry: Entry, subject: Subject) -> bool:
    """True when a directive that names ``objectClass`` itself denies it."""
    for level in policy.path(entry.name):
        for directive in level.directives:
            if names_object_class(directive) and any(
                decide_one(directive, right, entry, subject, "objectclass") is False for right in SHOWN_BY_BROWSE
            ):
                return True
    return False


def names_object_class(directive: Directive) -> bool:
    """True when ``attr=(...)`` of a directive lists ``objectClass``."""
    return not directive.denies_on.inverted and "objectclass" in directive.denies_on.names


def decide(
    policy: OidPolicy,
    right: Permission,
    entry: Entry,
    subject: Subject,
    attribute: str = "",
    added: Entry | None = None,
) -> bool | None:
    """The first decision along the path: granted, denied, or None when no level has one."""
    for level in policy.path(entry.name):
        decided = decide_level(level, right, entry, subject, attribute, added)
        if decided is not None:
            return decided
    return None


def decide_level(
    level: Level, right: Permission, entry: Entry, subject: Subject, attribute: str = "", added: Entry | None = None
) -> bool | None:
    """The decision of one policy point: any denial, else any grant."""
    answer: bool | None = None
    for directive in level.directives:
        decided = decide_one(directive, right, entry, subject, attribute, added)
        if decided is False:
            return False
        answer = answer or decided
    return answer


def decide_one(
    directive: Directive,
    right: Permission,
    entry: Entry,
    subject: Subject,
    attribute: str = "",
    added: Entry | None = None,
) -> bool | None:
    """The decision of one directive."""
    aci = directive.aci
    if right not in aci.permissions or (aci.filter is not None and matches(aci.filter, entry) is not True):
        return None
    matching: list[tuple[Clause, bool | None]] = [
        (clause, certainly)
        for clause in directive.clauses
        if (certainly := _is_meant(clause, entry, subject)) is not False
    ]
    on_attribute = right in ATTRIBUTE_PERMISSIONS
    may_grant = not on_attribute or attribute in directive.grants_on
    may_deny = not on_attribute or attribute in directive.denies_on
    if may_grant and _first_grants(matching, right, aci.permissions, added):
        return True
    if may_deny and any(_denies(clause, right, aci.permissions, added) for clause, _ in matching):
        return False
    return None


def _first_grants(
    matching: list[tuple[Clause, bool | None]], right: Permission, kinds: frozenset[Permission], added: Entry | None
) -> bool:
    for index, (clause, certainly) in enumerate(matching):
        if right not in clause.granted(kinds) or _denies(clause, right, kinds, added):
            return False
        if certainly:
            return not any(
                _denies(later, right, kinds, added) and rank(later) > rank(clause) for later, _ in matching[index + 1 :]
            )
    return False


def _denies(clause: Clause, right: Permission, kinds: frozenset[Permission], added: Entry | None) -> bool:
    """True when a clause takes the right: by its permissions, or by a constraint that is not met."""
    if right in clause.denied(kinds):
        return True
    if right != "add" or clause.constraint is None or right not in clause.granted(kinds):
        return False
    return added is None or matches(clause.constraint, added) is not True


def _is_meant(clause: Clause, entry: Entry, subject: Subject) -> bool | None:
    """Whether a clause is about a subject; None where it cannot be told, which denies but does not grant."""
    answers = [_is_entity(clause.entity, entry, subject), _is_bound_as(clause, subject)]
    if clause.ip_filter is not None:
        address = Entry("", {"orclipaddress": (subject.ip,)})
        answers.append(matches(clause.ip_filter, address))
    if False in answers:
        return False
    return None if None in answers else True


def _is_entity(entity: Entity, entry: Entry, subject: Subject) -> bool | None:
    match entity.kind:
        case "*":
            return True
        case "superuser":
            return subject.superuser
        case "self":
            return not subject.anonymous and subject.name == entry.name
        case "dn":
            return _is_named(entity.value, subject)
        case "group":
            try:
                return parse_name(entity.value) in subject.groups
            except AciSyntaxError:
                return None
        case "dnattr":
            return not subject.anonymous and any(equal(held, subject.dn) for held in entry.values(entity.value))
        case "groupattr":
            return any(_is_group(held, subject) for held in entry.values(entity.value))
        case "guidattr":
            if subject.anonymous:
                return False
            guids = subject.entry.values("orclguid") if subject.entry is not None else ()
            return any(equal(held, guid) for held in entry.values(entity.value) for guid in guids) if guids else None


def _is_named(value: str, subject: Subject) -> bool | None:
    pattern = name_pattern(value)
    if pattern is None:
        return None
    if pattern.kind == "one":
        return subject.name == pattern.name
    if pattern.kind == "bound":
        return None if subject.anonymous else True
    if subject.name == pattern.name:
        return None
    return not subject.anonymous and is_under(subject.name, pattern.name)


def _is_group(held: str, subject: Subject) -> bool:
    try:
        return parse_name(held) in subject.groups
    except AciSyntaxError:
        return False


def _is_bound_as(clause: Clause, subject: Subject) -> bool | None:
    """Whether the connection is as ``BindMode`` asks. Of two modes both grant, either denies: [M] how they join."""
    if not clause.bind_modes:
        return True
    answers = {is_mode(mode, subject) for mode in clause.bind_modes}
    if len(answers) == 1:
        return answers.pop()
    return None


def is_mode(mode: str, subject: Subject) -> bool:
    """Whether a connection is in one bind mode; [M] an SSL mode is met by what is at least as secure."""
    match mode:
        case "proxy":
            return subject.proxied
        case "simple":
            return subject.method == "simple"
        case "MD5Digest":
            return subject.method == "sasl digest-md5"
        case "PKCS12":
            return subject.method == "ssl"
        case "SASL":
            return subject.method.startswith("sasl ")
        case "SSLTwoWay":
            return subject.ssf > 0 and subject.method == "ssl"
        case _:
            return subject.ssf > 0
