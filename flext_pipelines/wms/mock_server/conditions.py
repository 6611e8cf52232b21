"""One filter of a query string: ``field=value``, ``field__lookup=value``, ``relation__field__lookup!=value``."""

from __future__ import annotations

import datetime as dt
import decimal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flext_pipelines.wms.mock_server.entities import ENTITIES, Entity, Kind, Plain, Row
from flext_pipelines.wms.mock_server.problems import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flext_pipelines.wms.mock_server.entities import Field
    from flext_pipelines.wms.mock_server.warehouse import Warehouse

_COMPARED: dict[str, Callable[[Plain, Plain], bool]] = {
    "exact": lambda mine, theirs: mine == theirs,
    "gt": lambda mine, theirs: mine > theirs,
    "gte": lambda mine, theirs: mine >= theirs,
    "lt": lambda mine, theirs: mine < theirs,
    "lte": lambda mine, theirs: mine <= theirs,
    "in": lambda mine, theirs: mine in theirs,
    "range": lambda mine, theirs: theirs[0] <= mine <= theirs[1],
}
_MATCHED: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda mine, theirs: theirs in mine,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "exact": lambda mine, theirs: mine == theirs,
}
_TIME_PARTS: dict[str, Callable[[dt.datetime], int]] = {
    "year": lambda moment: moment.year,
    "month": lambda moment: moment.month,
    "day": lambda moment: moment.day,
    "week_day": lambda moment: moment.isoweekday() % 7 + 1,
    "hour": lambda moment: moment.hour,
    "minute": lambda moment: moment.minute,
}
_BOUNDS = {"gte": "low", "gt": "low", "lt": "high", "lte": "high"}
_LOOKUPS = {*_COMPARED, *_MATCHED, *(f"i{name}" for name in _MATCHED), *_TIME_PARTS, "isnull"}


@dataclass(frozen=True)
class Condition:
    """One filter.

    Attributes:
        name: As it stood in the query string.
        text: The value as it stood there.
        field: The entity's own field.
        lookup: The comparison.
        value: The value, parsed.
        through: Fields to follow from a reference to the field that is compared; empty for an own field.
        negated: Whether the opposite must hold.
    """

    name: str
    text: str
    field: str
    lookup: str
    value: Plain
    through: tuple[tuple[str, str], ...] = ()
    negated: bool = False

    @property
    def bound(self) -> str:
        """``low`` or ``high`` for a limit that a range of ids or times can take over, else empty."""
        return _BOUNDS.get(self.lookup, "") if not self.through and not self.negated else ""

    @property
    def limit(self) -> Plain:
        """That limit as the first value that is in (``low``), or the first that is not (``high``)."""
        if self.lookup in {"gte", "lt"}:
            return self.value
        # The next value: ids are whole numbers, and of texts of one length a longer one is the next.
        return self.value + 1 if isinstance(self.value, int) else f"{self.value} "

    @property
    def is_exact(self) -> bool:
        """Whether an own field must have exactly one value."""
        return self.lookup == "exact" and not self.through and not self.negated

    def holds(self, row: Row, warehouse: Warehouse) -> bool:
        """Whether a row fulfils it."""
        value = row.get(self.field)
        for entity, name in self.through:
            other = None if value is None else warehouse.get(entity, value)
            value = None if other is None else other.get(name)
        return self._compare(value) != self.negated

    def _compare(self, value: Plain) -> bool:
        if self.lookup == "isnull":
            return bool((value is None) == self.value)
        if value is None:
            return False
        if self.lookup in _TIME_PARTS:
            return bool(_TIME_PARTS[self.lookup](dt.datetime.fromisoformat(value)) == self.value)
        if self.lookup.startswith("i") and self.lookup[1:] in _MATCHED:
            return _MATCHED[self.lookup[1:]](str(value).lower(), str(self.value).lower())
        if self.lookup in _MATCHED and self.lookup != "exact":
            return _MATCHED[self.lookup](str(value), str(self.value))
        return _COMPARED[self.lookup](comparable(value, self.value), self.value)


def comparable(value: Plain, other: Plain) -> Plain:
    """A row's value in the type of a parsed one."""
    sample = other[0] if isinstance(other, (list, tuple)) and other else other
    return decimal.Decimal(value) if isinstance(sample, decimal.Decimal) else value


def sort_value(kind: Kind, value: Plain) -> tuple[bool, Plain]:
    """What rows are sorted by; NULL comes last, and decimals sort as numbers."""
    if kind is Kind.DECIMAL and value is not None:
        return False, decimal.Decimal(value)
    return value is None, "" if value is None else value


def condition(entity: Entity, name: str, text: str) -> Condition:
    """Read one filter.

    Raises:
        InvalidRequestError: No such field or lookup, or a value of a wrong type.
    """
    path = name.removesuffix("!").split("__")
    field = entity.by_name.get(path[0])
    if field is None or field.kind is Kind.SET:
        raise InvalidRequestError({name: f"Invalid filter: {entity.name} has no field {path[0]}"})
    through: list[tuple[str, str]] = []
    rest = path[1:]
    while rest and field.kind is Kind.RELATION and rest[0] in ENTITIES[field.target].by_name:
        through.append((field.target, rest[0]))
        field = ENTITIES[field.target].by_name[rest.pop(0)]
    lookup = rest[0] if rest else "exact"
    if len(rest) > 1 or lookup not in _LOOKUPS:
        raise InvalidRequestError({name: f"Unsupported lookup '{'__'.join(rest)}' for field {field.name}"})
    value = _value(name, field, lookup, text)
    return Condition(name, text, path[0], lookup, value, tuple(through), name.endswith("!"))


def _value(name: str, field: Field, lookup: str, text: str) -> Plain:
    if lookup == "isnull":
        return _boolean(name, text)
    if lookup in _TIME_PARTS:
        if field.kind not in {Kind.DATE, Kind.DATETIME} or not text.isdecimal():
            raise InvalidRequestError({name: "A number and a date or time are wanted"})
        return int(text)
    if lookup in {"in", "range"}:
        values = [_parsed(name, field, one) for one in text.split(",")]
        if lookup == "range" and len(values) != 2:
            raise InvalidRequestError({name: "Two values are wanted, joined by a comma"})
        return values
    return text if lookup.lstrip("i") in {"contains", "startswith", "endswith", "exact"} and lookup != "exact" else (
        _parsed(name, field, text)
    )  # fmt: skip


def _boolean(name: str, text: str) -> bool:
    if text.lower() not in {"true", "false", "1", "0"}:
        raise InvalidRequestError({name: "true or false is wanted"})
    return text.lower() in {"true", "1"}


def _parsed(name: str, field: Field, text: str) -> Plain:
    try:
        match field.kind:
            case Kind.PK | Kind.INTEGER | Kind.RELATION:
                return int(text)
            case Kind.DECIMAL:
                return decimal.Decimal(text)
            case Kind.BOOLEAN:
                return _boolean(name, text)
            case Kind.DATE:
                return dt.datetime.fromisoformat(text).date().isoformat()
            case Kind.DATETIME:
                return utc_text(text)
            case _:
                return text
    except (ValueError, OverflowError, decimal.InvalidOperation):
        raise InvalidRequestError({name: f"'{text}' is not a valid value of {field.name}"}) from None


def utc_text(text: str) -> str:
    """A date and time as rows hold it: in UTC, without a zone, with microseconds. Without a zone it is UTC already."""
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="microseconds")
