"""Schemas and elements made for tests.

What belongs here: a migration of a few definitions, and strategies for every element that RFC 4512 can say. What does
not: expectations.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from hypothesis import strategies as st

from flext_pipelines.oud.schema.elements import (
    CLASS_KINDS,
    USAGES,
    AttributeType,
    Element,
    LdapSyntax,
    MatchingRule,
    MatchingRuleUse,
    ObjectClass,
)
from flext_pipelines.oud.schema.findings import Finding
from flext_pipelines.oud.schema.migrate import SchemaMigration, migrate_schema
from flext_pipelines.oud.schema.reading import OidSchema, read_all
from tests.oud.oid_schema import subentry

ARC = "1.3.6.1.4.1.32473"
SYNTAX = "1.3.6.1.4.1.1466.115.121.1."
TEXT = f"SYNTAX {SYNTAX}15"


def schema_of(attributes: Sequence[str] = (), classes: Sequence[str] = ()) -> OidSchema:
    """A schema file that was read."""
    return read_all(io.BytesIO(subentry("cn=subschemasubentry", list(attributes), list(classes))))


def migrated(attributes: Sequence[str] = (), classes: Sequence[str] = (), **options: object) -> SchemaMigration:
    """What becomes of these definitions."""
    return migrate_schema(schema_of(attributes, classes), **options)  # type: ignore[arg-type]  # as the caller gives


def attribute(number: int, name: str, clauses: str = TEXT) -> str:
    """An attribute type of the arc for documents."""
    return f"( {ARC}.1.{number} NAME '{name}' {clauses} )"


def object_class(number: int, name: str, clauses: str = "SUP top AUXILIARY") -> str:
    """An object class of the same."""
    return f"( {ARC}.2.{number} NAME '{name}' {clauses} )"


def told(migration: SchemaMigration, code: str) -> list[Finding]:
    """The findings of one kind."""
    return [finding for finding in migration.findings if finding.code == code]


def serious(migration: SchemaMigration) -> list[tuple[str, str, str]]:
    """What is no remark on spelling: severity, code, name."""
    return [(one.severity, one.code, one.name) for one in migration.findings if one.severity != "info"]


NAMES = st.from_regex(r"\A[A-Za-z][A-Za-z0-9-]{0,8}\Z")
OIDS = st.from_regex(r"\A(0|[1-9][0-9]{0,3})(\.(0|[1-9][0-9]{0,6})){1,5}\Z")
REFERENCES = st.one_of(NAMES, OIDS)
TEXTS = st.text(min_size=1, max_size=12)

_SHARED = {
    "oid": OIDS,
    "names": st.lists(NAMES, max_size=3).map(tuple),
    "description": st.none() | TEXTS,
    "obsolete": st.booleans(),
    "extensions": st.lists(
        st.tuples(st.from_regex(r"\AX-[A-Z_-]{1,6}\Z"), st.lists(TEXTS, max_size=2).map(tuple)),
        max_size=2,
        unique_by=lambda pair: pair[0],
    ).map(tuple),
}


def _consistent(element: AttributeType) -> bool:
    """What RFC 4512 asks beyond the grammar."""
    return (
        (element.superior is not None or element.syntax is not None)
        and (element.syntax is not None or element.length is None)
        and not (element.collective and element.usage != "userApplications")
        and not (element.no_user_modification and element.usage == "userApplications")
    )


ATTRIBUTE_TYPES = st.builds(
    AttributeType,
    **_SHARED,
    superior=st.none() | REFERENCES,
    equality=st.none() | REFERENCES,
    ordering=st.none() | REFERENCES,
    substring=st.none() | REFERENCES,
    syntax=st.none() | OIDS,
    length=st.none() | st.integers(0, 10**9),
    single_valued=st.booleans(),
    collective=st.booleans(),
    no_user_modification=st.booleans(),
    usage=st.sampled_from(USAGES),
).filter(_consistent)
_LISTS = st.lists(REFERENCES, max_size=3).map(tuple)
OBJECT_CLASSES = st.builds(
    ObjectClass, **_SHARED, superiors=_LISTS, kind=st.sampled_from(CLASS_KINDS), must=_LISTS, may=_LISTS
)
RULES = st.builds(MatchingRule, **_SHARED, syntax=OIDS)
RULE_USES = st.builds(MatchingRuleUse, **_SHARED, applies=st.lists(REFERENCES, min_size=1, max_size=3).map(tuple))
SYNTAXES = st.builds(
    LdapSyntax, oid=_SHARED["oid"], description=_SHARED["description"], extensions=_SHARED["extensions"]
)
ELEMENTS: st.SearchStrategy[Element] = st.one_of(ATTRIBUTE_TYPES, OBJECT_CLASSES, RULES, RULE_USES, SYNTAXES)
