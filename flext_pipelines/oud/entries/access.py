"""Access values, taken out of entries: they are converted as one policy, apart from the entries.

What belongs here: finding them. What does not: what they say (``flext_pipelines.oud.acl``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from flext_pipelines.oud.dn import as_text
from flext_pipelines.oud.entries.values import value_of

if TYPE_CHECKING:
    from flext_pipelines.oud.acl.oid_policy import AccessValue
    from flext_pipelines.oud.ldif.record import Record

Kind = Literal["orclaci", "orclentrylevelaci"]
ACCESS_KINDS: Mapping[str, Kind] = {"orclaci": "orclaci", "orclentrylevelaci": "orclentrylevelaci"}
_has_access = re.compile(rb"\n(?i:orclaci|orclentrylevelaci)[:;]").search


def access_values(
    lines: Sequence[bytes], places: Sequence[tuple[int, Kind]], written: bytes
) -> tuple[AccessValue, ...]:
    """The access values of an entry whose plan says where they stand."""
    found = [(kind, value_of(line)) for place, kind in places for line in lines[place].split(b"\n")]
    return _numbered(found, as_text(written))


def access_of(record: Record) -> tuple[AccessValue, ...]:
    """The access values of an entry for which no plan is made."""
    if _has_access(record.text) is None:
        return ()
    found = []
    for name, value in record.attributes():
        kind = ACCESS_KINDS.get(name.partition(b";")[0].lower().decode())
        if kind is not None:
            found.append((kind, value))
    return _numbered(found, as_text(record.dn))


def _numbered(found: Sequence[tuple[Kind, bytes]], dn: str) -> tuple[AccessValue, ...]:
    from flext_pipelines.oud.acl.oid_policy import AccessValue

    numbers: Counter[str] = Counter()
    made = []
    for kind, value in found:
        numbers[kind] += 1
        made.append(AccessValue(dn, kind, numbers[kind], as_text(value)))
    return tuple(made)
