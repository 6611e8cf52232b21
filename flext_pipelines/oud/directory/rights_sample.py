"""Who and what the server and the evaluator are both asked about, from what was read back.

What belongs here: the choice, and the ``aci`` that count for it. What does not: asking (``effective_rights``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from flext_pipelines.oud.acl.names import Name, parse_name
from flext_pipelines.oud.acl.probes import Entry, Subject
from flext_pipelines.oud.directory.effective_rights import compare_rights
from flext_pipelines.oud.directory.reports import RightsReport
from flext_pipelines.oud.dn import parse_dn
from flext_pipelines.oud.ldif.index import place_of

if TYPE_CHECKING:
    from flext_pipelines.oud.acl.aci import Flavour
    from flext_pipelines.oud.directory.connection import Directory
    from flext_pipelines.oud.directory.read_back import ReadBack

_MEMBERS = ("member", "uniquemember")
_MOST_SUBJECTS = 3
_GLOBAL = "cn=Access Control Handler,cn=config"


class RightsSample:
    """A sample of entries and subjects.

    Args:
        both: What was read back, with its references.
        directory: The server.
    """

    def __init__(self, both: ReadBack, directory: Directory) -> None:
        self._both, self._directory = both, directory

    def compared(self, most: int, subjects: Sequence[str], bases: Sequence[str]) -> RightsReport:
        """Ask about so many entries at most.

        Args:
            most: Entries.
            subjects: DNs of users; without any, some of the sampled entries that have a password.
            bases: What was searched.

        Raises:
            FlextError: The server refuses, or does not answer.
        """
        entries = [_probe(dn, values) for dn, values in self._both.some_entries(most)]
        who = list(subjects) or [entry.dn for entry in entries if entry.values("userpassword")][:_MOST_SUBJECTS]
        asked = [Subject(), *(self._subject(dn) for dn in who)]
        flavour: Flavour = "389" if is_389(self._directory) else "oud"
        acis = list(self._acis(bases))
        return compare_rights(self._directory, entries, asked, acis, flavour=flavour, tree=self._with_parents(entries))

    def _acis(self, bases: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Every ``aci`` of the searched entries and of those above them, and the server's global ones."""
        for base in bases:
            for dn, values in self._directory.search(base, where="(aci=*)", attributes=["aci"]):
                yield from _held(dn, values)
            above = parse_dn(base).parent()
            while above is not None and above.depth:
                yield from _held(str(above), self._directory.read(str(above), ["aci"]) or {})
                above = above.parent()
        if not is_389(self._directory):
            for _, values in self._directory.search(_GLOBAL, "base", attributes=["ds-cfg-global-aci"]):
                yield from _held("", values)

    def _subject(self, dn: str) -> Subject:
        """A user with the groups it is in, nested ones included."""
        place = place_of(dn.encode())
        groups: set[Name] = set()
        left = [place]
        while left:
            for holder in self._both.holders_of(left.pop(), _MEMBERS):
                name = parse_name(holder)
                if name not in groups:
                    groups.add(name)
                    left.append(place_of(holder.encode()))
        found = self._both.entry(place)
        return Subject(dn, frozenset(groups), _probe(*found) if found else None, "simple")

    def _with_parents(self, entries: Sequence[Entry]) -> dict[Name, Entry]:
        """Entries by name, with those above them."""
        complete = {entry.name: entry for entry in entries}
        for entry in entries:
            above = parse_dn(entry.dn).parent()
            while above is not None and above.depth:
                found = self._both.entry(place_of(bytes(above)))
                if found is not None:
                    made = _probe(*found)
                    complete.setdefault(made.name, made)
                above = above.parent()
        return complete


def is_389(directory: Directory) -> bool:
    """Whether it is a 389 Directory Server, which has a dialect of its own."""
    said = directory.root_dse.get("vendorname", []) + directory.root_dse.get("vendorversion", [])
    return any(b"389" in value for value in said)


def _held(dn: str, values: Mapping[str, Sequence[bytes]]) -> Iterator[tuple[str, str]]:
    for held in values.values():
        for value in held:
            yield dn, value.decode("utf-8", "replace")


def _probe(dn: str, values: Mapping[str, Sequence[bytes]]) -> Entry:
    """An entry as the evaluator takes it."""
    held: dict[str, tuple[str, ...]] = {}
    for name, several in values.items():
        plain = name.partition(";")[0].lower()
        held[plain] = held.get(plain, ()) + tuple(value.decode("utf-8", "replace") for value in several)
    return Entry(dn, held)
