"""What a migration is asked: inputs, options, and the names of its phases.

What belongs here: these values. What does not: any work on them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from pydantic import Field

from flext_pipelines.oud.acl.aci import Flavour
from flext_pipelines.values import Value

Phase = Literal["schema", "read", "hierarchy", "users", "groups", "acls", "rejected", "report"]
PHASES: tuple[Phase, ...] = get_args(Phase)
"""In the order in which they are performed; each needs what those before it left."""

EntryPhase = Literal["hierarchy", "users", "groups"]
ENTRY_PHASES: tuple[EntryPhase, ...] = get_args(EntryPhase)
"""The phases that write entries, in the order in which a server takes them."""

PREFIXES: dict[str, str] = {
    "schema": "00-schema", "hierarchy": "01-hierarchy", "users": "02-users", "groups": "03-groups", "acls": "04-acls",
    "rejected": "05-rejected",
}  # fmt: skip
"""How the files of a phase begin, so that the order of names is the order of loading."""

FILE_BYTES = 256 << 20
"""Bytes of one numbered file, unless a single record has more."""

PROBES = 20_000
"""Questions asked of both access models, before no further policy point is begun: about half a second."""

ACCESS_FILE = "access.jsonl"
"""The list of every access value and what became of it, below the folder of a result."""


GUIDS = "orclguid"
RESETS = "password-resets"
"""Side files, without their ending."""


class MigrationPlan(Value):
    """What a migration is asked.

    Attributes:
        export: Data LDIF of Oracle Internet Directory.
        base_dn: The subtree that migrates.
        out: Folder of the result. It is there when the result is whole, and not before.
        schema_file: Schema LDIF; None migrates no schema of its own.
        owned_schema: The target's own schema, an export of cn=schema; None is what every OUD has.
        target_base: What the base is called in the new directory; None keeps its name.
        root_policy: LDIF with the root DSE's access values, which no subtree export holds.
        rules: YAML file of rules beside the built-in ones.
        flavour: Dialect of the aci values.
        ssf: Security strength that stands for OID's SSL bind modes.
        workers: Processes that read and transform.
        file_bytes: Size at which the next numbered file begins.
        merge_aci: Write aci values into their entries instead of modify records of a phase of their own.
        drop_dangling: Drop values that name entries which are not in the result.
        strict: The first record that is no LDIF ends the migration, instead of going to the rejected.
        version_line: Begin each file with ``version: 1``; slapadd refuses that.
        probes: Most questions of the proof.
    """

    export: Path
    base_dn: str
    out: Path
    schema_file: Path | None = None
    owned_schema: Path | None = None
    target_base: str | None = None
    root_policy: Path | None = None
    rules: Path | None = None
    flavour: Flavour = "oud"
    ssf: int = Field(default=1, ge=1, le=1024)
    workers: int = Field(default=1, ge=1, le=64)
    file_bytes: int = Field(default=FILE_BYTES, ge=1 << 10)
    merge_aci: bool = False
    drop_dangling: bool = False
    strict: bool = False
    version_line: bool = False
    probes: int = Field(default=PROBES, ge=0)

    @property
    def new_base(self) -> str:
        """The base in the new directory."""
        return self.target_base or self.base_dn

    def inputs(self) -> dict[str, Path]:
        """The files that are read, by what they are."""
        named = {
            "export": self.export, "schema": self.schema_file, "owned schema": self.owned_schema,
            "root policy": self.root_policy, "rules": self.rules,
        }  # fmt: skip
        return {name: path for name, path in named.items() if path is not None}

    def shapes_result(self) -> dict[str, object]:
        """The options that the result depends on; how many workers made it, and where, are not among them."""
        return self.model_dump(
            mode="json", exclude={"export", "out", "schema_file", "owned_schema", "root_policy", "rules", "workers"}
        )


def begins_before(phase: Phase, other: Phase) -> bool:
    """Whether a phase is performed before another."""
    return PHASES.index(phase) < PHASES.index(other)
