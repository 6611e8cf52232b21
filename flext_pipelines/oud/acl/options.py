"""What a conversion is told: the dialect, and what becomes of names and attributes in the migration.

What belongs here: these options and the answers of a conversion. What does not: converting (``convert``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from flext_pipelines.oud.acl.aci import Flavour
from flext_pipelines.oud.acl.orclaci import Kind
from flext_pipelines.values import Value

Severity = Literal["error", "warning"]
"""``error``: the value is no directive, what it denied is unknown. ``warning``: somebody may do less than before."""


def same(text: str) -> str | None:
    """The text itself: nothing is renamed, everything migrates."""
    return text


Change: TypeAlias = Literal["gone", "new"]
"""``gone``: an entry may have lost a value on the way. ``new``: it may have one that it had not."""


def unchanged(attribute: str, value: str | None) -> frozenset[Change]:  # noqa: ARG001  of a callback
    """Nothing happens to values."""
    return frozenset()


Names: TypeAlias = Literal["follow", "stay"]
"""What becomes of names in the values of an attribute when entries get new ones."""


def no_moves(attribute: str) -> Names | None:  # noqa: ARG001  of a callback
    """Entries keep their names."""
    return None


def no_losses(attribute: str) -> bool:  # noqa: ARG001  of a callback
    """Values that name nobody stay."""
    return False


def alone(name: str) -> frozenset[str]:  # noqa: ARG001  of a callback
    """Nothing is known of whose values stand under a name: those of the attribute that has it."""
    return frozenset()


def nowhere_else(name: str) -> tuple[str, ...]:  # noqa: ARG001  of a callback
    """All values of an attribute are under its new name."""
    return ()


def no_other_names(name: str) -> tuple[str, ...]:
    """The attribute has this name only."""
    return (name,)


def known_to_389(name: str) -> bool:
    """Whether every 389 Directory Server has an attribute."""
    from flext_pipelines.oud.schema.target import attributes_of_389

    return name.lower() in attributes_of_389()


class UnsayableError(ValueError):
    """There is no text for it in this dialect; the message says why."""


def whole(group: str) -> bool:  # noqa: ARG001  of a callback
    """Every group has its members."""
    return True


@dataclass(frozen=True)
class ConversionOptions:
    """What a conversion is told.

    Attributes:
        flavour: Whose dialect.
        ssf: Security strength that stands for OID's SSL bind modes.
        place: The new DN of an entry; None for one that does not migrate.
        attribute: The new name of an attribute; None for one that does not migrate.
        suffixes: New DNs of the entries that get the root DSE's policy.
        source_base: What these are below in the old directory; empty where everything migrates.
        policy_place: The new DN of the entry that gets the values of another, where that is not its own.
        changed: What may have happened to the values of an attribute, or to one value; a filter over them, or a
            subject that they name, says something else then.
        whole: Whether a group has every member that it had, those of groups in it included; whoever is denied
            something as a member must be one still.
        moved: A name in a value of an attribute whose names follow, as the new directory has it, whether or not the
            entry is there; without it such values go where entries go.
        names_in: Whether names in the values of an attribute follow the entries; None where entries keep their names.
        loses_names: Whether values of an attribute may go because they name nobody. Who is named was nobody before, so
            that this matters to filters alone.
        known: Whether the server certainly has an attribute, by its new name. 389 must, to be told of it.
        names: Every name of an attribute, by its new name.
        also: Other new names under which some values of an attribute of OID stand.
        joined: The attributes of OID whose values may stand under a new name, by names of ``attribute_type``; a
            list that grants has the new name only where it has all of them. None where one attribute keeps to itself.
    """

    flavour: Flavour = "oud"
    ssf: int = 1
    place: Callable[[str], str | None] = field(default=same)
    attribute: Callable[[str], str | None] = field(default=same)
    suffixes: tuple[str, ...] = ()
    source_base: str = ""
    policy_place: Callable[[str], str | None] | None = None
    changed: Callable[[str, str | None], frozenset[Change]] = field(default=unchanged)
    whole: Callable[[str], bool] = field(default=whole)
    moved: Callable[[str], str] | None = None
    names_in: Callable[[str], Names | None] = field(default=no_moves)
    loses_names: Callable[[str], bool] = field(default=no_losses)
    known: Callable[[str], bool] = field(default=known_to_389)
    names: Callable[[str], tuple[str, ...]] = field(default=no_other_names)
    also: Callable[[str], tuple[str, ...]] = field(default=nowhere_else)
    joined: Callable[[str], frozenset[str]] = field(default=alone)

    def holder(self, dn: str) -> str | None:
        """The new DN of the entry that gets the values of another; None if nothing does."""
        return (self.policy_place or self.place)(dn)

    def is_known(self, name: str) -> bool:
        """Whether an ``aci`` can name an attribute, by its new name. OUD takes every name."""
        return self.flavour == "oud" or self.known(name)

    def new_attribute(self, name: str) -> str | None:
        """The name of an attribute in the new directory; None if it has none there.

        OID's access attributes become ``aci``.
        """
        if name.lower() in {"orclaci", "orclentrylevelaci"}:
            return "aci"
        return self.attribute(name)


class LeftOut(Value):
    """Something that OID granted, or that could not be read, and that no ``aci`` says.

    Attributes:
        original: The whole value.
        part: The clause or word it is about.
        reason: Why it cannot be said.
        severity: How bad that is.
    """

    original: str
    part: str
    reason: str
    severity: Severity = "warning"


class Conversion(Value):
    """What became of one value of an access attribute.

    Attributes:
        dn: The entry that held it.
        kind: The attribute.
        number: Which of its values.
        original: The value.
        holders: New DNs of the entries that get the ``aci`` values.
        acis: The values.
        notes: What a reader should know: choices made, denials that need no ``aci``.
        left_out: What is not said.
    """

    dn: str
    kind: Kind
    number: int
    original: str
    holders: tuple[str, ...] = ()
    acis: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
