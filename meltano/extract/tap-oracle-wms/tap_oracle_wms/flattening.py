"""From the fields of an entity to flat columns: references, sets and nested objects become several.

``item_id`` that holds ``{id, key, url}`` becomes ``item_id`` and ``item_key``. ``order_dtl_set`` becomes its count, its
total and, where it is a list, its JSON text. A nested object becomes one column per value, at most three levels deep.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from singer_columnar.columns import Kind

from tap_oracle_wms.columns import EntityColumn, Part
from tap_oracle_wms.field_types import LONGEST_TEXT, USUAL_LENGTH, type_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_REFERENCE_NAMES: Final = {"id", "key", "url", "href"}
_SET_TYPES: Final = {"set", "list", "array"}
_SEPARATOR: Final = "_"
DEEPEST: Final = 3
_KEY: Final = "id"


def is_reference(value: object) -> bool:
    """Whether an object is a link to another row: it has an id or a key, and most of its names are those of a link."""
    if not isinstance(value, dict) or not ({"id", "key"} & value.keys()):
        return False
    return 2 * len(_REFERENCE_NAMES & value.keys()) > len(value)


def columns_of(
    fields: Mapping[str, Mapping[str, Any]],
    samples: Mapping[str, object],
    *,
    scale: int,
    dates_as_timestamps: bool,
    text_limit: int,
) -> tuple[EntityColumn, ...]:
    """The columns of an entity, in the order of its fields.

    Args:
        fields: What ``describe`` says of each field.
        samples: A value that was seen, by field; also of fields that ``describe`` does not know.
        scale: Digits after the point of decimals.
        dates_as_timestamps: Whether dates become timestamps at midnight.
        text_limit: Longest JSON text of a set; 0 for no limit.

    Returns:
        The columns; two never share a name.
    """
    names = [*fields, *(name for name in samples if name not in fields)]
    found: dict[str, EntityColumn] = {}
    for name in names:
        described = fields.get(name)
        for column in _of_field(name, described, samples.get(name), scale, text_limit):
            column = _dated(column, dates_as_timestamps)
            # A reference's key can meet a field of that name; the field then keeps its own.
            while column.name in found:
                column = replace(column, name=f"{column.name}_1")
            found[column.name] = column
    return tuple(found.values())


def _of_field(
    name: str, described: Mapping[str, Any] | None, sample: object, scale: int, text_limit: int
) -> Iterator[EntityColumn]:
    kind = str((described or {}).get("type", "")).lower()
    if _is_set(name, kind, sample):
        yield from _set(name, kind, text_limit)
    elif _is_relation(name, kind, sample):
        yield from _reference(name, kind)
    elif isinstance(sample, dict):
        yield from _nested((name,), sample, scale, text_limit, level=1)
    elif isinstance(sample, list) or kind in {"object", "json"}:
        yield _json_text(name, (name,), text_limit or None, kind)
    else:
        yield _plain(name, (name,), described, sample, scale)


def _is_set(name: str, kind: str, sample: object) -> bool:
    return name.endswith("_set") or kind in _SET_TYPES or (isinstance(sample, list) and name.endswith("_list"))


def _is_relation(name: str, kind: str, sample: object) -> bool:
    """Statuses are relations too, but the API shows them as their bare id (REST guide, "Hyperlink-Related")."""
    if name == "status_id" or name.endswith("_status_id"):
        return False
    return is_reference(sample) or kind in {"relation", "related", "foreign_key", "field"}


def _set(name: str, kind: str, text_limit: int) -> Iterator[EntityColumn]:
    limit = min(text_limit, LONGEST_TEXT) if text_limit else None
    yield _json_text(name, (name,), limit, kind)
    yield EntityColumn(f"{name}_count", Kind.INTEGER, path=(name,), part=Part.SET_COUNT, declared=kind)
    yield EntityColumn(f"{name}_total", Kind.INTEGER, path=(name,), part=Part.SET_TOTAL, declared=kind)


def _reference(name: str, kind: str) -> Iterator[EntityColumn]:
    base = name.removesuffix("_id")
    yield EntityColumn(f"{base}_id", Kind.INTEGER, path=(name,), part=Part.REFERENCE_ID, declared=kind)
    yield EntityColumn(
        f"{base}_key", Kind.TEXT, path=(name,), part=Part.REFERENCE_KEY, max_length=USUAL_LENGTH, declared=kind
    )


def _json_text(name: str, path: tuple[str, ...], longest: int | None, declared: str = "") -> EntityColumn:
    return EntityColumn(name, Kind.TEXT, path=path, part=Part.JSON_TEXT, max_length=longest, declared=declared)


def _nested(
    path: tuple[str, ...], sample: Mapping[str, Any], scale: int, text_limit: int, level: int
) -> Iterator[EntityColumn]:
    for key, value in sample.items():
        inner = (*path, key)
        if isinstance(value, dict) and level < DEEPEST:
            yield from _nested(inner, value, scale, text_limit, level + 1)
        elif isinstance(value, (dict, list)):
            yield _json_text(_SEPARATOR.join(inner), inner, text_limit or None)
        else:
            yield _plain(_SEPARATOR.join(inner), inner, None, value, scale)


def _plain(
    name: str, path: tuple[str, ...], described: Mapping[str, Any] | None, sample: object, scale: int
) -> EntityColumn:
    found = type_of(name, described, sample)
    declared = str((described or {}).get("type", ""))
    column = EntityColumn(name, found.kind, path=path, max_length=found.max_length, declared=declared)
    column = replace(column, nullable=name != _KEY)
    return replace(column, scale=scale) if found.kind is Kind.DECIMAL else column


def _dated(column: EntityColumn, dates_as_timestamps: bool) -> EntityColumn:
    if column.kind is Kind.DATE and dates_as_timestamps:
        return replace(column, kind=Kind.TIMESTAMP)
    return column
