"""Reading a collection: filters, order, pages and cursors, from the query string of a request."""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flext_pipelines.wms.mock_server.conditions import Condition, condition, sort_value
from flext_pipelines.wms.mock_server.entities import ENTITIES, Entity, Kind, Plain, Row
from flext_pipelines.wms.mock_server.problems import InvalidRequestError, NoRowsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flext_pipelines.wms.mock_server.warehouse import Warehouse

RESERVED = {
    "page", "page_size", "page_mode", "cursor", "ordering", "fields", "values_list", "distinct", "format", "limit",
}  # fmt: skip
LARGEST_PAGE = 1250
"""Most rows of a page; Oracle's REST guide, "Pagination"."""
_USUAL_PAGE = 125
_KEPT_SELECTIONS = 32


@dataclass(frozen=True)
class Query:
    """What a request for a collection asks for.

    Attributes:
        entity: Whose rows.
        conditions: All of them must hold.
        ordering: Field names, each with whether it falls.
        page_size: Rows of a page.
        sequenced: Whether pages follow each other by cursors, without counts.
        page: The number of the page, from 1 (paged).
        cursor: After which row the page starts (sequenced): the sort values and the id of the row before.
        given: The query string's parameters as they came, for the links to other pages.
    """

    entity: Entity
    conditions: tuple[Condition, ...]
    ordering: tuple[tuple[str, bool], ...]
    page_size: int
    sequenced: bool
    page: int = 1
    cursor: str = ""
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def selection(self) -> tuple[object, ...]:
        """What decides which rows in which order, without the page."""
        return self.entity.name, tuple((one.name, one.text) for one in self.conditions), self.ordering


@dataclass(frozen=True)
class Page:
    """One page of rows.

    Attributes:
        rows: The rows.
        total: Rows of all pages; None in sequenced mode.
        cursor: Where the next page starts; empty on the last.
        more: Whether there is a next page.
    """

    rows: Sequence[Row]
    total: int | None
    cursor: str
    more: bool


def parse_query(entity: Entity, given: Mapping[str, str]) -> Query:
    """Read a query string.

    Raises:
        InvalidRequestError: A parameter that the entity does not have, or a value of a wrong type.
    """
    mode = given.get("page_mode", "paged")
    if mode not in {"paged", "sequenced"}:
        raise InvalidRequestError({"page_mode": f"'{mode}' is neither paged nor sequenced"})
    conditions = tuple(condition(entity, name, text) for name, text in given.items() if name not in RESERVED)
    return Query(
        entity=entity,
        conditions=conditions,
        ordering=_ordering(entity, given.get("ordering", "")),
        page_size=_whole(given, "page_size", _USUAL_PAGE, LARGEST_PAGE),
        sequenced=mode == "sequenced",
        page=_whole(given, "page", 1, 2**31),
        cursor=given.get("cursor", ""),
        given=dict(given),
    )


def _whole(given: Mapping[str, str], name: str, usual: int, most: int) -> int:
    text = given.get(name)
    if text is None:
        return usual
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise InvalidRequestError({name: f"A number from 1 to {most} is wanted"})
    return int(text)


def _ordering(entity: Entity, text: str) -> tuple[tuple[str, bool], ...]:
    wanted = [name for name in text.split(",") if name]
    for name in wanted:
        if name.lstrip("-") not in entity.by_name:
            raise InvalidRequestError({"ordering": f"{entity.name} has no field {name.lstrip('-')}"})
    return tuple((name.lstrip("-"), name.startswith("-")) for name in wanted)


class Selections:
    """Answers queries; remembers which ids the last few selected, until a row changes."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._kept: OrderedDict[tuple[object, ...], Sequence[int]] = OrderedDict()

    def page(self, query: Query) -> Page:
        """One page.

        Raises:
            NoRowsError: No row, or no such page.
            InvalidRequestError: The cursor is not one of ours.
        """
        with self._warehouse.lock:
            ids = self._ids(query)
            if not ids:
                raise NoRowsError
            if query.sequenced:
                return self._sequenced(query, ids)
            start = (query.page - 1) * query.page_size
            if start >= len(ids):
                raise NoRowsError
            rows = list(self._warehouse.rows(query.entity.name, ids[start : start + query.page_size]))
            return Page(rows, len(ids), "", start + query.page_size < len(ids))

    def _sequenced(self, query: Query, ids: Sequence[int]) -> Page:
        start = self._place_after(query, ids) if query.cursor else 0
        rows = list(self._warehouse.rows(query.entity.name, ids[start : start + query.page_size]))
        more = start + query.page_size < len(ids)
        if query.cursor and not rows:
            raise NoRowsError
        return Page(rows, None, _cursor(query, rows[-1]) if more else "", more)

    def _ids(self, query: Query) -> Sequence[int]:
        kept_as = (self._warehouse.version, *query.selection)
        if kept_as not in self._kept:
            self._kept[kept_as] = self._select(query)
            while len(self._kept) > _KEPT_SELECTIONS:
                self._kept.popitem(last=False)
        return self._kept[kept_as]

    def _select(self, query: Query) -> Sequence[int]:
        warehouse, name = self._warehouse, query.entity.name
        by_time = query.ordering in {(("mod_ts", False),), (("mod_ts", True),), (("mod_ts", False), ("id", False))}
        key_field = "mod_ts" if by_time else "id"
        bounds: dict[str, Plain] = {"low": None, "high": None}
        rest = []
        for one in query.conditions:
            if one.field == key_field and one.bound in bounds:
                keep_greater = one.bound == "low"
                old, value = bounds[one.bound], one.limit
                bounds[one.bound] = value if old is None else max(old, value) if keep_greater else min(old, value)
            else:
                rest.append(one)
        known = self._by_index(query, rest)
        if known is not None:
            return known
        keep = self._test(rest)
        reading = warehouse.in_time_order if by_time else warehouse.in_id_order
        ids = reading(name, bounds["low"], bounds["high"], keep)
        if by_time or query.ordering in {(), (("id", False),)}:
            return ids[::-1] if query.ordering == (("mod_ts", True),) else ids
        if query.ordering == (("id", True),):
            return ids[::-1]
        return self._sorted(query, ids)

    def _by_index(self, query: Query, rest: Sequence[Condition]) -> Sequence[int] | None:
        """Rows found by a number or code: no scan for what a real server has an index for."""
        exact = next((one for one in rest if one.is_exact and one.field not in {"id", "mod_ts"}), None)
        if exact is None:
            return None
        keep = self._test(list(query.conditions))
        found = self._warehouse.find_ids(query.entity.name, exact.field, exact.value)
        ids = [row["id"] for row in self._warehouse.rows(query.entity.name, found) if keep is None or keep(row)]
        return self._sorted(query, ids)

    def _test(self, conditions: Sequence[Condition]) -> Callable[[Row], bool] | None:
        if not conditions:
            return None
        return lambda row: all(one.holds(row, self._warehouse) for one in conditions)

    def _sorted(self, query: Query, ids: Sequence[int]) -> Sequence[int]:
        """By the wanted fields, then by id; NULL comes last."""
        ordered = sorted(ids)
        for name, falls in reversed(query.ordering):
            kind = query.entity.by_name[name].kind
            ordered.sort(key=lambda number: sort_value(kind, self._row(query, number)[name]), reverse=falls)
        return ordered

    def _row(self, query: Query, number: int) -> Row:
        row = self._warehouse.get(query.entity.name, number)
        assert row is not None
        return row

    def _place_after(self, query: Query, ids: Sequence[int]) -> int:
        """The index of the first row after the cursor's, also when that row has moved or gone since."""
        values = _cursor_values(query)
        low, high = 0, len(ids)
        while low < high:
            middle = (low + high) // 2
            if _is_after(query, self._row(query, ids[middle]), values):
                high = middle
            else:
                low = middle + 1
        return low


def _sort_fields(query: Query) -> tuple[tuple[str, bool], ...]:
    return query.ordering if any(name == "id" for name, _ in query.ordering) else (*query.ordering, ("id", False))


def _cursor(query: Query, row: Row) -> str:
    values = "\x1f".join("" if row[name] is None else str(row[name]) for name, _ in _sort_fields(query))
    return base64.urlsafe_b64encode(f"p={values}".encode()).decode()


def _cursor_values(query: Query) -> list[str]:
    try:
        text = base64.urlsafe_b64decode(query.cursor.encode()).decode()
    except (binascii.Error, UnicodeError):
        raise InvalidRequestError({"cursor": "Invalid cursor"}) from None
    values = text.removeprefix("p=").split("\x1f")
    if not text.startswith("p=") or len(values) != len(_sort_fields(query)):
        raise InvalidRequestError({"cursor": "Invalid cursor"})
    return values


def _is_after(query: Query, row: Row, values: Sequence[str]) -> bool:
    backwards = query.ordering == (("mod_ts", True),)
    for (name, falls), text in zip(_sort_fields(query), values, strict=True):
        kind = query.entity.by_name[name].kind
        mine, theirs = sort_value(kind, row[name]), sort_value(kind, _typed(kind, text))
        if mine != theirs:
            down = falls or (backwards and name == "id")
            return bool(mine < theirs) if down else bool(mine > theirs)
    return False


def _typed(kind: Kind, text: str) -> object:
    if not text:
        return None
    try:
        return int(text) if kind in {Kind.PK, Kind.INTEGER, Kind.RELATION} else text
    except ValueError:
        raise InvalidRequestError({"cursor": "Invalid cursor"}) from None


def entity_of(name: str) -> Entity:
    """The entity of a path.

    Raises:
        NoRowsError: There is none of that name.
    """
    if name not in ENTITIES:
        raise NoRowsError(f"Entity '{name}' is not supported")
    return ENTITIES[name]
