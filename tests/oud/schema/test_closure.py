"""What leans on what: superiors, circles, order; what leads nowhere is left out with all that leans on it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flext_pipelines.oud.schema.migrate import SchemaMigration
from tests.oud.oid_schema import ATTRIBUTES, CLASSES
from tests.oud.schema.made import ARC, TEXT, attribute, migrated, object_class, serious, told


def written(found: SchemaMigration) -> list[str]:
    """Names in the order of the file."""
    return [element.name for element in (*found.attributes, *found.classes)]


def test_superiors_come_first_and_else_the_numbers_decide() -> None:
    """1.10 stands behind 1.9, and a name behind every number."""
    found = migrated([
        f"( someOther-oid NAME 'last' {TEXT} )", attribute(10, "ten", "SUP two"), attribute(1, "one", "SUP ten"),
        attribute(9, "nine"), attribute(2, "two", "SUP nine"), attribute(11, "eleven"),
    ])  # fmt: skip

    assert written(found) == ["nine", "two", "ten", "one", "eleven", "last"]


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_source_makes_no_difference(chance: random.Random) -> None:
    """The same definitions give the same bytes."""
    attributes, classes = ATTRIBUTES[:], CLASSES[:]
    chance.shuffle(attributes)
    chance.shuffle(classes)

    assert b"".join(migrated(attributes, classes).lines()) == b"".join(migrated(ATTRIBUTES, CLASSES).lines())


def test_every_reference_stands_above() -> None:
    """A server that reads the file from its top knows each name that it meets."""
    found = migrated(ATTRIBUTES, CLASSES)
    known = {key for element in found.target.elements() for key in element.keys}

    for attribute_type in found.attributes:
        assert attribute_type.superior is None or attribute_type.superior.lower() in known
        known.update(attribute_type.keys)
    for object_class_ in found.classes:
        assert {name.lower() for name in (*object_class_.superiors, *object_class_.must, *object_class_.may)} <= known
        known.update(object_class_.keys)


def test_an_attribute_without_its_superior_goes_on_with_its_syntax() -> None:
    """What it would have inherited is not known."""
    found = migrated([attribute(1, "exampleA", f"SUP nowhere {TEXT}")])

    assert found.attributes[0].superior is None
    assert serious(found) == [("warning", "superior", "exampleA")]
    assert told(found, "superior")[0].reason == "SUP nowhere: nobody defines it"


def test_what_leans_on_nothing_is_left_out_with_all_that_leans_on_it() -> None:
    """Each is told, down to the class that allowed one of them."""
    found = migrated(
        [attribute(1, "exampleA", "SUP nowhere"), attribute(2, "exampleB", "SUP exampleA"),
         attribute(3, "exampleC", "SUP exampleB"), attribute(4, "exampleD", f"SUP exampleC {TEXT}")],
        [object_class(1, "x", "SUP gone STRUCTURAL"), object_class(2, "y", "SUP x STRUCTURAL"),
         object_class(3, "z", "SUP top AUXILIARY MUST exampleC MAY ( exampleD $ exampleB )")],
    )  # fmt: skip

    assert written(found) == ["exampleD", "z"]
    assert (found.classes[0].must, found.classes[0].may) == ((), ("exampleD",))
    assert [one for one in serious(found) if one[0] == "error"] == [
        ("error", "superior", name) for name in ("exampleA", "exampleB", "exampleC", "x", "y")
    ]
    assert told(found, "superior")[1].reason == "SUP exampleA: its definition was left out"
    assert [one.reason for one in told(found, "reference")] == [
        "MUST exampleC: its definition was left out",
        "MAY exampleB: its definition was left out",
    ]


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_circle_of_attributes_is_broken_where_one_has_a_syntax(length: int) -> None:
    """A person looks at it; the others stand behind that one."""
    names = [f"example{number}" for number in range(length)]
    texts = [
        attribute(number, name, f"SUP {names[number - 1]}" + (f" {TEXT}" if number == length // 2 else ""))
        for number, name in enumerate(names)
    ]
    found = migrated(texts)

    assert sorted(written(found)) == names
    assert written(found)[0] == names[length // 2]
    assert [(one.severity, one.name) for one in told(found, "superior")] == [("error", names[length // 2])]
    assert "SUP goes round in a circle: example0" in told(found, "superior")[0].reason


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_circle_of_others_is_left_out(length: int) -> None:
    """With whatever leans on it."""
    names = [f"example{number}" for number in range(length)]
    attributes = [attribute(number, name, f"SUP {names[number - 1]}") for number, name in enumerate(names)]
    classes = [object_class(number, name, f"SUP {names[number - 1]} STRUCTURAL") for number, name in enumerate(names)]
    found = migrated([*attributes, attribute(50, "leaning", "SUP example0")],
                     [*classes, object_class(50, "leaning", "SUP example0 STRUCTURAL")])  # fmt: skip

    assert written(found) == []
    assert len([one for one in serious(found) if one[0] == "error"]) == 2 * length + 2


def test_two_circles_are_two() -> None:
    """Each is broken by itself."""
    found = migrated([
        attribute(1, "exampleA", f"SUP exampleB {TEXT}"), attribute(2, "exampleB", "SUP exampleA"),
        attribute(3, "exampleC", "SUP exampleD"), attribute(4, "exampleD", f"SUP exampleC {TEXT}"),
    ])  # fmt: skip

    assert sorted(written(found)) == ["exampleA", "exampleB", "exampleC", "exampleD"]
    assert [one.name for one in told(found, "superior")] == ["exampleA", "exampleD"]


def test_very_long_chains_take_no_longer_than_short_ones() -> None:
    """Five thousand levels, the lowest first, the top missing."""
    levels = 5_000
    chain = [attribute(at, f"example{at}", f"SUP example{at - 1}" if at else "SUP nowhere") for at in range(levels)]

    assert migrated(chain[::-1]).count("error") == levels
    assert written(migrated([*chain[:0:-1], attribute(0, "example0")])) == [f"example{at}" for at in range(levels)]


def test_very_long_definitions_are_told_shortly() -> None:
    """A hundred thousand names and attributes are read once, and no sentence lists them."""
    names = " ".join(f"'example{number}' '{number}'" for number in range(50_000))
    lists = " $ ".join(f"nowhere{number}" for number in range(20_000))

    found = migrated([f"( {ARC}.1.1 NAME ( {names} ) {TEXT} )"], [object_class(1, "c", f"SUP ( {lists} ) AUXILIARY")])

    assert len(found.attributes[0].names) == 50_000
    assert max(len(one.reason) + len(one.fix) for one in found.findings) < 1000


def test_numbers_of_any_length_are_ordered() -> None:
    """An OID of five thousand digits is one."""
    found = migrated([f"( 1.{'9' * 5000} NAME 'long' {TEXT} )", f"( {ARC}.1.1 NAME 'short' {TEXT} )"])

    assert written(found) == ["short", "long"]
