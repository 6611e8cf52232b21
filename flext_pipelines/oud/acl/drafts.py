"""Drafts of ``aci`` values, and how a draft becomes text in a dialect.

What belongs here: targets, scopes and names in both flavours. What does not: who is granted what (``allowing``,
``denying``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl import filters
from flext_pipelines.oud.acl.aci import (
    RIGHTS,
    Aci,
    BindRule,
    PermissionRule,
    Right,
    Scope,
    TargetAttributes,
    TargetFilter,
)
from flext_pipelines.oud.acl.conditions import as_written
from flext_pipelines.oud.acl.filters import And, Comparison, Filter, rewritten
from flext_pipelines.oud.acl.names import parse_name, standard_dn
from flext_pipelines.oud.acl.oid_model import SHOWN_BY_BROWSE
from flext_pipelines.oud.acl.oid_policy import AttributeSet, Directive, Level
from flext_pipelines.oud.acl.options import Change, ConversionOptions, UnsayableError
from flext_pipelines.oud.acl.orclaci import Permission
from flext_pipelines.oud.acl.targets import Unsaid, target_lists, unsaid

RIGHTS_FOR: dict[Permission, frozenset[Right]] = {
    "browse": SHOWN_BY_BROWSE,
    "add": frozenset({"add"}),
    "delete": frozenset({"delete"}),
    "proxy": frozenset({"proxy"}),
    "read": frozenset({"read"}),
    "search": frozenset({"search"}),
    "compare": frozenset({"compare"}),
    "write": frozenset({"write"}),
    "selfwrite": frozenset({"selfwrite"}),
}
"""What an ``aci`` allows for each of OID's permissions; ``browse`` is said on ``objectClass``."""

OBJECT_CLASS = AttributeSet(frozenset({"objectclass"}), inverted=False)

Reach: TypeAlias = Literal["all", "base", "below", "children"]
"""Which entries: the holder and all below it, the holder, all below it, or those right below it."""

_SCOPES: dict[Reach, Scope | None] = {"all": None, "base": "base", "below": "subordinate", "children": "onelevel"}


@dataclass(frozen=True)
class Draft:
    """One allow or deny of one right.

    Attributes:
        level: The policy point it comes from.
        directive: The value it comes from.
        clause: The clause, None when it comes from several.
        allow: Allow or deny.
        permission: OID's right that it says.
        rights: What it says it with.
        attributes: On which attributes, by their names in OID; None for rights on the entry.
        filter: On which entries.
        reach: On which entries.
        rule: To whom.
    """

    level: Level
    directive: Directive
    clause: int | None
    allow: bool
    permission: Permission
    rights: frozenset[Right]
    attributes: AttributeSet | None
    filter: Filter | None
    reach: Reach
    rule: BindRule


@dataclass(frozen=True)
class Lost:
    """A grant that no ``aci`` says."""

    directive: Directive
    clause: int | None
    permission: Permission
    reason: str


@dataclass(frozen=True)
class Remark:
    """Something a reader should know although nothing is lost."""

    directive: Directive
    clause: int | None
    permission: Permission
    reason: str


Finding: TypeAlias = Lost | Remark


def scope_of(level: Level, right: Permission) -> Reach:
    """Which entries a level's right is about. OID asks the parent about adding, ``aci`` are asked of the new entry."""
    if right == "add":
        return "children" if level.kind == "orclentrylevelaci" else "below"
    return "base" if level.kind == "orclentrylevelaci" else "all"


def as_acis(
    draft: Draft, rights: frozenset[Right], holders: tuple[str, ...], options: ConversionOptions
) -> Iterator[Aci]:
    """The ``aci`` values of a draft, without a name.

    Args:
        draft: The draft.
        rights: Its rights, with those of drafts that differ in nothing else.
        holders: New DNs of the entries that get them.
        options: The dialect, and where names go.

    Raises:
        UnsayableError: There is no text; nothing was yielded.
    """
    found = _new_filter(draft, options)
    reach: Reach = draft.reach
    if options.flavour == "389":
        if reach == "children":
            if draft.allow:
                raise UnsayableError("389 has no scope of one level")
            reach = "below"
        if reach != "all":
            names: tuple[Filter, ...] = tuple(Comparison("entrydn", "=", standard_dn(holder)) for holder in holders)
            own = names[0] if len(names) == 1 else filters.Or(names)
            own = own if reach == "base" else filters.Not(own)
            found = own if found is None else And((own, found))
            reach = "all"
    rule = PermissionRule(draft.allow, tuple(right for right in RIGHTS if right in rights), as_written(draft.rule))
    for attributes in _targets(draft, options):
        yield Aci(
            "",
            (rule,),
            attributes=attributes,
            scope=_SCOPES[reach],
            filter=None if found is None else TargetFilter(found),
        )


def _new_filter(draft: Draft, options: ConversionOptions) -> Filter | None:
    if draft.filter is None:
        return None
    if not filters.always_defined(draft.filter):
        if draft.allow:
            raise UnsayableError("the filter has an extensible match, which servers judge differently")
        return None
    if _may_become(draft.filter, "new" if draft.allow else "gone", options):
        if draft.allow:
            raise UnsayableError("the migration changes values that the filter asks for: it would let in more entries")
        return None
    found = rewritten(
        draft.filter, options.new_attribute, lambda attribute, value: _new_value(attribute, value, options)
    )
    if found is None and draft.allow:
        raise UnsayableError("the filter asks for an attribute that does not migrate")
    return found


def _may_become(found: Filter, change: Change, options: ConversionOptions) -> bool:
    """True when the migration may make a filter true (``new``) or false (``gone``) for an entry."""
    match found:
        case And(parts) | filters.Or(parts):
            return any(_may_become(part, change, options) for part in parts)
        case filters.Not(part):
            return _may_become(part, "gone" if change == "new" else "new", options)
        case _ if change == "gone" and options.loses_names(found.attribute):
            return True
        case Comparison(attribute, "=", value):
            return change in options.changed(attribute, value)
        case filters.Present(attribute):
            return change in options.changed(attribute, None)
        case _:  # looks into the value: a name that moves is another text
            return options.names_in(found.attribute) == "follow" or change in options.changed(found.attribute, None)


def _new_value(attribute: str, value: str, options: ConversionOptions) -> str:
    """A value as the new directory has it: one that is a DN goes where the values of its attribute go."""
    if options.moved is not None:
        return options.moved(value) if options.names_in(attribute) == "follow" else value
    if "=" not in value:
        return value
    try:
        parse_name(value)
    except AciSyntaxError:
        return value
    return options.place(value) or value


def _targets(draft: Draft, options: ConversionOptions) -> list[TargetAttributes | None]:
    """The attribute lists of a draft."""
    if draft.attributes is None:
        return [None]
    return [*target_lists(draft.attributes, _written(draft), options, allow=draft.allow)]


def unsaid_names(draft: Draft, options: ConversionOptions) -> Iterator[Unsaid]:
    """The names that a draft's lists do not have as OID had them."""
    if draft.attributes is not None:
        yield from unsaid(draft.attributes, _written(draft), options, allow=draft.allow)


def _written(draft: Draft) -> tuple[str, ...]:
    """Attribute names as the value, or a sibling that cuts it, spells them."""
    own = draft.directive.aci.attributes
    siblings = [one.aci.attributes for one in draft.level.directives if one.aci.attributes is not None]
    return (*(own.names if own else ()), "objectClass", *(name for found in siblings for name in found.names))
