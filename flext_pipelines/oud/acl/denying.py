"""Which denials a policy needs, as drafts of ``aci`` values.

What belongs here: a denial that a grant from above would undo becomes a deny, for exactly those whom OID denies it.
What does not: denials among the values of one policy point, which cut down what is allowed (``allowing``).

A deny beats every allow in OUD. That is right for the policy points above, and for their siblings; a lower policy
point that grants the right again loses it, which is reported. A denial that nothing above grants needs no deny.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from flext_pipelines.oud.acl.conditions import NOBODY, both, disjoint, either, negate
from flext_pipelines.oud.acl.drafts import OBJECT_CLASS, RIGHTS_FOR, Draft, Finding, Lost, Remark, scope_of
from flext_pipelines.oud.acl.filters import And, Filter
from flext_pipelines.oud.acl.names import Name
from flext_pipelines.oud.acl.oid_model import NEEDS_BROWSE, SHOWN_BY_BROWSE, names_object_class
from flext_pipelines.oud.acl.oid_policy import EVERY_ATTRIBUTE, AttributeSet, Directive, Level, OidPolicy
from flext_pipelines.oud.acl.orclaci import ENTRY_PERMISSIONS, PERMISSIONS, Kind, Permission
from flext_pipelines.oud.acl.regions import Denied, Regions

NO_ACI_NEEDED = "the denial needs no aci, since nothing above grants it; the server's global aci must not either"

Place = tuple[Name, Kind]
"""Where a level stands."""


class Denying:
    """The denials of one policy.

    Args:
        policy: The policy.
        regions: What its directives grant and deny.
        allowed: What each level allows.
    """

    def __init__(self, policy: OidPolicy, regions: Regions, allowed: Mapping[Place, Sequence[Draft]]) -> None:
        self.policy, self.regions, self.allowed = policy, regions, allowed

    def drafts(self, level: Level) -> Iterator[Draft | Finding]:
        """Every deny that a level needs, and a remark for each denial that needs none."""
        above = [
            draft
            for other in self.policy.from_level(level)
            if other is not level
            for draft in self.allowed.get((other.holder, other.kind), ())
        ]
        for directive in level.directives:
            for right in PERMISSIONS:
                if right not in directive.aci.permissions:
                    continue
                for denied in self.regions.denied(directive, right):
                    drafts = [
                        draft
                        for draft in self._drafts(level, directive, right, denied)
                        if any(_undoes(grant, draft) for grant in above)
                    ]
                    for draft in drafts:
                        yield from self._around_entry_level(draft)
                        if right in SHOWN_BY_BROWSE and names_object_class(directive):
                            # browsing shows objectClass by both rights: who is denied one of them gets neither
                            yield from self._around_entry_level(
                                replace(draft, rights=SHOWN_BY_BROWSE, attributes=OBJECT_CLASS)
                            )
                    if not drafts:
                        yield Remark(directive, None, right, NO_ACI_NEEDED)

    def _around_entry_level(self, draft: Draft) -> Iterator[Draft]:
        """A deny in two where the entry's own directives give the right back: below the entry, and on the entry."""
        own = self.allowed.get((draft.level.holder, "orclentrylevelaci"), ()) if draft.reach == "all" else ()
        given_back = [grant.rule for grant in own if _gives_back(grant, draft)]
        if not given_back:
            yield draft
            return
        yield replace(draft, reach="below")
        rule = both(draft.rule, *[negate(rule) for rule in given_back])
        if rule != NOBODY:
            yield replace(draft, reach="base", rule=rule)

    def _drafts(self, level: Level, directive: Directive, right: Permission, denied: Denied) -> Iterator[Draft]:
        rights = RIGHTS_FOR[right]
        attributes: AttributeSet | None = None
        if right == "browse":
            rights, attributes = NEEDS_BROWSE, EVERY_ATTRIBUTE
        elif right not in ENTRY_PERMISSIONS:
            attributes = directive.denies_on
            if not attributes:
                return
        among = directive.aci.filter if right != "add" else None
        wanted: Filter | None = among
        if denied.constraint is not None:
            wanted = denied.constraint if among is None else And((among, denied.constraint))
        reach = scope_of(level, right)
        draft = Draft(level, directive, None, False, right, rights, attributes, wanted, reach, denied.rule)
        if attributes is None or right not in SHOWN_BY_BROWSE or names_object_class(directive):
            yield draft
            return
        if rest := attributes.without(OBJECT_CLASS):  # who may browse sees it; browsing is denied by itself
            yield replace(draft, attributes=rest)
        # To whom a directive here or above denies it by its name, browsing does not show it: a grant from above would.
        unseen = both(denied.rule, either(*self.regions.hidden(self.policy.from_level(level))))
        if attributes.common(OBJECT_CLASS) and unseen != NOBODY:
            yield replace(draft, attributes=OBJECT_CLASS, rule=unseen)


def _gives_back(grant: Draft, denial: Draft) -> bool:
    """True when a grant of the same right covers everything that a denial takes."""
    if grant.permission != denial.permission or grant.filter is not None:
        return False
    if grant.permission == "browse" or grant.attributes is None or denial.attributes is None:
        return True
    return not denial.attributes.without(grant.attributes)


def _is_below(denial: Draft, level: Level) -> bool:
    """True when a denial is only about what stands below a level's holder."""
    return denial.reach in {"below", "children"} and denial.level.holder == level.holder


def _undoes(grant: Draft, denial: Draft) -> bool:
    """True when a grant may give what a denial takes."""
    if not grant.rights & denial.rights or disjoint(grant.rule, denial.rule):
        return False
    if grant.attributes is None or denial.attributes is None:
        return grant.attributes is denial.attributes
    return bool(grant.attributes.common(denial.attributes))


def overruled(
    level: Level, grants: Iterable[Draft], policy: OidPolicy, denials: Mapping[Place, Sequence[Draft]]
) -> Iterator[Lost]:
    """Grants of a level that a deny from above takes back, which OID would let stand.

    Args:
        level: The lower level.
        grants: What it allows.
        policy: The policy.
        denials: The denies that are written, by level.
    """
    above = [
        draft
        for other in policy.from_level(level)
        if other is not level
        for draft in denials.get((other.holder, other.kind), ())
    ]
    for grant in grants:
        for denial in above:
            if _undoes(grant, denial) and not (grant.reach == "base" and _is_below(denial, level)):
                where = denial.directive.value.dn or "the root DSE"
                why = f"{where} denies it above, and in OUD a denial beats a lower grant"
                yield Lost(grant.directive, grant.clause, grant.permission, why)
                break
