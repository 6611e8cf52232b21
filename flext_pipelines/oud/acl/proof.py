"""Proving a conversion on the data: nobody gets what OID did not grant, and each right that is lost is a line.

What belongs here: which attributes and rights are asked about, and the comparison of the two evaluators.
What does not: who asks about which entries (``sampling``), the evaluators, and the report of a migration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.aci import Flavour
from flext_pipelines.oud.acl.aci_model import AciPolicy
from flext_pipelines.oud.acl.aci_parser import parse_aci
from flext_pipelines.oud.acl.names import Name, parent, parse_name, write_name
from flext_pipelines.oud.acl.oid_model import allows, is_assumed
from flext_pipelines.oud.acl.oid_policy import OidPolicy
from flext_pipelines.oud.acl.options import same
from flext_pipelines.oud.acl.orclaci import Permission
from flext_pipelines.oud.acl.probes import ATTRIBUTE_RIGHTS, ENTRY_RIGHTS, Entry, Subject
from flext_pipelines.oud.dn import as_text
from flext_pipelines.values import Value

_MOST_LINES = 100_000
"""More than anybody asks for; against a policy of which nothing is left."""
_ALWAYS_TRIED = ("cn", "objectclass", "userpassword", "modifytimestamp", "aci")
_TLS = 256


class Difference(Value):
    """A right that one of the two gives and the other does not.

    Attributes:
        kind: ``gained`` is more than OID granted; ``lost`` is less.
        right: OID's name of the right.
        dn: The entry.
        subject: Who, with how it is bound.
        attribute: With an attribute right, which.
    """

    kind: Literal["gained", "lost"]
    right: str
    dn: str
    subject: str
    attribute: str = ""


class ProofReport(Value):
    """What a proof found.

    Attributes:
        probes: Questions asked of both models.
        granted: Questions that both answer with yes.
        gained: How many rights are more than OID granted; a proof holds when there is none.
        lost: How many rights OID granted and the new directory does not.
        differences: Each difference; of very many of a kind the first.
    """

    probes: int
    granted: int
    gained: int
    lost: int
    differences: tuple[Difference, ...]

    @property
    def holds(self) -> bool:
        """True when nobody gained anything."""
        return self.gained == 0


def prove(
    entries: Iterable[Entry],
    policy: OidPolicy,
    acis: Iterable[tuple[str, str]],
    subjects: Sequence[Subject],
    *,
    flavour: Flavour = "oud",
    place: Callable[[str], str | None] = same,
    renewed: Mapping[Name, Entry] | None = None,
    attribute_of: Callable[[str], str | None] = same,
    belongs: Mapping[Name, frozenset[Name]] | None = None,
) -> ProofReport:
    """Ask both models the same questions.

    Args:
        entries: The entries to ask about, with those above them as far as they are known; see ``sampling``.
        policy: OID's policy.
        acis: Each ``aci`` with the new DN of its entry.
        subjects: Who asks; see ``sampling``.
        flavour: The dialect of the ``aci``.
        place: The new DN of an entry or a subject; what has none is not asked about.
        renewed: The entries as the new directory has them, by their old name; without them only names change.
        attribute_of: The new name of an attribute.
        belongs: The groups to which a subject belongs in the new directory, all by their old names; without it, or for
            who is not in it, to those of before.

    Raises:
        AciSyntaxError: An ``aci`` is none in that dialect.
    """
    tree = {entry.name: entry for entry in entries}
    moved = renewed or {name: new for name, entry in tree.items() if (new := _moved_entry(entry, place)) is not None}
    parsed = [(dn, parse_aci(text, flavour=flavour)) for dn, text in acis]
    model = AciPolicy(parsed, flavour=flavour, entries={entry.name: entry for entry in moved.values()})
    askers = [
        (subject, asker) for subject in subjects if (asker := _moved_subject(subject, place, belongs or {})) is not None
    ]
    named = sorted(_named_attributes(policy))
    probes = granted = 0
    counts = {"gained": 0, "lost": 0}
    lines: list[Difference] = []
    for name, entry in moved.items():
        before, above = tree[name], tree.get(parent(name))
        attributes = sorted({*before.attributes, *named, *_ALWAYS_TRIED})
        new_names = {"": "", **{old: (attribute_of(old) or old).lower() for old in attributes}}
        for subject, asker in askers:
            for right, attribute in _questions(attributes, can_add=above is not None):
                old = allows(policy, right, before, subject, attribute, above)
                now = model.allows(right, entry, asker, new_names[attribute])
                probes += 1
                granted += old and now
                if old is now or (old and is_assumed(policy, right, before, subject, attribute)):
                    continue
                kind: Literal["gained", "lost"] = "gained" if now else "lost"
                counts[kind] += 1
                if counts[kind] <= _MOST_LINES:
                    who = described(subject)
                    lines.append(
                        Difference(
                            kind=kind, right=right, dn=_shown(before.dn), subject=_shown(who), attribute=attribute
                        )
                    )
    return ProofReport(
        probes=probes, granted=granted, gained=counts["gained"], lost=counts["lost"], differences=tuple(lines)
    )


def _shown(text: str) -> str:
    return as_text(text.encode("utf-8", "surrogateescape"))


def _questions(attributes: Sequence[str], *, can_add: bool) -> Iterator[tuple[Permission, str]]:
    for right in ENTRY_RIGHTS:
        if right != "add" or can_add:
            yield right, ""
    for right in ATTRIBUTE_RIGHTS:
        for attribute in attributes:
            yield right, attribute


def described(subject: Subject) -> str:
    """A subject in words."""
    words = [subject.dn or "anonymous"]
    words += [f"as member of {write_name(group)}" for group in sorted(subject.groups)[:1]]
    words += [f"by {subject.method}"] if subject.method not in {"none", "simple"} else []
    words += ["over TLS"] if subject.ssf else []
    words += [f"from {subject.ip}"] if subject.ip != "127.0.0.1" else []
    return " ".join(words)


def _moved_entry(entry: Entry, place: Callable[[str], str | None]) -> Entry | None:
    if place is same:
        return entry
    dn = place(entry.dn)
    if dn is None:
        return None
    values = {name: tuple(_moved_value(value, place) for value in held) for name, held in entry.attributes.items()}
    return Entry(dn, values)


def _moved_value(value: str, place: Callable[[str], str | None]) -> str:
    try:
        return (place(value) or value) if "=" in value and parse_name(value) else value
    except AciSyntaxError:
        return value


def _moved_subject(
    subject: Subject, place: Callable[[str], str | None], belongs: Mapping[Name, frozenset[Name]]
) -> Subject | None:
    if place is same or subject.anonymous:
        return subject
    dn = place(subject.dn)
    if dn is None:
        return None
    before = belongs.get(subject.name, subject.groups)
    groups = frozenset(parse_name(found) for group in before if (found := place(write_name(group))) is not None)
    return Subject(
        dn, groups, _moved_entry(subject.entry, place) if subject.entry else None, subject.method, subject.ssf,
        subject.ip, subject.host, subject.proxied, subject.superuser, subject.day, subject.time,
    )  # fmt: skip


def _named_attributes(policy: OidPolicy) -> set[str]:
    names: set[str] = set()
    for directive in policy.directives():
        names |= directive.denies_on.names | directive.grants_on.names
    return names
