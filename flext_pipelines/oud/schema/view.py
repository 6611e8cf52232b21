"""What the target knows, as entries ask it: attributes, their names and kinds, and what classes demand and allow.

What belongs here: questions about single names, answered from tables made once; it can be sent to another process.
What does not: how the schema came to be (``migrate``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias, TypeVar

from flext_pipelines.oud.schema.elements import AttributeType, Element, ObjectClass

E = TypeVar("E", bound=Element)
Kind: TypeAlias = Literal["structural", "auxiliary", "abstract"]

NAME_SYNTAXES = frozenset({"1.3.6.1.4.1.1466.115.121.1.12", "1.3.6.1.4.1.1466.115.121.1.34"})
"""Distinguished Name, and Name and Optional UID (RFC 4517): values of these are or begin with a DN."""


@dataclass(frozen=True, slots=True)
class AttributeFacts:
    """One attribute.

    Attributes:
        names: Every name in lower case, the first one first.
        syntax: OID of its syntax, its own or inherited; empty when nobody says.
        single_valued: It has one value at most.
        operational: It is no user attribute.
        dn_valued: Its values are DNs.
        no_user_modification: The server alone writes it.
        superior: The attribute that it is a subtype of.
        equality: The rule that compares its values, its own or inherited, in lower case; empty when nobody says.
    """

    names: tuple[str, ...]
    syntax: str
    single_valued: bool
    operational: bool
    dn_valued: bool
    no_user_modification: bool
    superior: str | None
    equality: str = ""


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """One object class.

    Attributes:
        names: Every name in lower case, the first one first.
        kind: Of class.
        superiors: Every class above it, the nearest first.
        must: What its entries must have, inherited too; first names.
        may: What they may have besides.
    """

    names: tuple[str, ...]
    kind: Kind
    superiors: tuple[str, ...]
    must: frozenset[str]
    may: frozenset[str]


class SchemaView:
    """The schema of the target.

    Names may be given in any case, an attribute's with options, and also as OID. Answers are first names in lower
    case. A name that is unknown has no facts: questions about it are answered with no, nothing or itself.
    """

    __slots__ = ("_attributes", "_classes", "_user")

    def __init__(self, elements: Iterable[Element]) -> None:
        listed = list(elements)
        attributes = _by_key(element for element in listed if isinstance(element, AttributeType))
        classes = _by_key(element for element in listed if isinstance(element, ObjectClass))
        facts = {id(one): _attribute_facts(one, attributes) for one in attributes.values()}
        self._attributes = {key: facts[id(one)] for key, one in attributes.items()}
        class_facts = {id(one): self._class_facts(one, classes) for one in classes.values()}
        self._classes = {key: class_facts[id(one)] for key, one in classes.items()}
        self._user = frozenset(found.names[0] for found in self._attributes.values() if not found.operational)

    @classmethod
    def standard(cls) -> SchemaView:
        """What OUD owns, without any schema of a site."""
        return _standard()

    # Attributes.

    def attribute(self, name: str) -> AttributeFacts | None:
        """All that is known of an attribute."""
        found = self._attributes.get(name)
        if found is None:
            found = self._attributes.get(name.partition(";")[0].lower())
        return found

    def knows_attribute(self, name: str) -> bool:
        """Whether the target has it."""
        return self.attribute(name) is not None

    def canonical(self, name: str) -> str:
        """Its first name; what is unknown keeps its own, in lower case without options."""
        found = self.attribute(name)
        return found.names[0] if found else name.partition(";")[0].lower()

    def names(self, name: str) -> tuple[str, ...]:
        """Every name of it."""
        found = self.attribute(name)
        return found.names if found else ()

    def dn_valued(self, name: str) -> bool:
        """Whether its values are DNs, or begin with one as those of ``uniqueMember`` do."""
        found = self.attribute(name)
        return found is not None and found.dn_valued

    def single_valued(self, name: str) -> bool:
        """Whether it has one value at most."""
        found = self.attribute(name)
        return found is not None and found.single_valued

    def operational(self, name: str) -> bool:
        """Whether it is no user attribute."""
        found = self.attribute(name)
        return found is not None and found.operational

    def user_attributes(self) -> frozenset[str]:
        """The first names of all attributes that are not operational."""
        return self._user

    # Classes.

    def object_class(self, name: str) -> ClassFacts | None:
        """All that is known of a class."""
        return self._classes.get(name) or self._classes.get(name.lower())

    def knows_class(self, name: str) -> bool:
        """Whether the target has it."""
        return self.object_class(name) is not None

    def class_kind(self, name: str) -> Kind | None:
        """Structural, auxiliary or abstract."""
        found = self.object_class(name)
        return found.kind if found else None

    def superiors(self, name: str) -> tuple[str, ...]:
        """Every class above it, the nearest first."""
        found = self.object_class(name)
        return found.superiors if found else ()

    def must(self, name: str) -> frozenset[str]:
        """What entries of the class must have, by itself and inherited."""
        found = self.object_class(name)
        return found.must if found else frozenset()

    def may(self, name: str) -> frozenset[str]:
        """What entries of the class may have besides, by itself and inherited."""
        found = self.object_class(name)
        return found.may if found else frozenset()

    def _class_facts(self, element: ObjectClass, classes: dict[str, ObjectClass]) -> ClassFacts:
        above: list[ObjectClass] = []
        seen = {id(element)}
        waiting = list(element.superiors)
        while waiting:
            found = classes.get(waiting.pop(0).lower())
            if found is not None and id(found) not in seen:
                seen.add(id(found))
                above.append(found)
                waiting += found.superiors
        family = (element, *above)
        must = frozenset(self.canonical(name) for one in family for name in one.must)
        may = frozenset(self.canonical(name) for one in family for name in one.may)
        kind: Kind = (
            "structural" if element.kind == "STRUCTURAL" else "auxiliary" if element.kind == "AUXILIARY" else "abstract"
        )
        return ClassFacts(_names(element), kind, tuple(_names(one)[0] for one in above), must, may - must)


@cache
def _standard() -> SchemaView:
    from flext_pipelines.oud.schema.target import standard_target

    return SchemaView(standard_target().elements())


def _names(element: Element) -> tuple[str, ...]:
    return tuple(name.lower() for name in element.names) or (element.oid,)


def _by_key(elements: Iterable[E]) -> dict[str, E]:
    found: dict[str, E] = {}
    for element in elements:
        for key in element.keys:
            found.setdefault(key, element)
    return found


def _attribute_facts(element: AttributeType, attributes: dict[str, AttributeType]) -> AttributeFacts:
    """Its own facts; syntax and equality also of the nearest attribute above it that has them."""
    syntax, equality, above, seen = element.syntax, element.equality, element.superior, {id(element)}
    while (syntax is None or equality is None) and above is not None:
        found = attributes.get(above.lower())
        if found is None or id(found) in seen:
            break
        seen.add(id(found))
        syntax, equality, above = syntax or found.syntax, equality or found.equality, found.superior
    return AttributeFacts(
        names=_names(element),
        syntax=syntax or "",
        single_valued=element.single_valued,
        operational=element.usage != "userApplications",
        dn_valued=syntax in NAME_SYNTAXES,
        no_user_modification=element.no_user_modification,
        superior=element.superior.lower() if element.superior else None,
        equality=(equality or "").lower(),
    )
