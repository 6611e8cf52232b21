"""Whether ``aci`` values let a subject do something: an evaluator of OUD's model, and of 389's dialect.

What belongs here: the rules of OpenDJ's ``AciHandler``: all applicable denials first, then the union of what is
allowed, nothing otherwise; where in the tree an ``aci`` stands does not matter. What does not: OID's model.

Where the servers' documents leave open whether a rule applies, an ``allow`` is taken to apply and a ``deny`` not to:
a conversion that is proved with this model grants no more on the server. What is not modelled: macros (``($dn)``),
``targattrfilters`` (the values of a change are not part of a probe) and the server's global ``aci``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.aci import (
    Aci,
    All,
    BindRule,
    Either,
    Flavour,
    Keyword,
    Not,
    Right,
    Scope,
    TargetAttributes,
    TargetEntry,
)
from flext_pipelines.oud.acl.bind_values import (
    Groups,
    Number,
    UserAttribute,
    Users,
    UserUrl,
    bind_value,
    dn_pattern,
    url_body,
    url_name,
)
from flext_pipelines.oud.acl.filter_matching import equal, matches
from flext_pipelines.oud.acl.names import Name, is_under, parent, parse_name
from flext_pipelines.oud.acl.probes import OPERATIONAL, Entry, ProbedRight, Subject


class AciPolicy:
    """Every ``aci`` of a directory.

    Args:
        values: Each with the DN of the entry that holds it.
        flavour: Whose dialect.
        entries: By name, for what ``userattr`` reads from parents.
    """

    def __init__(
        self,
        values: Iterable[tuple[str, Aci]],
        *,
        flavour: Flavour = "oud",
        entries: Mapping[Name, Entry] | None = None,
    ) -> None:
        self.flavour = flavour
        self.entries = entries or {}
        self._held: dict[Name, list[Aci]] = {}
        for dn, aci in values:
            self._held.setdefault(parse_name(dn), []).append(aci)

    def allows(self, right: ProbedRight, entry: Entry, subject: Subject, attribute: str = "") -> bool:
        """Whether a subject may do something.

        Args:
            right: ``browse`` asks whether a search can return the entry: whether any attribute of it is readable.
            entry: The entry; with ``add``, the new one.
            subject: Who.
            attribute: With an attribute right: its name in lower case, without options.
        """
        if subject.superuser:
            return True
        if right == "browse":
            return any(self.allows("read", entry, subject, name) for name in (*entry.attributes, *OPERATIONAL))
        above = [
            (holder, aci)
            for holder in (entry.name[start:] for start in range(len(entry.name) + 1))
            for aci in self._held.get(holder, ())
        ]
        for allow in (False, True):
            for holder, aci in above:
                if self._decides(holder, aci, right, entry, subject, attribute, allow=allow):
                    return allow
        return False

    def _decides(
        self, holder: Name, aci: Aci, right: Right, entry: Entry, subject: Subject, attribute: str, *, allow: bool
    ) -> bool:  # fmt: skip
        rules = [rule for rule in aci.permissions if rule.allow is allow and rule.covers(right)]
        return (
            bool(rules)
            and _is_target(holder, aci, entry, allow=allow)
            and self._is_about(aci, attribute, allow=allow)
            and any(self.holds(rule.rule, right, entry, subject) for rule in rules)
        )

    def _is_about(self, aci: Aci, attribute: str, *, allow: bool) -> bool:
        if aci.controls is not None or aci.extended is not None or (aci.value_filters and not allow):
            return False
        if aci.attributes is None:
            return not attribute
        if not attribute:
            return allow
        return self._covers(aci.attributes, attribute, allow=allow)

    def _covers(self, attributes: TargetAttributes, attribute: str, *, allow: bool) -> bool:
        operational = self.flavour == "oud" and attribute in OPERATIONAL
        if attributes.negated:
            return not self._lists(attributes, attribute) and (allow or not operational)
        return self._lists(attributes, attribute)

    def _lists(self, attributes: TargetAttributes, attribute: str) -> bool:
        operational = self.flavour == "oud" and attribute in OPERATIONAL
        return attribute in attributes or ("+" if operational else "*") in attributes.names

    def holds(self, rule: BindRule, right: Right, entry: Entry, subject: Subject) -> bool:
        """Whether a bind rule is true."""
        match rule:
            case Not(inner):
                return not self.holds(inner, right, entry, subject)
            case All(rules):
                return all(self.holds(part, right, entry, subject) for part in rules)
            case Either(rules):
                return any(self.holds(part, right, entry, subject) for part in rules)
            case Keyword():
                return self._keyword(rule, right, entry, subject)

    def _keyword(self, rule: Keyword, right: Right, entry: Entry, subject: Subject) -> bool:
        value = rule.value
        if isinstance(value, Number):
            return _compare(rule.operator, subject.ssf if rule.keyword == "ssf" else subject.time, value.number)
        if isinstance(value, Users):
            truth = any(_is_user(url, entry, subject) for url in value.urls)
        elif isinstance(value, Groups):
            truth = any(name in subject.groups for name in value.names)
        elif isinstance(value, UserAttribute):
            truth = self._is_attribute(value, right, entry, subject)
        else:
            truth = any(_is_word(rule.keyword, word, subject) for word in value.words)
        if self.flavour == "389" and rule.keyword == "userattr":
            return truth  # found on 389 2.3.1: it reads != as =
        return truth is (rule.operator == "=")

    def _is_attribute(self, value: UserAttribute, right: Right, entry: Entry, subject: Subject) -> bool:
        if value.kind == "value":
            own = subject.entry.values(value.attribute) if subject.entry is not None else ()
            return any(equal(held, value.value) for held in own)
        for level in value.levels:
            if level == 0 and right == "add":
                continue  # whoever adds an entry could write the attribute: both servers ask parents only
            name = entry.name[level:]
            found = entry if level == 0 else self.entries.get(name)
            for held in found.values(value.attribute) if found is not None and len(name) else ():
                if _is_held(value.kind, held, entry, subject):
                    return True
        return False


def _is_held(kind: str, held: str, entry: Entry, subject: Subject) -> bool:
    try:
        if kind == "ldapurl":
            users = bind_value("userdn", held)
            return isinstance(users, Users) and any(_is_user(url, entry, subject) for url in users.urls)
        name = parse_name(held)
    except (AciSyntaxError, ValueError):
        return False
    return not subject.anonymous and (name == subject.name if kind == "userdn" else name in subject.groups)


def _is_target(holder: Name, aci: Aci, entry: Entry, *, allow: bool) -> bool:
    base = holder
    if aci.target is not None:
        inside = _is_below_target(aci.target, entry)
        if inside is aci.target.negated:
            return False
        if not aci.target.negated and "*" not in aci.target.url:
            base = url_name(aci.target.url)
    if not _is_in_scope(base, aci.scope or "subtree", entry.name):
        return False
    if aci.filter is None:
        return True
    truth = matches(aci.filter.filter, entry)
    return allow if truth is None else truth is not aci.filter.negated


def _is_below_target(target: TargetEntry, entry: Entry) -> bool:
    if "*" not in target.url:
        return is_under(entry.name, url_name(target.url))
    pattern = dn_pattern(url_body(target.url))
    return any(matches_pattern(pattern, entry.name[start:]) for start in range(len(entry.name)))


def _is_in_scope(base: Name, scope: Scope, name: Name) -> bool:
    if not is_under(name, base):
        return False
    depth = len(name) - len(base)
    return {"base": depth == 0, "onelevel": depth == 1, "subtree": True, "subordinate": depth > 0}[scope]


def _is_user(url: UserUrl, entry: Entry, subject: Subject) -> bool:
    match url.kind:
        case "anyone":
            return True
        case "all":
            return not subject.anonymous
        case "self":
            return not subject.anonymous and subject.name == entry.name
        case "parent":
            return not subject.anonymous and subject.name == parent(entry.name)
        case "dn":
            return subject.name == url.name
        case "pattern":
            return matches_pattern(url.pattern, subject.name)
        case "search":
            scope: Scope = "base" if url.scope == "base" else "onelevel" if url.scope == "one" else "subtree"
            if subject.anonymous or not _is_in_scope(url.name, scope, subject.name):
                return False
            asked = subject.entry or Entry(subject.dn, {"objectclass": ("top",)})
            return url.filter is None or matches(url.filter, asked) is True


def matches_pattern(pattern: tuple[str, ...], name: Name) -> bool:
    """Whether a name is what a pattern says: ``*`` is one RDN, ``**`` one or more, ``cn=a*`` text of one value."""
    reached = {0}  # how many RDNs of the name the pattern so far can have taken
    for part in pattern:
        if part == "**":
            reached = {end for start in reached for end in range(start + 1, len(name) + 1)}
        else:
            reached = {start + 1 for start in reached if start < len(name) and _is_rdn(part, name[start])}
    return len(name) in reached


def _is_rdn(part: str, rdn: tuple[tuple[str, str], ...]) -> bool:
    if part == "*":
        return True
    kind, _, value = part.partition("=")
    shape = re.compile(".*".join(re.escape(piece) for piece in value.split("*")), re.DOTALL)
    return any(kind in {"*", held} and shape.fullmatch(text) for held, text in rdn)


def _is_word(keyword: str, word: str, subject: Subject) -> bool:
    match keyword:
        case "authmethod":
            return word == subject.method
        case "dayofweek":
            return word == subject.day
        case "dns":
            return subject.host.lower().endswith(word[1:]) if word.startswith("*") else subject.host.lower() == word
        case _:
            return _is_address(word, subject.ip)


def _is_address(word: str, address: str) -> bool:
    if "*" in word:
        octets = address.split(".")
        return len(octets) == 4 and all(
            wanted in {"*", held} for wanted, held in zip(word.split("."), octets, strict=True)
        )
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(
            word.replace("+", "/", 1).strip("[]"), strict=False
        )
    except ValueError:
        return False


def _compare(operator: str, held: int | None, wanted: int) -> bool:
    if held is None:
        return False
    return {
        "=": held == wanted, "!=": held != wanted, "<": held < wanted,
        ">": held > wanted, "<=": held <= wanted, ">=": held >= wanted,
    }[operator]  # fmt: skip
