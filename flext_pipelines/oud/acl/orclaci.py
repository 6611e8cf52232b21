"""OID's access directives as values, and as text.

What belongs here: the shape of an ``orclaci`` or ``orclentrylevelaci`` value (both have one grammar) and its
canonical text. What does not: reading (``orclaci_parser``) and what a directive means (``oid_model``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from flext_pipelines.oud.acl.filters import Filter, write_filter

Kind: TypeAlias = Literal["orclaci", "orclentrylevelaci"]
"""Which attribute holds a directive: the one for a subtree, or the one for its entry only."""

Permission: TypeAlias = Literal[
    "browse", "add", "delete", "proxy", "read", "search", "write", "selfwrite", "compare"
]  # fmt: skip

ENTRY_PERMISSIONS: frozenset[Permission] = frozenset({"browse", "add", "delete", "proxy"})
ATTRIBUTE_PERMISSIONS: frozenset[Permission] = frozenset({"read", "search", "write", "selfwrite", "compare"})
PERMISSIONS: tuple[Permission, ...] = (
    "browse", "add", "delete", "proxy", "read", "search", "compare", "write", "selfwrite",
)  # fmt: skip

EntityKind: TypeAlias = Literal["*", "self", "dn", "dnattr", "group", "guidattr", "groupattr", "superuser"]

BIND_MODES = {
    "proxy": "proxy",
    "simple": "simple",
    "md5digest": "MD5Digest",
    "pkcs12": "PKCS12",
    "sslnoauth": "SSLNoAuth",
    "ssloneway": "SSLOneWay",
    "ssltwoway": "SSLTwoWay",
    "sasl": "SASL",
}
"""Every bind mode of every release, by its name in lower case."""

_ENTITY_NAMES = {"dnattr": "dnAttr", "guidattr": "guidattr", "groupattr": "groupattr"}


@dataclass(frozen=True, slots=True)
class AttributeList:
    """The attributes that a directive is about.

    Attributes:
        mode: ``all`` is ``attr=(*)``, ``only`` is ``attr=(a,b)``, ``except`` is ``attr!=(a,b)``.
        names: As written; empty with ``all``.
    """

    mode: Literal["all", "only", "except"]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """Who: an entity kind and its DN or attribute name, where it has one."""

    kind: EntityKind
    value: str = ""


@dataclass(frozen=True, slots=True)
class Clause:
    """``by <subject> (<permissions>)``.

    Attributes:
        entity: Who.
        bind_modes: How the connection must be authenticated or secured, in OID's spelling.
        ip_filter: A filter over ``orclipaddress``.
        constraint: What an entry that is added must match.
        permissions: As written, in lower case: names, ``no`` forms, ``none``.
    """

    entity: Entity
    permissions: tuple[str, ...]
    bind_modes: tuple[str, ...] = ()
    ip_filter: Filter | None = None
    constraint: Filter | None = None

    def granted(self, kinds: frozenset[Permission]) -> frozenset[Permission]:
        """The permissions of a kind that are given; what is denied as well is not."""
        return frozenset(right for right in kinds if right in self.permissions) - self.denied(kinds)

    def denied(self, kinds: frozenset[Permission]) -> frozenset[Permission]:
        """The permissions of a kind that are taken: all by ``none``, one by each ``no`` form."""
        if "none" in self.permissions:
            return kinds
        return frozenset(right for right in kinds if f"no{right}" in self.permissions)


@dataclass(frozen=True, slots=True)
class OrclAci:
    """``access to <object> by <subject> (<permissions>) ...``.

    Attributes:
        attributes: The attributes it is about; None for ``entry``.
        clauses: In the order in which OID asks them.
        filter: Which entries it is about.
        deny_group_override: ``DenyGroupOverride`` was given.
        append_to_all: ``AppendToAll`` was given.
    """

    attributes: AttributeList | None
    clauses: tuple[Clause, ...]
    filter: Filter | None = None
    deny_group_override: bool = False
    append_to_all: bool = False

    @property
    def permissions(self) -> frozenset[Permission]:
        """The permissions that have a meaning for its object."""
        return ENTRY_PERMISSIONS if self.attributes is None else ATTRIBUTE_PERMISSIONS


def write_clause(clause: Clause) -> str:
    """The text of one ``by`` clause."""
    entity = clause.entity
    if entity.kind in {"dn", "group"}:
        words = [f'by {entity.kind}="{entity.value}"']
    elif entity.kind in _ENTITY_NAMES:
        words = [f"by {_ENTITY_NAMES[entity.kind]}=({entity.value})"]
    else:
        words = [f"by {'SuperUser' if entity.kind == 'superuser' else entity.kind}"]
    if clause.bind_modes:
        words.append(f"BindMode=({'|'.join(clause.bind_modes)})")
    if clause.ip_filter is not None:
        words.append(f"BindIPFilter={write_filter(clause.ip_filter)}")
    if clause.constraint is not None:
        words.append(f"Added_object_constraint={write_filter(clause.constraint)}")
    words.append(f"({', '.join(clause.permissions)})")
    return " ".join(words)


def write_orclaci(aci: OrclAci) -> str:
    """The directive in one canonical form, which reads back to the same value."""
    if aci.attributes is None:
        words = ["access to entry"]
    elif aci.attributes.mode == "all":
        words = ["access to attr=(*)"]
    else:
        sign = "!=" if aci.attributes.mode == "except" else "="
        words = [f"access to attr{sign}({','.join(aci.attributes.names)})"]
    if aci.filter is not None:
        words.append(f"filter={write_filter(aci.filter)}")
    if aci.deny_group_override:
        words.append("DenyGroupOverride")
    if aci.append_to_all:
        words.append("AppendToAll")
    words.extend(write_clause(clause) for clause in aci.clauses)
    return " ".join(words)
