"""What a server says that somebody may do (Get Effective Rights), beside what the evaluator of ``aci`` says.

The control is an internet draft that never became a standard; 389 answers in its own form, OUD and its siblings in
Sun's. Both are read; the second is tested on texts from documents only.

What belongs here: asking, reading the answer, comparing. What does not: the evaluator (``oud.acl.aci_model``).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.aci import Aci, Flavour
from flext_pipelines.oud.acl.aci_model import AciPolicy
from flext_pipelines.oud.acl.aci_parser import parse_aci
from flext_pipelines.oud.acl.names import Name
from flext_pipelines.oud.acl.probes import Entry, ProbedRight, Subject
from flext_pipelines.oud.directory.reports import RightsDifference, RightsReport

if TYPE_CHECKING:
    from flext_pipelines.oud.directory.connection import Attributes, Directory

CONTROL = "1.3.6.1.4.1.42.2.27.9.5.2"
CACHE_SECONDS = 0.45
"""389 answers from its cache of decisions right after a change of ``aci``: 5 of 75 wrong, none after 0.3 s."""

_LETTERS: Mapping[str, ProbedRight] = {"r": "read", "s": "search", "c": "compare", "w": "write"}
_ENTRY_LETTERS: Mapping[str, ProbedRight] = {"a": "add", "d": "delete"}
_WORDS: Mapping[str, ProbedRight] = {"read": "read", "search": "search", "compare": "compare", "write": "write"}
_ENTRY_WORDS: Mapping[str, ProbedRight] = {"add": "add", "delete": "delete"}
_CONNECTION = re.compile(r"\b(authmethod|ip|dns|ssf|timeofday|dayofweek)\s*(?:=|!=|<|>)", re.IGNORECASE)
_MOST_LISTED = 200


class Rights(NamedTuple):
    """What a subject may do with an entry, as the server says.

    Attributes:
        on_entry: ``add`` and ``delete``; None where the server does not say.
        on_attributes: Rights by attribute name in lower case.
    """

    on_entry: frozenset[ProbedRight] | None
    on_attributes: Mapping[str, frozenset[ProbedRight]]


def rights_of(directory: Directory, subject: str, dn: str, attributes: Sequence[str]) -> Rights:
    """What a subject may do with an entry.

    Args:
        directory: Bound as somebody who may ask.
        subject: The DN; empty is anonymous.
        dn: The entry.
        attributes: About which.

    Raises:
        FlextError: The server refuses.
    """
    from ldap.controls.simple import GetEffectiveRightsControl

    control = GetEffectiveRightsControl(True, b"dn:" + subject.encode())
    wanted = [*attributes, "aclRights"]
    found = directory.search(dn, "base", attributes=wanted, controls=[control])
    return read_rights(found[0][1]) if found else Rights(frozenset(), {})


def read_rights(answer: Attributes) -> Rights:
    """The rights that an answer's attributes state, in either form."""
    values = {name.lower(): held[0].decode("utf-8", "replace") for name, held in answer.items() if held}
    if "entrylevelrights" in values or "attributelevelrights" in values:
        letters = values.get("entrylevelrights", "")
        pairs = [pair.strip().partition(":") for pair in values.get("attributelevelrights", "").split(",")]
        return Rights(
            frozenset(right for letter, right in _ENTRY_LETTERS.items() if letter in letters),
            {name.lower(): frozenset(right for letter, right in _LETTERS.items() if letter in held)
             for name, _, held in pairs if name},
        )  # fmt: skip
    on_entry = values.get("aclrights;entrylevel")
    prefix = "aclrights;attributelevel;"
    return Rights(
        None if on_entry is None else _granted(on_entry, _ENTRY_WORDS),
        {name.removeprefix(prefix): _granted(text, _WORDS) for name, text in values.items() if name.startswith(prefix)},
    )


def _granted(text: str, words: Mapping[str, ProbedRight]) -> frozenset[ProbedRight]:
    given = dict(pair.strip().split(":", 1) for pair in text.split(",") if ":" in pair)
    return frozenset(right for word, right in words.items() if given.get(word) == "1")


def compare_rights(
    directory: Directory,
    entries: Iterable[Entry],
    subjects: Sequence[Subject],
    acis: Sequence[tuple[str, str]],
    *,
    flavour: Flavour,
    tree: Mapping[Name, Entry],
) -> RightsReport:
    """Ask the server and the evaluator the same.

    Args:
        directory: Bound as somebody who may ask.
        entries: About which.
        subjects: For whom.
        acis: The DN of its entry, and each ``aci`` of the server.
        flavour: The server's dialect.
        tree: Entries by name, for rules that look at those above.
    """
    if not directory.has_control(CONTROL):
        return RightsReport(notes=("The server has no Get Effective Rights control; nothing was asked",))
    parsed, notes = _parsed(acis, flavour)
    by_connection = any(_CONNECTION.search(text) for _, text in acis)
    time.sleep(CACHE_SECONDS)
    model = AciPolicy(parsed, flavour=flavour, entries=tree)
    asked, conditional, found, looked_at = 0, 0, [], list(entries)
    for entry in looked_at:
        for subject in subjects:
            rights = rights_of(directory, subject.dn, entry.dn, sorted(entry.attributes))
            ways = _connections(subject) if by_connection else [subject]
            for right, attribute, server in _answers(rights, entry):
                asked += 1
                evaluator = model.allows(right, entry, subject, attribute)
                if any(model.allows(right, entry, way, attribute) is not evaluator for way in ways[1:]):
                    conditional += 1
                elif evaluator is not server:
                    found.append(RightsDifference(subject=subject.dn, dn=entry.dn, right=right, attribute=attribute,
                                                  server=server, evaluator=evaluator))  # fmt: skip
    return RightsReport(
        asked=asked, conditional=conditional, differing=len(found), differences=tuple(found[:_MOST_LISTED]),
        subjects=tuple(one.dn or "anonymous" for one in subjects), entries=len(looked_at), acis=len(acis),
        notes=tuple(notes),
    )  # fmt: skip


def _connections(subject: Subject) -> list[Subject]:
    """A subject in every way in which it can be connected, as far as rules tell such ways apart."""
    ways = [replace(subject, method=method, ssf=ssf, ip=ip, host=host)
            for method in ("none", "simple", "ssl") for ssf in (0, 256)
            for ip, host in ((subject.ip, subject.host), ("192.0.2.1", "host.example.org"))]  # fmt: skip
    return [subject, *ways]


def _answers(rights: Rights, entry: Entry) -> Iterator[tuple[ProbedRight, str, bool]]:
    for name in sorted(entry.attributes.keys() & rights.on_attributes.keys()):
        for right in _LETTERS.values():
            yield right, name, right in rights.on_attributes[name]
    if rights.on_entry is not None:
        for right in _ENTRY_LETTERS.values():
            yield right, "", right in rights.on_entry


def _parsed(acis: Sequence[tuple[str, str]], flavour: Flavour) -> tuple[list[tuple[str, Aci]], list[str]]:
    parsed: list[tuple[str, Aci]] = []
    notes: list[str] = []
    for dn, text in acis:
        try:
            parsed.append((dn, parse_aci(text, flavour=flavour)))
        except AciSyntaxError as error:
            notes.append(f"{dn}: an aci of the server cannot be read and is left out: {error.reason}: {text[:200]}")
    return parsed, notes
