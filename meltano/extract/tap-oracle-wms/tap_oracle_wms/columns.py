"""A column of an entity: what every column of a stream has, and where in the API's rows its values come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final

from singer_columnar.columns import DECIMAL128_DIGITS, Column, JsonSchema, Kind, column_from_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

DECIMAL_DIGITS: Final = DECIMAL128_DIGITS


class Part(StrEnum):
    """Which part of an API field a column holds."""

    VALUE = "value"
    REFERENCE_ID = "id"
    REFERENCE_KEY = "key"
    SET_COUNT = "count"
    SET_TOTAL = "total"
    JSON_TEXT = "json"


@dataclass(frozen=True)
class EntityColumn(Column):
    """One column of an entity.

    Attributes:
        path: The API field it comes from; further names lead into nested objects.
        part: Which part of that field.
    """

    DECLARED_KEYWORD: ClassVar[str] = "x-wms-type"

    precision: int = DECIMAL_DIGITS
    path: tuple[str, ...] = field(kw_only=True)
    part: Part = Part.VALUE

    def json_schema(self) -> JsonSchema:
        """The column's property in the stream's JSON schema."""
        schema = {**super().json_schema(), "x-wms-path": list(self.path)}
        return schema if self.part is Part.VALUE else {**schema, "x-wms-part": self.part.value}


_KINDS: Final = frozenset(
    {Kind.INTEGER, Kind.DECIMAL, Kind.BOOLEAN, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ, Kind.TIME, Kind.TEXT}
)


def entity_column_from_schema(name: str, schema: Mapping[str, Any]) -> EntityColumn:
    """Read a column back from its JSON schema, as it stands in a catalog.

    Args:
        name: The property's name.
        schema: The property's schema, as ``EntityColumn.json_schema`` wrote it, or as a user changed it in the catalog.

    Returns:
        The column. A schema that none of ours matches is read as text.
    """
    found = column_from_schema(name, schema)
    return EntityColumn(
        name=name,
        kind=found.kind if found.kind in _KINDS else Kind.TEXT,
        nullable=found.nullable,
        scale=found.scale,
        max_length=found.max_length,
        declared=str(schema.get(EntityColumn.DECLARED_KEYWORD, "")),
        path=tuple(schema.get("x-wms-path", [name])),
        part=Part(schema.get("x-wms-part", Part.VALUE)),
    )
