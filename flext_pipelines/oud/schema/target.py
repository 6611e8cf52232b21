"""What the target has already: the elements that OUD owns, or those of a schema that a site exported.

What belongs here: the built-in lists (``owned/*.ldif``, each with its source) and a site's file, as one structure that
also a live server's schema can fill. What does not: comparing them with a source (``closure``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from flext_pipelines.errors import UsageError
from flext_pipelines.oud.schema.elements import AttributeType, Element, LdapSyntax, MatchingRule, ObjectClass
from flext_pipelines.oud.schema.reading import Defined, Fault, read_all, read_schema

OWNED = Path(__file__).with_name("owned")
SERVER_ARCS = ("1.3.6.1.4.1.26027.",)
"""OIDs below these are the server's own: OpenDS's arc, from which ``ds-cfg-*`` and all of OUD's configuration come."""

_SOURCES_OF_389 = frozenset({
    "RFC 2079", "RFC 2256", "RFC 2713", "RFC 2739", "RFC 2798", "RFC 3045", "RFC 3296", "RFC 3712", "RFC 4512",
    "RFC 4519", "RFC 4523", "RFC 4524", "RFC 4530", "RFC 5020", "Sun Directory Server",
})  # fmt: skip
"""Documents of which 389 Directory Server has every attribute under every name; seen on 2.3.1."""


class TargetSchema:
    """The elements of a server by every name and OID in lower case, each with its source.

    Attributes:
        attributes: Attribute types.
        classes: Object classes.
        rules: Matching rules.
        syntaxes: Syntaxes.
        faults: What of the target's own file could not be read, so that it is not known.
    """

    def __init__(self) -> None:
        self.attributes: dict[str, AttributeType] = {}
        self.classes: dict[str, ObjectClass] = {}
        self.rules: dict[str, MatchingRule] = {}
        self.syntaxes: dict[str, LdapSyntax] = {}
        self.faults: tuple[Fault, ...] = ()
        self._sources: dict[Element, str] = {}

    def add(self, element: Element, source: str) -> None:
        """Take an element in; what has one of its names already stays."""
        self._sources.setdefault(element, source)
        for key in element.keys:
            if isinstance(element, AttributeType):
                self.attributes.setdefault(key, element)
            elif isinstance(element, ObjectClass):
                self.classes.setdefault(key, element)
            elif isinstance(element, MatchingRule):
                self.rules.setdefault(key, element)
            elif isinstance(element, LdapSyntax):
                self.syntaxes.setdefault(key, element)

    def source_of(self, element: Element) -> str:
        """Which document, product or file an element comes from."""
        return self._sources.get(element, "")

    def elements(self) -> Iterator[Element]:
        """Attribute types and object classes, each once."""
        seen: set[int] = set()
        for element in (*self.attributes.values(), *self.classes.values()):
            if id(element) not in seen:
                seen.add(id(element))
                yield element

    @classmethod
    def of(cls, definitions: Iterable[Defined], source: str = "") -> TargetSchema:
        """The schema that these definitions make; each has its entry's source where it has one."""
        made = cls()
        for defined in definitions:
            made.add(defined.element, source or defined.source)
        return made


@cache
def attributes_of_389() -> frozenset[str]:
    """Attributes that every 389 Directory Server has, by every name in lower case; it has more."""
    target = standard_target()
    known = {key for key, one in target.attributes.items() if target.source_of(one) in _SOURCES_OF_389}
    return frozenset(known | {"aci"})


@cache
def attributes_of_documents() -> frozenset[str]:
    """Attributes that any directory may have, by every name in lower case: those of RFCs, drafts and X.501."""
    target = standard_target()
    documents = ("RFC ", "draft-", "X.5")
    return frozenset(key for key, one in target.attributes.items() if target.source_of(one).startswith(documents))


@cache
def standard_target() -> TargetSchema:
    """What every OUD has."""
    return TargetSchema.of(_standard_definitions())


def _standard_definitions() -> Iterator[Defined]:
    for name in ("rules", "ietf", "opends", "oud"):
        yield from read_schema(OWNED / f"{name}.ldif").definitions


def target_schema(owned: Path | None) -> TargetSchema:
    """What the target has.

    Args:
        owned: A schema that was exported from the target. One that defines ``top`` is the whole schema and stands for
            the built-in list; any other is added to it. Matching rules and syntaxes are built in where it has none.
            What in it cannot be read is among its faults.

    Raises:
        UsageError: It has no definitions at all.
        FlextError: It cannot be read.
    """
    if owned is None:
        return standard_target()
    schema = read_all(owned, lenient=True)
    found = schema.definitions
    if not found:
        raise UsageError(
            f"{owned} has no schema definitions", "Name an export of cn=schema with attributeTypes and objectClasses"
        )
    made = TargetSchema.of(found, owned.name)
    made.faults = schema.faults
    whole = "top" in made.classes
    for defined in _standard_definitions():
        built_in_only = isinstance(defined.element, (MatchingRule, LdapSyntax))
        kept = made.rules if isinstance(defined.element, MatchingRule) else made.syntaxes
        if not whole or (built_in_only and not any(made.source_of(one) == owned.name for one in kept.values())):
            made.add(defined.element, defined.source)
    return made
