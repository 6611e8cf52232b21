"""Who a ``by`` clause means, as bind rules.

What belongs here: each entity, bind mode and address filter of OID as a bind rule, or the reason why there is none.
What does not: how clauses of one directive work on each other (``regions``).

A clause that has no exact counterpart gets two rules: one that certainly means nobody else, which may grant, and one
that certainly means nobody less, which may deny.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.aci import BindRule, Keyword, dn_url
from flext_pipelines.oud.acl.conditions import ANYONE, BOUND, NOBODY, both, either, keyword, negate, user
from flext_pipelines.oud.acl.filters import And, Comparison, Filter, Not, Or, Substrings
from flext_pipelines.oud.acl.names import is_under, parse_name
from flext_pipelines.oud.acl.oid_model import NamePattern, name_pattern
from flext_pipelines.oud.acl.options import ConversionOptions
from flext_pipelines.oud.acl.orclaci import Clause, Entity

_QUESTION = "389 takes a name with a question mark for a search, however it is escaped"
_OCTET = re.compile(r"\*|0|[1-9][0-9]{0,2}")
_ROOT_USER = "OUD's root user is bound by no aci"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Who is meant.

    Attributes:
        inner: Certainly nobody else.
        outer: Certainly nobody less.
        reason: Why the two are not the same; empty if they are.
        note: What a reader should know although nothing is lost.
    """

    inner: BindRule
    outer: BindRule
    reason: str = ""
    note: str = ""


def _exactly(rule: BindRule, note: str = "") -> Bounds:
    return Bounds(rule, rule, "", note)


def bounds(clause: Clause, options: ConversionOptions, *, adding: bool = False) -> Bounds:
    """Who a clause means.

    Args:
        clause: The clause.
        options: Where names go.
        adding: The clause is asked about adding an entry. OID asks the parent, OUD the new entry: ``self`` and
            attributes are those of the parent.
    """
    found = [_entity(clause.entity, options, adding=adding)]
    if clause.bind_modes:
        found.append(_modes(clause.bind_modes, options.ssf))
    if clause.ip_filter is not None:
        rule = _addresses(clause.ip_filter)
        found.append(
            _exactly(rule)
            if rule is not None
            else Bounds(NOBODY, ANYONE, "BindIPFilter is more than IPv4 addresses with whole numbers or asterisks")
        )
    return Bounds(
        both(*[part.inner for part in found]),
        both(*[part.outer for part in found]),
        "; ".join(part.reason for part in found if part.reason),
        "; ".join(part.note for part in found if part.note),
    )


def _entity(entity: Entity, options: ConversionOptions, *, adding: bool) -> Bounds:
    match entity.kind:
        case "*":
            return _exactly(ANYONE)
        case "self":
            return _exactly(keyword("userdn", f"ldap:///{'parent' if adding else 'self'}"))
        case "superuser":
            return _exactly(NOBODY, _ROOT_USER)
        case "dn":
            return _named(entity.value, options)
        case "group":
            return _group(entity.value, options)
        case "dnattr":
            return _attribute(entity.value, "USERDN", options, adding=adding)
        case "groupattr":
            return _attribute(entity.value, "GROUPDN", options, adding=adding)
        case "guidattr":
            return Bounds(NOBODY, BOUND, f"guidattr=({entity.value}): a bind rule compares names, not GUIDs")


def _named(value: str, options: ConversionOptions) -> Bounds:
    pattern = name_pattern(value)
    if pattern is None:
        return Bounds(NOBODY, ANYONE, f'dn="{value}" is neither a DN nor *,<DN>')
    if pattern.kind == "bound":
        return Bounds(
            BOUND, ANYONE, "", f'dn="{value}" is granted to everybody who binds, and denied to anonymous, too'
        )
    text = value.strip() if pattern.kind == "one" else value.strip().partition(",")[2].strip()
    placed = options.place(text)
    if placed is None:
        return _elsewhere(text, pattern, options)
    if options.flavour == "389" and "?" in placed:
        return Bounds(NOBODY, BOUND, _QUESTION)
    if pattern.kind == "one":
        return _exactly(user(placed))
    below = _under(placed)
    note = f'dn="{value}" is granted to what stands below {text}, and denied to that entry, too'
    return Bounds(both(below, negate(user(placed))), below, "", note)


def _elsewhere(text: str, pattern: NamePattern, options: ConversionOptions) -> Bounds:
    """Who has a name that is not in the result: nobody of it, but all of it stands below a name above its base."""
    if options.flavour == "389" and "?" in text:
        return Bounds(NOBODY, BOUND, _QUESTION)
    if pattern.kind == "one":
        return Bounds(NOBODY, user(text), f"{text} does not migrate: nobody binds with such a name")
    if options.source_base and is_under(parse_name(options.source_base), pattern.name):
        everybody = either(*[_under(suffix) for suffix in options.suffixes])
        return Bounds(everybody, either(everybody, _under(text)), "", f"all that migrates stands below {text}")
    return Bounds(NOBODY, _under(text), f"nothing below {text} migrates: nobody binds with such a name")


def _under(dn: str) -> BindRule:
    """A name and all names below it."""
    return keyword("userdn", f"{dn_url(dn)}??sub?(objectClass=*)")


def _group(value: str, options: ConversionOptions) -> Bounds:
    try:
        name = parse_name(value)
    except AciSyntaxError:
        name = ()
    if not name:
        return Bounds(NOBODY, ANYONE, f'group="{value}" is no DN')
    placed = options.place(value.strip())
    if placed is None:
        return Bounds(NOBODY, BOUND, f"the group {value} does not migrate")
    if options.flavour == "389" and "?" in placed:
        return Bounds(NOBODY, BOUND, _QUESTION)
    members = keyword("groupdn", dn_url(placed))
    if not options.whole(value.strip()):
        return Bounds(members, BOUND, f"{value}, or a group in it, has not all its members in OUD, or may not have")
    return _exactly(members)


def _attribute(name: str, kind: str, options: ConversionOptions, *, adding: bool) -> Bounds:
    new = None if ";" in name else options.new_attribute(name)
    if new is None:
        return Bounds(NOBODY, BOUND, f"the attribute {name} does not migrate, or has options")
    rule = keyword("userattr", f"{'parent[1].' if adding else ''}{new}#{kind}")
    if options.names_in(name) == "stay":
        return Bounds(NOBODY, BOUND, f"names in values of {name} stay those of the old directory")
    changes = options.changed(name, None)
    if not changes:
        return _exactly(rule)
    reason = f"the migration changes values of {name}"
    return Bounds(NOBODY if "new" in changes else rule, BOUND if "gone" in changes else rule, reason)


def _modes(modes: tuple[str, ...], ssf: int) -> Bounds:
    found = [_mode(mode, ssf) for mode in dict.fromkeys(modes)]
    if len(found) == 1:
        return found[0]
    return Bounds(
        both(*[part.inner for part in found]),
        either(*[part.outer for part in found]),
        "; ".join(part.reason for part in found if part.reason),
        f"BindMode=({'|'.join(modes)}) is granted to connections that meet all of it",
    )


def _mode(mode: str, ssf: int) -> Bounds:
    secure = keyword("ssf", str(ssf), ">=")
    match mode:
        case "simple":
            return _exactly(keyword("authmethod", "simple"))
        case "MD5Digest":
            return _exactly(keyword("authmethod", "sasl DIGEST-MD5"))
        case "PKCS12":
            return _exactly(keyword("authmethod", "ssl"))
        case "SASL":
            known = either(keyword("authmethod", "sasl DIGEST-MD5"), keyword("authmethod", "sasl EXTERNAL"))
            return Bounds(known, ANYONE, "", "BindMode SASL is granted to DIGEST-MD5 and EXTERNAL, which OID has")
        case "SSLTwoWay":
            return Bounds(both(secure, keyword("authmethod", "ssl")), keyword("ssf", "1", ">="))
        case "proxy":
            return Bounds(NOBODY, ANYONE, "BindMode proxy: no bind rule asks whether a connection is a proxy's")
        case _:
            return Bounds(secure, keyword("ssf", "1", ">="), "", f"BindMode {mode} is said as ssf of {ssf} or more")


def _addresses(found: Filter) -> BindRule | None:
    """A filter over ``orclipaddress`` as ``ip`` rules; None if there are none that say the same."""
    match found:
        case And(parts) | Or(parts):
            rules = [_addresses(part) for part in parts]
            known = [rule for rule in rules if rule is not None]
            if len(known) < len(rules) or not rules:
                return None
            return both(*known) if isinstance(found, And) else _any_address(known)
        case Not(part):
            rule = _addresses(part)
            return None if rule is None else negate(rule)
        case Substrings(attribute, pieces) if attribute.lower() == "orclipaddress":
            return _address("*".join(pieces).split("."))
        case Comparison(attribute, "=", value) if attribute.lower() == "orclipaddress":
            return _address(value.split("."))
        case _:
            return None


def _any_address(rules: list[BindRule]) -> BindRule:
    """``ip="a,b"`` for addresses, alternatives for the rest."""
    words, others = [], []
    for rule in rules:
        if isinstance(rule, Keyword) and rule.operator == "=":
            words.append(rule.text)
        else:
            others.append(rule)
    return either(*([keyword("ip", ",".join(dict.fromkeys(words)))] if words else []), *others)


def _address(octets: list[str]) -> BindRule | None:
    """``1.2.*`` is every address that begins with 1.2: asterisks fill up to four numbers."""
    if octets[-1] == "*":
        octets = octets + ["*"] * (4 - len(octets))
    if len(octets) != 4 or not all(
        octet == "*" or (octet.isdecimal() and str(int(octet)) == octet) for octet in octets
    ):
        return None
    try:
        return keyword("ip", ".".join(octets))
    except ValueError:
        return None
