"""Names of the source as the result has them, for access control.

What belongs here: which name an entry that access values speak of has in the result, if it is there.
What does not: names of the entries themselves (``flext_pipelines.oud.entries``).
"""

from __future__ import annotations

from collections.abc import Callable

from flext_pipelines.errors import DnError
from flext_pipelines.oud.dn import as_text, normal_key, parse_dn
from flext_pipelines.oud.migration.lookup import Written

_MOST_REMEMBERED = 100_000


class NewNames:
    """Where the names of access values go.

    What an entry above the base says of all below it holds for the whole result, so that it is said on the base.

    Args:
        moved: A name in the result's form, whether or not it is there.
        written: The entries of the result.
        base: The result's base.
        source_base: The same in the source. A name that is not under it is none of the result's entries, even where
            a base that moves takes the place of another tree.
        above: Keys of entries above the base that hold subtree directives.

    Attributes:
        base: The same.
    """

    def __init__(
        self,
        moved: Callable[[bytes], bytes],
        written: Written,
        base: str,
        source_base: str,
        above: frozenset[bytes] = frozenset(),
    ) -> None:
        self._above = above
        self.base = base
        self._moved, self._written = moved, written
        self._base, self._source_base = parse_dn(base), parse_dn(source_base)
        self._known: dict[str, str | None] = {}
        self._supposed: dict[str, str | None] = {}

    def place(self, dn: str) -> str | None:
        """The new name of an entry; None for one that is not in the result."""
        if dn not in self._known:
            self._forget()
            self._known[dn] = self._found(dn.encode("utf-8", "surrogateescape"))
        return self._known[dn]

    def holder(self, dn: str) -> str | None:
        """The entry that gets the access values of another: itself, or the base for what stands above it."""
        if self._above and _key(dn.encode("utf-8", "surrogateescape")) in self._above:
            return self.base
        return self.place(dn)

    def _found(self, dn: bytes) -> str | None:
        try:
            if not parse_dn(dn).is_under(self._source_base):
                return None
        except DnError:
            return None
        new = self._moved(dn)
        return as_text(new) if self._is_there(new) else None

    def suppose(self, dn: str) -> str | None:
        """The same, and also a name for somebody who is made up: a stranger, or a new entry below one that is there."""
        if dn not in self._supposed:
            self._supposed[dn] = self.place(dn) or self._made_up(dn)
        return self._supposed[dn]

    def _made_up(self, dn: str) -> str | None:
        new = self._moved(dn.encode("utf-8", "surrogateescape"))
        try:
            name = parse_dn(new)
        except DnError:
            return None
        above = name.parent()
        if not name.is_under(self._base) or (above is not None and self._is_there(bytes(above))):
            return as_text(new)
        return None

    def _is_there(self, new: bytes) -> bool:
        try:
            return normal_key(new) == self._base.key or self._written.find(new) is not None
        except DnError:
            return False

    def _forget(self) -> None:
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
            self._supposed.clear()


def _key(name: bytes) -> bytes | None:
    try:
        return normal_key(name)
    except DnError:
        return None
