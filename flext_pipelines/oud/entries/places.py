"""Where an entry stands: in which tree, under which base, and what its name becomes.

Entries share the names of their parents, so what is found out about a parent is remembered.

What belongs here: names of entries, and values that hold names. What does not: any other value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from flext_pipelines.errors import DnError, UsageError
from flext_pipelines.oud.dn import Ava, Dn, Rebase, parse_dn
from flext_pipelines.oud.entries.outcome import Excluded, Rejected
from flext_pipelines.oud.rules import MigrationRules

_WORD = rb"[!$-*\-./0-9:?@A-Z\[\]^_`a-z{|}~]++"
_PLAIN_VALUE = _WORD + rb"(?: " + _WORD + rb")*+"
_PLAIN_TYPES = ("cn", "ou", "dc", "uid", "o", "c", "l", "st")
"""Of an RDN that needs no second look, as nearly all are: its key is itself in lower case."""

_MOST_REMEMBERED = 20_000


class Place(NamedTuple):
    """What is known of a parent, and so of the entries below it.

    Attributes:
        source_key: Its key in the source.
        key: Its key in the target.
        dn: Its name in the target; None when it is the same as in the source.
        depth: RDNs of its name in the target.
        excluded: Why entries below it are left out; None when they are not.
        excepted: Classes, in lower case, whose entries are taken along all the same.
    """

    source_key: bytes
    key: bytes
    dn: bytes | None
    depth: int
    excluded: Excluded | None = None
    excepted: frozenset[bytes] = frozenset()


class Named(NamedTuple):
    """The name of one entry.

    Attributes:
        pairs: Attribute types of its RDN, in lower case, and their values.
        key: Its key in the target.
        dn: Its name in the target; None when it is the same as in the source.
        depth: RDNs of its name in the target.
        excluded: Why it is left out, if it is.
        excepted: Classes that are taken along all the same.
        old: Types and values of the RDN that the entry had, when it is another now: of a base that moves.
    """

    pairs: tuple[tuple[bytes, bytes], ...]
    key: bytes
    dn: bytes | None
    depth: int
    excluded: Excluded | None = None
    excepted: frozenset[bytes] = frozenset()
    old: tuple[tuple[bytes, bytes], ...] = ()


class Places:
    """Names of the source and what becomes of them.

    Args:
        rules: Which trees are left out.
        source_base: Entries that are not under it are left out; None takes all.
        target_base: What takes its place; None leaves names as they are.
        renamed: Attribute types that have other names in the target, in lower case.
        hyphens: Put hyphens for underscores in attribute types.

    Raises:
        UsageError: A base or a tree is no DN, or there is a target base without a source base.
    """

    def __init__(
        self,
        rules: MigrationRules,
        source_base: str | None,
        target_base: str | None,
        renamed: Mapping[str, str],
        *,
        hyphens: bool = False,
    ) -> None:
        if target_base is not None and source_base is None:
            raise UsageError("A target base needs the source base that it takes the place of", "Name both")
        self.base = None if source_base is None else _named_dn(source_base, "The source base")
        new = self.base if target_base is None else _named_dn(target_base, "The target base")
        self._renamed = dict(renamed)
        self._hyphens = hyphens
        self._rebase = None
        if self.base is not None and new is not None and bytes(self.base) != bytes(new):
            self._rebase = Rebase(bytes(self.base), bytes(new))
        self._anywhere: dict[bytes, tuple[Excluded, frozenset[bytes]]] = {}
        self._top: dict[bytes, tuple[Excluded, frozenset[bytes]]] = {}
        for rdn, rule in rules.trees.items():
            if rule.action == "exclude":
                found = Excluded("tree", f"the tree {rdn} is OID's own (rule trees.{rdn})")
                classes = frozenset(name.lower().encode() for name in rule.except_classes)
                key = _named_dn(rdn, f"The rule trees.{rdn}:").key
                (self._anywhere if rule.where == "anywhere" else self._top)[key] = (found, classes)
        self._remembered: dict[bytes, Place] = {}
        self.known: dict[bytes, Place] = {}
        """Parents that are found out about and not left out, by their names as written."""
        self.steady: set[bytes] = set()
        """Those of them whose name is the same in the target."""
        self._outside = Excluded("outside-base", f"the entry is not under {self.base}")

    def key_of(self, text: str, what: str) -> bytes:
        """The key of a DN that the rules name.

        Raises:
            UsageError: It is none.
        """
        return _named_dn(text, what).key

    def is_below(self, written: bytes, bases: tuple[bytes, ...]) -> bool:
        """Whether a name of the source stands under one of some bases, given by their keys."""
        place = self.place(written)
        return place is not None and any(
            place.source_key == base or place.source_key.endswith(b"," + base) for base in bases
        )

    def place(self, parent: bytes) -> Place | None:
        """What is known of a parent, as written; None when it is no DN."""
        known = self._remembered.get(parent)
        if known is None:
            if not parent.strip(b" "):
                return None
            try:
                known = self._found(parse_dn(parent), parent)
            except DnError:
                return None
            if len(self._remembered) >= _MOST_REMEMBERED:
                for remembered in (self._remembered, self.known, self.steady):
                    remembered.clear()
            self._remembered[parent] = known
            if known.excluded is None:
                self.known[parent] = known
                if known.dn is None:
                    self.steady.add(parent)
        return known

    def plain_rdn(self) -> bytes:
        """A pattern for RDNs that need no second look, with a group for type and value each."""
        odd = b"|".join(re.escape(key) for key in self._anywhere)
        types = "|".join(name for name in _PLAIN_TYPES if name not in self._renamed)
        if not types:
            return rb"(?!)()()"
        return (
            (rb"(?!(?i:" + odd + rb")[, ])" if odd else b"")
            + rb"((?i:"
            + types.encode()
            + rb"))=("
            + _PLAIN_VALUE
            + rb")"
        )

    def named(self, written: bytes) -> Named | Rejected:
        """What is known of any name of an entry."""
        try:
            dn = parse_dn(written)
        except DnError as error:
            return Rejected("dn-syntax", f"{error.reason}. {error.instruction}")
        if not dn.rdns:
            return Named((), b"", None, 0, Excluded("root-dse", "the root DSE is the server's own"), frozenset())
        place = self._found(dn, written)
        pairs = _pairs(dn if place.dn is None else parse_dn(place.dn))
        old = tuple((self._type(name.decode()).encode(), value) for name, value in _pairs(dn))
        return Named(
            pairs, place.key, place.dn, place.depth, place.excluded, place.excepted, () if pairs == old else old
        )

    def moved(self, value: bytes) -> bytes:
        """A value that holds a name, as the target has it; the same bytes when it is no name of the source."""
        moved = self._rebase(value) if self._rebase is not None else value
        return self._retyped(moved)

    def _found(self, dn: Dn, written: bytes) -> Place:
        excluded, excepted = self._excluded(dn)
        moved = self.moved(written)
        new = dn if moved == written else parse_dn(moved)
        return Place(dn.key, new.key, None if moved == written else moved, new.depth, excluded, excepted)

    def _excluded(self, dn: Dn) -> tuple[Excluded | None, frozenset[bytes]]:
        if not dn.rdns:
            return None, frozenset()
        is_under = self.base is None or dn.is_under(self.base)
        keys = dn.rdn_keys
        found = None if self.base is not None and is_under else self._top.get(keys[-1])
        if self.base is not None and is_under:
            keys = keys[: dn.depth - self.base.depth]  # who names a base within such a tree asks for it
        for key in keys:
            found = found or self._anywhere.get(key)
        if not is_under:
            return found[0] if found else self._outside, frozenset()
        return found or (None, frozenset())

    def _type(self, name: str) -> str:
        return self._renamed.get(name) or (name.replace("_", "-") if self._hyphens else name)

    def _retyped(self, written: bytes) -> bytes:
        """A name whose attribute types are those of the target."""
        if not self._renamed and not (self._hyphens and b"_" in written):
            return written
        try:
            dn = parse_dn(written)
        except DnError:
            return written
        rdns = tuple(tuple(Ava(self._type(ava.type), ava.value, ava.ber) for ava in rdn) for rdn in dn.rdns)
        return written if rdns == dn.rdns else bytes(Dn(rdns))


def _pairs(dn: Dn) -> tuple[tuple[bytes, bytes], ...]:
    """Attribute types and values of the first RDN."""
    return tuple((ava.type.encode(), ava.value) for ava in dn.rdns[0]) if dn.rdns else ()


def _named_dn(text: str, what: str) -> Dn:
    try:
        return parse_dn(text)
    except DnError as error:
        raise UsageError(f"{what} {error.reason}", error.instruction, error.details) from None
