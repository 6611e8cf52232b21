"""Access control of a result: the export's policy converted, judged, and written as modify records.

What belongs here: from values to files, and what a person must look at. What does not: the conversion itself
(``flext_pipelines.oud.acl``), its proof (``probing``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.aci import Flavour
from flext_pipelines.oud.acl.aci_parser import parse_aci
from flext_pipelines.oud.acl.convert import convert_policy
from flext_pipelines.oud.acl.oid_policy import AccessValue, OidPolicy
from flext_pipelines.oud.acl.options import Conversion, ConversionOptions, LeftOut
from flext_pipelines.oud.dn import is_dn
from flext_pipelines.oud.ldif.lines import line_of
from flext_pipelines.oud.migration.figures import AccessFigures, ReviewedValue
from flext_pipelines.oud.migration.files import NumberedFiles
from flext_pipelines.oud.migration.lookup import Written
from flext_pipelines.oud.migration.policy import FoundValue

_TARGET = re.compile(r"\(\s*target\s*!?=", re.IGNORECASE)


@dataclass(frozen=True)
class Access:
    """The converted policy.

    Attributes:
        reviewed: Every value, those of the root first, then in the order of the export.
        values: The values that were converted.
        policy: The policy that they are.
        acis: The values of each entry, by its new name as the result writes it, in the order of the tree.
        figures: The same in figures.
    """

    reviewed: tuple[ReviewedValue, ...]
    values: tuple[AccessValue, ...]
    policy: OidPolicy
    acis: dict[str, tuple[str, ...]]
    figures: AccessFigures


def convert_access(
    values: Sequence[FoundValue],
    options: ConversionOptions,
    written: Written,
    *,
    complete: bool,
    aside: Mapping[FoundValue, str] | None = None,
    name_of: Callable[[str], str] = str,
) -> Access:
    """Convert the policy, and judge every value that comes out.

    Args:
        values: The policy.
        options: The dialect, and where names go.
        written: The entries of the result.
        complete: The root DSE's policy is among the values.
        aside: Values that concern nothing in the result, with the reason; they are only listed.
        name_of: The name of an attribute that has several.
    """
    policy = OidPolicy([found.value for found in values], complete=complete, name_of=name_of)
    converted = {_key(one): one for one in convert_policy(policy, options)}
    reviewed, held, refused = [], dict[str, list[str]](), 0
    for found in values:
        one = converted[found.value._replace(displaced=False)]
        judged = _judged(one, options.flavour)
        refused += len(one.acis) - len(judged.acis)
        migrates = found.value.kind == "orclaci" and bool(options.suffixes)
        if found.value.dn.strip():
            migrates = options.holder(found.value.dn) is not None or not is_dn(found.value.dn.encode())
        reviewed.append(ReviewedValue(line=found.line, conversion=judged, migrates=migrates))
        for holder in judged.holders:
            held.setdefault(holder, []).extend(judged.acis)
    reviewed += [_set_aside(found, why) for found, why in (aside or {}).items()]
    acis = {
        dn: tuple(dict.fromkeys(texts)) for dn, texts in sorted(held.items(), key=lambda one: _order(one[0], written))
    }
    return Access(
        tuple(reviewed),
        tuple(found.value for found in values),
        policy,
        acis,
        _figures(reviewed, acis, refused, complete=complete),
    )


def _key(found: Conversion) -> AccessValue:
    return AccessValue(found.dn, found.kind, found.number, found.original)


def _set_aside(found: FoundValue, why: str) -> ReviewedValue:
    value = found.value
    conversion = Conversion(dn=value.dn, kind=value.kind, number=value.number, original=value.text, notes=(why,))
    return ReviewedValue(line=found.line, conversion=conversion, migrates=False)


def _judged(found: Conversion, flavour: Flavour) -> Conversion:
    """A conversion without the values that a server would not take on their entry; none is expected.

    The conversion has read each of them as the server does. What depends on the entry is a target.
    """
    if not any(_TARGET.search(text) for text in found.acis):
        return found
    kept, lost = [], []
    for text in found.acis:
        try:
            for holder in found.holders:
                parse_aci(text, flavour=flavour, holder=holder)
            kept.append(text)
        except AciSyntaxError as error:
            lost.append(LeftOut(original=found.original, part=text, reason=error.reason, severity="error"))
    if not lost:
        return found
    return found.model_copy(update={"acis": tuple(kept), "left_out": (*found.left_out, *lost)})


def _order(dn: str, written: Written) -> tuple[int, int, str]:
    """The place of an entry in the result; a base that is not in it stands first."""
    entry = written.find(dn)
    return (-1, 0, dn) if entry is None else (int(written.tree.phase[entry]), int(written.tree.places[entry]), dn)


def _figures(
    reviewed: Sequence[ReviewedValue], acis: dict[str, tuple[str, ...]], refused: int, *, complete: bool
) -> AccessFigures:
    here = [one for one in reviewed if one.migrates]
    unreadable = sum(any(part.severity == "error" for part in one.conversion.left_out) for one in here)
    partly = sum(bool(one.conversion.left_out) for one in here) - unreadable
    return AccessFigures(
        values=len(reviewed),
        converted=len(here) - partly - unreadable,
        partly=partly,
        unreadable=unreadable,
        gone=len(reviewed) - len(here),
        acis=sum(len(texts) for texts in acis.values()),
        holders=len(acis),
        refused=refused,
        root_policy=complete,
    )


def write_access(acis: dict[str, tuple[str, ...]], files: NumberedFiles) -> None:
    """Write the values as modify records, one for each entry."""
    for dn, texts in acis.items():
        lines = [line_of(b"dn", _raw(dn)), b"changetype: modify", b"add: aci"]
        lines += [line_of(b"aci", _raw(text)) for text in texts]
        files.write(b"\n".join([*lines, b"-"]) + b"\n\n", 1)


def merged(acis: dict[str, tuple[str, ...]], written: Written) -> dict[int, Callable[[bytes], bytes]]:
    """The same as changes of the entries themselves, by id."""
    changes: dict[int, Callable[[bytes], bytes]] = {}
    for dn, texts in acis.items():
        entry = written.find(dn)
        if entry is not None:
            changes[entry] = _adding(b"".join(b"\n" + line_of(b"aci", _raw(text)) for text in texts))
    return changes


def not_merged(acis: dict[str, tuple[str, ...]], written: Written) -> dict[str, tuple[str, ...]]:
    """Those of entries that are not in the result: of a base that the target must have already."""
    return {dn: texts for dn, texts in acis.items() if written.find(dn) is None}


def _adding(lines: bytes) -> Callable[[bytes], bytes]:
    return lambda record: record + lines


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def review_lines(reviewed: Sequence[ReviewedValue]) -> Iterator[bytes]:
    """The list of all values as JSON, one a line."""
    for one in reviewed:
        yield one.model_dump_json().encode("utf-8", "surrogateescape") + b"\n"
