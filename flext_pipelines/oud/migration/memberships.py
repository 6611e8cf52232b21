"""Whether groups that access control names have the members that they had.

Whoever is denied something as a member of a group is denied nothing when the group in between does not migrate, or
is none in OUD.

What belongs here: following groups through the export. What does not: what a group that lost members means for an
``aci`` (``flext_pipelines.oud.acl``), and lists of dangling references (``references``).
"""

from __future__ import annotations

from collections.abc import Callable

from flext_pipelines.oud.entries.outcome import Kept, Outcome, Rejected
from flext_pipelines.oud.entries.places import Named
from flext_pipelines.oud.ldif.record import Record
from flext_pipelines.oud.migration.lookup import Written
from flext_pipelines.oud.migration.origins import Origins
from flext_pipelines.oud.migration.plan import ENTRY_PHASES
from flext_pipelines.oud.migration.source import Source

_MEMBERS = {b"groupofuniquenames": b"uniquemember", b"groupofnames": b"member", b"groupofentries": b"member"}
_DYNAMIC = (b"memberurl", b"labeleduri", b"orclconnectbyattribute")
_GROUPS = ENTRY_PHASES.index("groups")


class Memberships:
    """The groups of an export and of its result.

    Args:
        written: The entries of the result.
        source: The export.
        origins: Where they stand in it.
        place: The new name of an entry; None for one that is not in the result.
        named: Why an entry is left out, by its name.
        transform: What becomes of an entry. The files of the result may not be written yet: values that are merged
            into containers ask for groups.
        some_rejected: Records were rejected; any of them may have been a group.
    """

    def __init__(
        self,
        written: Written,
        source: Source,
        origins: Origins,
        place: Callable[[str], str | None],
        named: Callable[[bytes], Named | Rejected],
        transform: Callable[[Record], Outcome],
        *,
        some_rejected: bool,
    ) -> None:
        self._written, self._source, self._origins = written, source, origins
        self._place, self._named, self._transform = place, named, transform
        self._some_rejected = some_rejected
        self._known: dict[str, bool] = {}

    def whole(self, group: str) -> bool:
        """Whether everybody who belonged to a group does so in OUD, through groups in it, too."""
        if group not in self._known:
            self._known[group] = self._follow(group)
        return self._known[group]

    def _follow(self, group: str) -> bool:
        """Go through a group and all groups in it, each once."""
        seen: set[int] = set()
        waiting = [group]
        while waiting:
            place = self._place(waiting.pop())
            entry = self._written.find(place) if place is not None else None
            if entry is None:
                return False
            if entry in seen:
                continue
            seen.add(entry)
            members = self._members(entry)
            if members is None:
                return False
            for member in members:
                text = member.partition(b"#")[0].decode("utf-8", "surrogateescape")
                new = self._place(text)
                found = self._written.find(new) if new is not None else None
                if found is None and self._may_be_a_group(member):
                    return False
                if found is not None and int(self._written.tree.phase[found]) == _GROUPS:
                    waiting.append(text)
        return True

    def _members(self, entry: int) -> list[bytes] | None:
        """The members of a group as OID has them; None when OUD does not take all of them for members."""
        old = self._source.record(self._origins[entry])
        new = self._transform(old)
        counted = {_MEMBERS[name] for name in _classes(new.record) if name in _MEMBERS} if isinstance(new, Kept) else ()
        if any(old.values(name) for name in _DYNAMIC) or b"orcldynamicgroup" in _classes(old):
            return None
        held = {name: old.values(name) for name in set(_MEMBERS.values())}
        if not counted or any(values and name not in counted for name, values in held.items()):
            return None
        return [value for values in held.values() for value in values]

    def _may_be_a_group(self, member: bytes) -> bool:
        """True for a name that is not in the result although an entry has it: left out, rejected, or elsewhere."""
        named = self._named(member.partition(b"#")[0])
        return self._some_rejected or (isinstance(named, Named) and named.excluded is not None)


def _classes(record: Record) -> set[bytes]:
    return {value.lower() for value in record.values(b"objectclass")}
