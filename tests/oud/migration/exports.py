"""Small exports for the tests of this room, and looking at what came out.

What belongs here: writing and reading. What does not: any expectation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from flext_pipelines.oud.ldif import Record, read_ldif
from flext_pipelines.oud.migration.migrate import migrate
from flext_pipelines.oud.migration.outcome import Migration
from flext_pipelines.oud.migration.plan import MigrationPlan

BASE = "dc=example,dc=com"


def domain(*lines: str) -> str:
    """The base entry."""
    return "\n".join([f"dn: {BASE}", "objectclass: top", "objectclass: domain", "dc: example", *lines])


def unit(rdn: str, above: str = BASE, *lines: str) -> str:
    """An organizational unit."""
    name = rdn.partition("=")[2]
    return "\n".join(
        [f"dn: {rdn},{above}", "objectclass: top", "objectclass: organizationalUnit", f"ou: {name}", *lines]
    )


def person(name: str, above: str = BASE, *lines: str) -> str:
    """A person."""
    return "\n".join(
        [f"dn: cn={name},{above}", "objectclass: top", "objectclass: person", "objectclass: inetOrgPerson",
         f"cn: {name}", f"sn: {name}", *lines]
    )  # fmt: skip


def group(name: str, members: Iterable[str], above: str = BASE) -> str:
    """A group."""
    return "\n".join(
        [f"dn: cn={name},{above}", "objectclass: top", "objectclass: groupOfUniqueNames", f"cn: {name}",
         *(f"uniquemember: {member}" for member in members)]
    )  # fmt: skip


def write(path: Path, records: Iterable[str]) -> Path:
    """An export of some records."""
    path.write_bytes("".join(f"{record}\n\n" for record in records).encode("utf-8", "surrogateescape"))
    return path


def plan_of(folder: Path, records: Sequence[str], **options: object) -> MigrationPlan:
    """The plan of a migration of some records to ``folder/out``."""
    export = write(folder / "export.ldif", records)
    fields = {"export": export, "base_dn": BASE, "out": folder / "out", "probes": 2_000, **options}
    return MigrationPlan.model_validate(fields)


def migrated(folder: Path, records: Sequence[str], **options: object) -> Migration:
    """What a migration of some records to ``folder/out`` comes to."""
    return migrate(plan_of(folder, records, **options))


def records_of(folder: Path, prefix: str) -> list[Record]:
    """The records of the numbered files of a phase, in order."""
    return [record for path in sorted(folder.glob(f"{prefix}-*.ldif")) for record in read_ldif(path)]


def names_of(folder: Path, prefix: str) -> list[str]:
    """Their names."""
    return [record.dn_text for record in records_of(folder, prefix)]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a result by its name, without what only the making needs."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".migration" not in path.parts
    }
