"""What an entry on the server lacks, and has too much, beside the entry that it should be.

Values are compared as the server does, in any order. What the server adds by itself is no difference: operational
attributes, object classes above those that are given, the values of the RDN.

What belongs here: two versions of one entry. What does not: which entries belong together (``read_back``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from flext_pipelines.errors import DnError
from flext_pipelines.oud.directory.server_schema import ServerSchema
from flext_pipelines.oud.dn import parse_dn
from flext_pipelines.oud.ldif.parse import Modification

Pairs = Iterable[tuple[str, bytes]]

SERVERS_OWN = frozenset({
    "createtimestamp", "creatorsname", "modifiersname", "modifytimestamp", "entryuuid", "entrydn", "entryid",
    "nsuniqueid", "parentid", "subschemasubentry", "hassubordinates", "numsubordinates", "structuralobjectclass",
    "entrycsn", "contextcsn", "pwdchangedtime", "passwordexpirationtime", "dsentrydn",
    "tombstonenumsubordinates",
    "nsslapd-referral", "memberof", "ismemberof", "etag", "pwdpolicysubentry", "governingstructurerule",
})  # fmt: skip
"""Attributes that every server writes itself, whatever its schema says of them."""

_PASSWORDS = frozenset({"userpassword", "2.5.4.35", "authpassword"})
_SCHEME = re.compile(rb"\{[A-Za-z0-9./_ -]+\}")


class AttributeDifference(NamedTuple):
    """One attribute that is not what it should be.

    Attributes:
        name: As the expected entry writes it, or the server.
        missing: Values that are not there.
        extra: Values that should not be.
        replaced: Whether no value of it is left as it was.
    """

    name: str
    missing: tuple[bytes, ...]
    extra: tuple[bytes, ...]
    replaced: bool

    def steps(self) -> list[Modification]:
        """What makes it right."""
        name = self.name.encode()
        if self.replaced and self.missing:
            return [Modification("replace", name, self.missing)]
        steps = [Modification("delete", name, () if self.replaced else self.extra)] if self.extra else []
        return [*steps, Modification("add", name, self.missing)] if self.missing else steps


class EntryComparison:
    """Compares entries.

    Args:
        schema: Of the server.
        ignore: Attributes that are left out, by any name, with every option.
        passwords: Compare passwords; otherwise one that is there is right, whatever it is.
        extras: Count attributes that the expected entry does not name at all.
    """

    def __init__(
        self, schema: ServerSchema, *, ignore: Iterable[str] = (), passwords: bool = True, extras: bool = True
    ) -> None:
        self.schema = schema
        self._ignored = {schema.key_of(name) for name in ignore} | {schema.key_of(name) for name in SERVERS_OWN}
        self._keys: dict[str, str] = {}
        self._passwords = passwords
        self._extras = extras

    def differences(self, dn: str, expected: Pairs, actual: Mapping[str, Sequence[bytes]]) -> list[AttributeDifference]:
        """The attributes that differ; none when the entry is as it should be.

        Args:
            dn: Of the entry.
            expected: Attribute descriptions and values.
            actual: What the server shows, operational attributes only as far as the expected entry names them.
        """
        wanted = self._by_key(expected)
        there = self._by_key((name, value) for name, values in actual.items() for value in values)
        found: list[AttributeDifference] = []
        for key, (name, values) in wanted.items():
            held = there.get(key, (name, []))[1]
            if values != held and set(values) != set(held):  # most are the same byte for byte
                found += self._difference(dn, name, self._compared(name, values), self._compared(name, held))
        if self._extras:
            for key, (name, values) in there.items():
                if key not in wanted and not self._is_servers(name):
                    found += self._difference(dn, name, {}, self._compared(name, values))
        return found

    def _by_key(self, pairs: Pairs) -> dict[str, tuple[str, list[bytes]]]:
        """Values by the key of their attribute, without those that are left out."""
        found: dict[str, tuple[str, list[bytes]]] = {}
        for name, value in pairs:
            key = self._keys.get(name)
            if key is None:
                key = self._key_of(name)
            if not key:
                continue
            if key in found:
                found[key][1].append(value)
            else:
                found[key] = (name, [value])
        return found

    def _key_of(self, name: str) -> str:
        """The key of an attribute description; empty when it is left out."""
        key = self.schema.key_of(name)
        self._keys[name] = "" if key.partition(";")[0] in self._ignored else key
        return self._keys[name]

    def _compared(self, name: str, values: Iterable[bytes]) -> dict[bytes, bytes]:
        """Values by what they are compared by; the first of several spellings."""
        found: dict[bytes, bytes] = {}
        for value in values:
            found.setdefault(self.schema.value_key(name, value), value)
        return found

    def _is_servers(self, name: str) -> bool:
        kind = self.schema.type_of(name)
        return kind is not None and kind.operational

    def _difference(
        self, dn: str, name: str, wanted: Mapping[bytes, bytes], there: Mapping[bytes, bytes]
    ) -> list[AttributeDifference]:
        missing = [value for key, value in wanted.items() if key not in there]
        extra = {key: value for key, value in there.items() if key not in wanted}
        plain = name.partition(";")[0].lower()
        if plain in {"objectclass", "2.5.4.0"}:
            above = self.schema.superiors_of(wanted.values())
            extra = {key: value for key, value in extra.items() if key not in above}
        elif plain in _PASSWORDS and there and (missing or extra):
            # The server hashes what comes in clear, so that nothing can be said of it.
            clear = bool(wanted) and not any(_SCHEME.match(value) for value in wanted.values())
            if not self._passwords or clear:
                return []
        if extra:
            own = self._of_rdn(dn, self.schema.key_of(plain))
            extra = {key: value for key, value in extra.items() if key not in own}
        if not missing and not extra:
            return []
        return [AttributeDifference(name, tuple(missing), tuple(extra.values()), replaced=len(extra) == len(there))]

    def _of_rdn(self, dn: str, key: str) -> set[bytes]:
        """The values of an attribute that the RDN names, which every server adds."""
        try:
            rdns = parse_dn(dn).rdns[:1]
        except DnError:
            return set()
        return {
            self.schema.value_key(ava.type, ava.value) for rdn in rdns for ava in rdn
            if self.schema.key_of(ava.type) == key
        }  # fmt: skip


def is_clear(value: bytes) -> bool:
    """Whether a password is not hashed."""
    return _SCHEME.match(value) is None


def left_of(
    steps: Iterable[Modification], actual: Mapping[str, Sequence[bytes]], schema: ServerSchema
) -> list[Modification]:
    """The steps of a change that are not done yet, looking at the entry as it is now."""
    there: dict[str, set[bytes]] = {}
    for name, values in actual.items():
        there.setdefault(schema.key_of(name), set()).update(schema.value_key(name, value) for value in values)
    left: list[Modification] = []
    for step in steps:
        name = step.name.decode("utf-8", "replace")
        held = there.get(schema.key_of(name), set())
        keys = {schema.value_key(name, value): value for value in step.values}
        if step.operation == "add":
            values = tuple(value for key, value in keys.items() if key not in held)
            done = not values
        elif step.operation == "delete":
            values = tuple(value for key, value in keys.items() if key in held)
            done = not values if step.values else not held
        else:
            values, done = step.values, step.operation == "replace" and set(keys) == held
        if not done:
            left.append(step._replace(values=values))
    return left
