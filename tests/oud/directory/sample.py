"""What a migration of the sample export leaves for a directory: entries that slapd and 389 take, as numbered files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flext_pipelines.oud.ldif.writer import new_ldif_file
from tests.oud import oid_sample

PHASES = ("hierarchy", "user", "group")
_CLASSES = {"orclcontainer": "organizationalRole"}
_UNKNOWN_HERE = {"usercertificate;binary", "authpassword;oid", "authpassword;orclcommonpwd"}
_OPERATIONAL = {"creatorsname", "createtimestamp", "modifiersname", "modifytimestamp", "pwdchangedtime"}

Pair = tuple[str, bytes]


def migrated(count: int) -> Iterator[tuple[str, str, list[Pair]]]:
    """Kind, DN and attributes of the entries that a migration of so many writes."""
    for entry in oid_sample.entries(count, latin_1=False):
        if entry.kind != "context":
            yield entry.kind, entry.dn, list(_kept(entry))


def _kept(entry: oid_sample.Entry) -> Iterator[Pair]:
    for name, value in entry.pairs:
        raw = value if isinstance(value, bytes) else value.encode()
        lower = name.lower()
        if lower == "objectclass":
            known = _CLASSES.get(raw.decode().lower(), raw.decode())
            if known.lower().startswith("orcl") or known.lower() == "device":
                continue
            raw = known.encode()
        if not _is_left_out(lower, raw, entry.kind):
            yield name, raw


def _is_left_out(name: str, raw: bytes, kind: str) -> bool:
    return (
        name.startswith("orcl")
        or name in _UNKNOWN_HERE | _OPERATIONAL
        or not raw
        or (name == "userpassword" and raw.startswith(b"{MD4}"))
        or (name == "displayname" and kind == "group")
    )


def write_files(folder: Path, count: int) -> list[Path]:
    """Write the entries as one file a phase, parents before children."""
    found = list(migrated(count))
    files = []
    for number, phase in enumerate(PHASES):
        path = folder / f"{number:02d}-{phase}.ldif"
        with new_ldif_file(path) as writer:
            for kind, dn, pairs in found:
                if kind == phase:
                    writer.write_entry(dn.encode(), [(name.encode(), value) for name, value in pairs])
        files.append(path)
    return files
