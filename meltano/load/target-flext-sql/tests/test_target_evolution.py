"""Schema changes: columns that come, go, widen, or cannot."""

from __future__ import annotations

from decimal import Decimal

import pytest
from target_harness import (
    DECIMAL_4_2,
    INTEGER,
    KEYED,
    ROWS,
    TEXT,
    TUPLES,
    Place,
    load,
    records,
    schema,
)

from target_flext_sql.errors import (
    SchemaChangeError,
)


def test_new_columns_are_added_and_removed_ones_kept(place: Place) -> None:
    """A column that comes is added, one that goes keeps its old values."""
    load(place.config, KEYED, records("s", ROWS[:1]))

    load(place.config, schema("s", {"id": INTEGER, "w": TEXT}, ["id"]), records("s", [{"id": 2, "w": "new"}]))

    assert place.rows("s", "id, v, w") == [(1, "a", None), (2, None, "new")]


def test_a_schema_may_change_in_the_middle(place: Place) -> None:
    """Rows before the change are loaded under the old schema, those behind it under the new."""
    changed = schema("s", {"id": INTEGER, "v": TEXT, "w": TEXT}, ["id"])

    load(place.config, KEYED, records("s", ROWS[:1]), changed, records("s", [{"id": 2, "v": "b", "w": "new"}]))

    assert place.rows("s", "id, v, w") == [(1, "a", None), (2, "b", "new")]


WIDENINGS = {
    "integer to decimal": (INTEGER, 2**62, {**DECIMAL_4_2, "precision": 30}, "1.25", Decimal(2**62), Decimal("1.25")),
    "decimal to more digits": (
        DECIMAL_4_2,
        "12.25",
        {**DECIMAL_4_2, "precision": 12, "scale": 4},
        "1.0625",
        Decimal("12.25"),
        Decimal("1.0625"),
    ),
    "text to more text": ({**TEXT, "maxLength": 2}, "ab", {**TEXT, "maxLength": 5}, "abcde", "ab", "abcde"),
    "text to any text": ({**TEXT, "maxLength": 2}, "ab", TEXT, "abcdef", "ab", "abcdef"),
}


@pytest.mark.parametrize("case", WIDENINGS)
def test_types_are_widened_where_no_value_is_lost(place: Place, case: str) -> None:
    """Integers become decimals, decimals and texts grow; old and new values are exact."""
    old, before, new, after, old_value, new_value = WIDENINGS[case]
    load(place.config, schema("s", {"id": INTEGER, "v": old}, ["id"]), records("s", [{"id": 1, "v": before}]))

    load(place.config, schema("s", {"id": INTEGER, "v": new}, ["id"]), records("s", [{"id": 2, "v": after}]))

    assert place.rows("s") == [(1, old_value), (2, new_value)]
    assert place.rejects("s") == [] if place.exists("s__rejects") else True


def test_a_narrower_stream_fits_the_wider_table(place: Place) -> None:
    """A stream that sends a smaller type again leaves the table as it is."""
    wide = schema("s", {"id": INTEGER, "v": {**DECIMAL_4_2, "precision": 30}}, ["id"])
    load(place.config, wide, records("s", [{"id": 1, "v": "1.25"}]))
    types = place.types("s")

    load(place.config, schema("s", {"id": INTEGER, "v": INTEGER}, ["id"]), records("s", [{"id": 2, "v": 7}]))

    assert place.types("s") == types
    assert place.rows("s") == [(1, Decimal("1.25")), (2, Decimal(7))]


def test_an_incompatible_change_names_stream_and_column(place: Place) -> None:
    """A text column cannot become a number: nothing is loaded, the error says what to do."""
    load(place.config, KEYED, records("s", ROWS))

    with pytest.raises(SchemaChangeError, match=r"Stream 's', column 'v'.*Next: rename the column"):
        load(place.config, schema("s", {"id": INTEGER, "v": INTEGER}, ["id"]), records("s", [{"id": 4, "v": 4}]))

    assert place.rows("s") == TUPLES


def test_a_table_made_by_somebody_else_is_widened(place: Place) -> None:
    """A 32-bit integer column of an existing table is widened to 64 bits."""
    place.run(f'CREATE SCHEMA IF NOT EXISTS "{place.schema}"')
    place.run(f"CREATE TABLE {place.ref('s')} (id INTEGER, v INTEGER)")

    load(place.config, schema("s", {"id": INTEGER, "v": INTEGER}), records("s", [{"id": 1, "v": 2**40}]))

    assert place.rows("s") == [(1, 2**40)]
