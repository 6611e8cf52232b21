"""What a rules file may say, and the rules that come out of it.

What belongs here: the fields, their types and what they mean. What does not: YAML (``reading``), merging (``overlay``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

AttributeName = Annotated[
    str, StringConstraints(pattern=r"^(?:[A-Za-z][A-Za-z0-9_-]*|[0-9]+(?:\.[0-9]+)*)(?:;[A-Za-z0-9_-]+)*$")
]
ClassName = Annotated[str, StringConstraints(pattern=r"^(?:[A-Za-z][A-Za-z0-9_-]*|[0-9]+(?:\.[0-9]+)*)$")]
ReasonName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$", max_length=60)]
SchemeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/ -]*$")]
Phase = Literal["hierarchy", "users", "groups"]


_NOT_ATTRIBUTES = {
    "dn": "the DN is no attribute; names follow the base and attributes.rename",
    "objectclass": "object classes have rules of their own: classes.drop and classes.rename",
    "orclaci": "access values are taken out of every entry and converted",
    "orclentrylevelaci": "access values are taken out of every entry and converted",
}


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class FromAttribute(_Rules):
    """A value copied from another attribute of the entry."""

    from_: AttributeName = Field(alias="from", description="The attribute whose first value is copied.")


class AttributeRules(_Rules):
    """Attributes by their names."""

    drop: dict[ReasonName, list[AttributeName]] = Field(description="Reason, and the attributes that go for it.")
    rename: dict[AttributeName, AttributeName] = Field(description="Old name and new name.")
    unknown: Literal["drop", "reject", "keep"] = Field(description="What the target's schema does not know.")
    not_allowed: Literal["drop", "reject", "keep", "extensible"] = Field(
        description="What the entry's classes do not allow; extensible adds extensibleObject."
    )
    empty: Literal["drop", "reject", "keep"] = Field(description="Values of no length.")
    duplicates: Literal["drop", "reject", "keep"] = Field(description="The same value a second time.")
    several_values: Literal["reject", "first", "keep"] = Field(
        description="Several values of an attribute that has one."
    )
    operational: Literal["drop", "keep"] = Field(description="Attributes that servers maintain themselves.")
    invalid: Literal["drop", "reject", "keep"] = Field(
        description="Values that the attribute's syntax does not allow: flags, whole numbers, times."
    )
    not_utf8: Literal["keep", "convert", "reject"] = Field(
        description="Bytes that are no UTF-8 in plain values; convert takes them as Latin-1."
    )
    underscores: Literal["hyphens", "keep"] = Field(description="Underscores in names, which OUD refuses.")
    fill: dict[AttributeName, str | FromAttribute] = Field(
        description="Values for entries that must have an attribute and have not."
    )


class StructuralRules(_Rules):
    """Entries with several structural classes, or none."""

    prefer: list[ClassName] = Field(description="Of two chains the one whose class stands first is kept.")
    undecided: Literal["reject", "first"] = Field(description="Two chains of which none is preferred.")
    fallback: dict[AttributeName, ClassName] = Field(
        description="Naming attribute, and the class of entries left without a structural one."
    )


class ClassRules(_Rules):
    """Object classes."""

    drop: dict[ReasonName, list[ClassName]] = Field(description="Reason, and the classes that go for it.")
    rename: dict[ClassName, ClassName] = Field(description="Old name and new name.")
    kinds: dict[ClassName, Literal["structural", "auxiliary", "abstract"]] = Field(
        default_factory=dict,
        description="Kinds that classes of the migrated schema shall have, by their names in OID.",
    )
    unknown: Literal["drop", "reject", "keep"] = Field(description="What the target's schema does not know.")
    missing_attribute: Literal["reject", "keep"] = Field(description="An attribute that a class demands is not there.")
    structural: StructuralRules = Field(description="Several structural classes, or none.")


class ValueRule(_Rules):
    """What becomes of the values of one attribute."""

    to: AttributeName | None = Field(default=None, description="Another attribute that takes the values.")
    map: dict[str, str | None] = Field(description="Old value, in any case, and new value; null: the value goes.")
    other: Literal["drop", "keep", "reject"] = Field(default="drop", description="A value that the map does not name.")


class PasswordRules(_Rules):
    """Stored passwords."""

    attributes: list[AttributeName] = Field(description="Attributes that hold passwords.")
    keep: list[SchemeName] = Field(description="Schemes that the target verifies, without braces.")
    other: Literal["drop", "reject"] = Field(description="Other schemes and damaged hashes; never passed on.")
    clear_text: Literal["drop", "keep", "reject"] = Field(description="Passwords in clear text.")


class GuidRules(_Rules):
    """The identifiers that OID gave to entries."""

    source: AttributeName = Field(description="The attribute that holds it in OID.")
    keep: Literal["nowhere", "attribute", "file"] = Field(description="Where it is kept.")
    attribute: AttributeName = Field(description="With keep: attribute, its name in the target.")


class TreeRule(_Rules):
    """A tree that is OID's own."""

    where: Literal["anywhere", "top"] = Field(default="anywhere", description="Where the RDN stands.")
    action: Literal["exclude", "include"] = Field(default="exclude", description="Leave it out, or take it along.")
    except_classes: list[ClassName] = Field(
        default_factory=list, description="Entries of these classes are taken along all the same."
    )


class Category(_Rules):
    """Which entries belong to a phase."""

    phase: Phase = Field(description="The phase, and the file.")
    classes: list[ClassName] = Field(description="One of these is enough.")
    below: list[str] = Field(default_factory=list, description="Only entries under one of these DNs of the source.")


class NamingRules(_Rules):
    """Names of entries."""

    missing_rdn_value: Literal["add", "reject"] = Field(description="The value that the RDN gives is not there.")


class ReferenceRules(_Rules):
    """Values that hold names."""

    not_a_name: Literal["drop", "reject", "keep"] = Field(description="A value that should be a DN and is none.")
    excluded: Literal["keep", "drop"] = Field(description="Names of entries that are left out.")


class LimitRules(_Rules):
    """Sizes above which an entry is rejected or noted; null is no limit."""

    entry_bytes: int | None = Field(ge=1, description="Bytes of an entry.")
    value_bytes: int | None = Field(ge=1, description="Bytes of a value.")
    values: int | None = Field(ge=1, description="Values of an entry.")
    large_bytes: int | None = Field(ge=1, description="Above this an entry is noted.")


class MigrationRules(_Rules):
    """The rules of a migration, complete: the built-in ones with a site's file laid over them."""

    version: Literal[1] = Field(description="Version of this format.")
    attributes: AttributeRules = Field(description="Attributes by their names.")
    classes: ClassRules = Field(description="Object classes.")
    values: dict[AttributeName, ValueRule] = Field(description="Attribute, and what becomes of its values.")
    passwords: PasswordRules = Field(description="Stored passwords.")
    guid: GuidRules = Field(description="OID's identifiers.")
    trees: dict[str, TreeRule] = Field(description="RDN, and what becomes of the tree under it.")
    categories: list[Category] = Field(description="Phases, in order; what none takes is hierarchy.")
    names: NamingRules = Field(description="Names of entries.")
    references: ReferenceRules = Field(description="Values that hold names.")
    limits: LimitRules = Field(description="Sizes.")

    @model_validator(mode="after")
    def _agree(self) -> MigrationRules:
        """Rules that contradict each other are an error here and not an accident later."""
        dropped = {name.lower(): why for why, names in self.attributes.drop.items() for name in names}
        own = {name.lower() for name in self.values}
        paths: list[tuple[tuple[str, ...], Iterable[str]]] = [
            (("attributes", "drop", why), names) for why, names in self.attributes.drop.items()
        ]
        paths += [(("attributes", "rename"), self.attributes.rename), (("values",), self.values)]
        for path, names in paths:
            for name in names:
                if name.lower() in _NOT_ATTRIBUTES:
                    raise _contradiction((*path, name), _NOT_ATTRIBUTES[name.lower()])
        for name in self.attributes.rename:
            if name.lower() in own:
                raise _contradiction(
                    ("attributes", "rename", name), "it has a rule under values; give the new name there, as `to`"
                )
        for path, names in ((("attributes", "rename"), self.attributes.rename), (("values",), self.values)):
            for name in names:
                if name.lower() in dropped:
                    why = dropped[name.lower()]
                    raise _contradiction((*path, name), f"it is dropped, too, by attributes.drop.{why}")
        return self


def _contradiction(path: tuple[str, ...], reason: str) -> PydanticCustomError:
    return PydanticCustomError("contradiction", "{reason}", {"reason": reason, "path": path})
