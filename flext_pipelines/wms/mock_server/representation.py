"""Rows as a client sees them: references as id, key and url, related sets as counts, JSON or XML."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from flext_pipelines.wms.mock_server.entities import ENTITIES, Entity, Kind, Plain
from flext_pipelines.wms.mock_server.problems import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flext_pipelines.wms.mock_server.entities import Row
    from flext_pipelines.wms.mock_server.warehouse import Warehouse


class Representation:
    """Shows the rows of one entity.

    Args:
        entity: Whose rows.
        warehouse: For keys of related rows and counts of sets.
        root: Start of every link: scheme, host, tenant and ``/wms/lgfapi/v10/entity``.
        wanted: The fields to show; all when empty.
        zone: The offset that date-times are shown in; None shows them without one.

    Raises:
        InvalidRequestError: A wanted field that the entity does not have.
    """

    def __init__(
        self,
        entity: Entity,
        warehouse: Warehouse,
        root: str,
        wanted: tuple[str, ...] = (),
        zone: dt.tzinfo | None = None,
    ) -> None:
        self._entity, self._warehouse, self._root, self._zone = entity, warehouse, root, zone
        names = [*(field.name for field in entity.fields), "url"]
        unknown = [name for name in wanted if name not in names]
        if unknown:
            raise InvalidRequestError({"fields": f"{entity.name} has no field {', '.join(unknown)}"})
        self._shown = [field for field in entity.fields if not wanted or field.name in wanted]
        self._plain = {Kind.DATETIME} if zone else set()
        self._url = not wanted or "url" in wanted

    def show(self, row: Row) -> dict[str, Plain]:
        """One row."""
        shown: dict[str, Plain] = {}
        for field in self._shown:
            kind, name = field.kind, field.name
            value = row.get(name)
            if kind is Kind.RELATION:
                shown[name] = None if value is None else self._reference(field.target, value)
            elif kind is Kind.SET:
                shown[name] = self._counted(field.target, field.back, row["id"])
            elif kind in self._plain and value is not None:
                shown[name] = self._zoned(value)
            else:
                shown[name] = value
            if name == "id" and self._url:
                shown["url"] = f"{self._root}/{self._entity.name}/{value}"
        return shown

    def _reference(self, entity: str, number: int) -> dict[str, Plain]:
        key = self._warehouse.key_of(entity, number)
        return {"id": number, "key": key, "url": f"{self._root}/{entity}/{number}"}

    def _counted(self, entity: str, back: str, number: int) -> dict[str, Plain] | None:
        if entity not in ENTITIES:
            return None
        found = self._warehouse.count_of(entity, back, number)
        return {"result_count": found, "url": f"{self._root}/{entity}/?{back}={number}"} if found else None

    def _zoned(self, text: str) -> str:
        moment = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
        return moment.astimezone(self._zone).isoformat(timespec="microseconds")


def values_list(entity: Entity, warehouse: Warehouse, wanted: str) -> Callable[[Row], dict[str, Plain]]:
    """How rows look under ``values_list``: ``field``, ``relation__field``, each perhaps with ``:alias``.

    Raises:
        InvalidRequestError: A field that is not there, a set, or an alias that occurs twice.
    """
    columns: list[tuple[str, str, list[tuple[str, str]]]] = []
    for word in wanted.split(","):
        path, _, alias = word.partition(":")
        names = path.split("__")
        field = entity.by_name.get(names[0])
        through: list[tuple[str, str]] = []
        for name in names[1:]:
            if field is None or field.kind is not Kind.RELATION:
                field = None
                break
            through.append((field.target, name))
            field = ENTITIES[field.target].by_name.get(name)
        if field is None or field.kind is Kind.SET:
            raise InvalidRequestError({"values_list": f"{entity.name} has no field {path}"})
        columns.append((alias or path, names[0], through))
    if len({alias for alias, _, _ in columns}) != len(columns):
        raise InvalidRequestError({"values_list": "Values list alias names must be unique."})

    def show(row: Row) -> dict[str, Plain]:
        shown = {}
        for alias, name, through in columns:
            value = row.get(name)
            for target, field in through:
                other = None if value is None else warehouse.get(target, value)
                value = None if other is None else other.get(field)
            shown[alias] = value
        return shown

    return show


def as_xml(root: str, content: Mapping[str, Plain]) -> bytes:
    """A body as XML; items of lists are ``list-item``, NULL is an empty tag."""
    return f'<?xml version="1.0" encoding="utf-8"?>\n{_element(root, content)}'.encode()


def _element(name: str, value: Plain) -> str:
    match value:
        case None | "":
            return f"<{name}></{name}>"
        case bool():
            inner = "true" if value else "false"
        case dict():
            inner = "".join(_element(str(key), one) for key, one in value.items())
        case list() | tuple():
            inner = "".join(_element("list-item", one) for one in value)
        case _:
            inner = escape(str(value))
    return f"<{name}>{inner}</{name}>"
