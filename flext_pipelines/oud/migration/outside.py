"""Groups of the export that are not in the result, with a few members of each: a proof asks for those, too.

Who belonged to such a group had what OID granted or denied to it, and is nobody special in OUD.

What belongs here: writing these down while the export is read, and finding them again. What does not: whether a group
in the result has all its members (``memberships``).
"""

from __future__ import annotations

import marshal
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.names import Name, parse_name
from flext_pipelines.oud.ldif.record import Record

OUTSIDE = "outside-groups.marshal"
MOST_MEMBERS = 3
"""Of each group."""
_MOST_GROUPS = 50_000
_MOST_BYTES = 1 << 20
"""A larger group is not read for this."""


def keep_group(record: Record, file: BinaryIO) -> None:
    """Write a group down that is left out or rejected; any other record is none."""
    if len(record.raw) > _MOST_BYTES or b"member" not in record.raw.lower():
        return
    members = [*record.values(b"uniquemember"), *record.values(b"member")][:MOST_MEMBERS]
    if members:
        marshal.dump((record.dn, members), file)


def outside_groups(parts: Sequence[Path]) -> dict[Name, list[bytes]]:
    """The first of these groups, by name; empty for a reading that wrote none down."""
    found: dict[Name, list[bytes]] = {}
    for part in parts:
        if not (part / OUTSIDE).exists():
            continue
        with (part / OUTSIDE).open("rb") as file:
            while len(found) < _MOST_GROUPS:
                try:
                    dn, members = marshal.load(file)  # noqa: S302  our own file, in a folder of our own
                except EOFError:
                    break
                try:
                    found.setdefault(parse_name(dn.decode("utf-8", "surrogateescape")), members)
                except AciSyntaxError:
                    continue
    return found
