"""What two records of one entry differ in.

What belongs here: when names and values are the same, and the steps from one record to the other. What does not:
which records belong together (``index``, ``diff``).
"""

from __future__ import annotations

from collections.abc import Iterable

from flext_pipelines.errors import DnError
from flext_pipelines.oud.dn import normal_key
from flext_pipelines.oud.ldif.parse import Attribute, Modification
from flext_pipelines.oud.ldif.record import Record

_Values = dict[bytes, bytes]
"""Values as written, by what they are compared by."""


class Comparison:
    """How records are compared: names in any case, options in any order, values as sets.

    Values are the same when their bytes are; those of ``objectClass`` in any case, too.

    Args:
        ignore: Attributes that are left out, with every option.
        any_case: Attributes whose values are the same in any case.
        names: Attributes whose values are DNs, and the same when the DNs are.
    """

    def __init__(self, *, ignore: Iterable[str] = (), any_case: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        self._ignored = {name.lower().encode() for name in ignore}
        self._any_case = {name.lower().encode() for name in any_case} | {b"objectclass"}
        self._names = {name.lower().encode() for name in names}

    def kept(self, record: Record) -> list[Attribute]:
        """The attributes that are compared."""
        return [
            (name, value) for name, value in record.attributes()
            if name.lower() not in self._ignored and _attribute(name) not in self._ignored
        ]  # fmt: skip

    def steps(self, old: Record, new: Record) -> tuple[Modification, ...]:
        """What makes the old record the new one; none when they are the same."""
        before, after = self._by_name(old), self._by_name(new)
        found: list[Modification] = []
        for key, (name, values) in before.items():
            found += _steps(name, values, after[key][1] if key in after else {})
        for key, (name, values) in after.items():
            if key not in before:
                found += _steps(name, {}, values)
        return tuple(found)

    def _by_name(self, record: Record) -> dict[bytes, tuple[bytes, _Values]]:
        found: dict[bytes, tuple[bytes, _Values]] = {}
        for name, value in self.kept(record):
            key = _key_of(name)
            found.setdefault(key, (name, {}))[1].setdefault(self._compared(key.partition(b";")[0], value), value)
        return found

    def _compared(self, attribute: bytes, value: bytes) -> bytes:
        if attribute in self._any_case:
            return value.lower()
        if attribute in self._names:
            try:
                return normal_key(value)
            except DnError:
                return value
        return value


def _attribute(name: bytes) -> bytes:
    return name.partition(b";")[0].lower()


def _key_of(name: bytes) -> bytes:
    """A description in lower case with its options in order."""
    attribute, *options = name.lower().split(b";")
    return b";".join([attribute, *sorted(set(options))])


def _steps(name: bytes, before: _Values, after: _Values) -> list[Modification]:
    gone = tuple(value for key, value in before.items() if key not in after)
    come = tuple(value for key, value in after.items() if key not in before)
    if not gone and not come:
        return []
    if not before:
        return [Modification("add", name, come)]
    if not after:
        return [Modification("delete", name, ())]
    if gone and come and len(gone) == len(before):
        return [Modification("replace", name, come)]
    steps = [Modification("delete", name, gone)] if gone else []
    return [*steps, Modification("add", name, come)] if come else steps
