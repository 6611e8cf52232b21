"""The whole policy of an export: every access value with the entry that holds it, and the root DSE's own.

What belongs here: collecting values. What does not: converting them (``access``).
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flext_pipelines.errors import UsageError
from flext_pipelines.oud.acl.oid_policy import AccessValue
from flext_pipelines.oud.acl.orclaci import Kind
from flext_pipelines.oud.dn import as_text
from flext_pipelines.oud.ldif.reader import read_ldif
from flext_pipelines.oud.migration.spool import ACCESS

KINDS: tuple[Kind, ...] = ("orclaci", "orclentrylevelaci")


@dataclass(frozen=True)
class FoundValue:
    """An access value and where it was found.

    Attributes:
        value: The value.
        line: Of the record that holds it; 0 for the root policy's file.
    """

    value: AccessValue
    line: int


def export_values(parts: Sequence[Path]) -> Iterator[FoundValue]:
    """The access values of the export, in its order."""
    for part in parts:
        with (part / ACCESS).open("rb") as file:
            while True:
                try:
                    line, values = marshal.load(file)  # noqa: S302  our own file, in a folder of our own
                except EOFError:
                    break
                for value in values:
                    yield FoundValue(AccessValue(*value), line)


def root_values(path: Path) -> list[FoundValue]:
    """The access values of the root DSE, from an LDIF file.

    Raises:
        LdifError: It is no LDIF.
        UsageError: It holds none.
    """
    found = []
    with read_ldif(path) as records:
        for record in records:
            if record.dn.strip():
                continue
            for kind in KINDS:
                for number, value in enumerate(record.values(kind.encode()), 1):
                    text = as_text(value)
                    found.append(FoundValue(AccessValue("", kind, number, text), 0))
    if not found:
        raise UsageError(
            f"{path} holds no access value of the root DSE",
            "Export it with `ldapsearch -L -b '' -s base '(objectclass=*)' orclaci orclentrylevelaci`",
            {"file": str(path)},
        )
    return found
