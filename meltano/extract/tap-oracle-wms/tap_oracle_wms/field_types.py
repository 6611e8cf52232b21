"""Which type a field has: what the metadata say, else what its name says, else what a sample shows, else text."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from singer_columnar.columns import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

USUAL_LENGTH: Final = 255
LONGEST_TEXT: Final = 4000


@dataclass(frozen=True)
class FieldType:
    """The type of a field's value.

    Attributes:
        kind: What it holds.
        max_length: Longest text, or None.
    """

    kind: Kind
    max_length: int | None = None


_TEXT: Final = FieldType(Kind.TEXT, USUAL_LENGTH)

BY_METADATA: Final[dict[str, FieldType]] = {
    "pk": FieldType(Kind.INTEGER),
    "integer": FieldType(Kind.INTEGER),
    "number": FieldType(Kind.DECIMAL),
    "numeric": FieldType(Kind.DECIMAL),
    "decimal": FieldType(Kind.DECIMAL),
    "float": FieldType(Kind.DECIMAL),
    "boolean": FieldType(Kind.BOOLEAN),
    "datetime": FieldType(Kind.TIMESTAMP_TZ),
    "date": FieldType(Kind.DATE),
    "time": FieldType(Kind.TIME),
    "varchar": _TEXT,
    "string": _TEXT,
    "char": FieldType(Kind.TEXT, 10),
    "text": FieldType(Kind.TEXT, LONGEST_TEXT),
    "clob": FieldType(Kind.TEXT),
}
"""Types of the API's metadata. Relations and sets are several columns, see ``flattening``."""

_NAMES: Final[tuple[tuple[str, FieldType], ...]] = (
    ("cust_decimal_*", FieldType(Kind.DECIMAL)),
    ("cust_number_*", FieldType(Kind.DECIMAL)),
    ("cust_date_*", FieldType(Kind.TIMESTAMP_TZ)),
    ("id", FieldType(Kind.INTEGER)),
    ("*_id", FieldType(Kind.INTEGER)),
    ("*_key", _TEXT),
    *(
        (f"*_{name}", FieldType(Kind.DECIMAL))
        for name in ("qty", "quantity", "count", "amount", "price", "cost", "rate", "percent", "weight", "volume",
                     "length", "width", "height")
    ),
    *((f"*_{name}", FieldType(Kind.TIMESTAMP_TZ)) for name in ("date", "time", "ts", "timestamp")),
    *((f"*_{name}", FieldType(Kind.BOOLEAN)) for name in ("flg", "flag", "enabled", "active")),
    *((f"*_{name}", FieldType(Kind.TEXT, 500)) for name in ("desc", "description", "note", "comment")),
    *((f"*_{name}", FieldType(Kind.TEXT, 500)) for name in ("addr", "address")),
    *((f"*_{name}", FieldType(Kind.TEXT, 100)) for name in ("code", "status", "type")),
    *((f"*_{name}", _TEXT) for name in ("name", "title")),
)  # fmt: skip
"""Types by name, for fields that the metadata say nothing of; the first that fits wins."""


def type_of(name: str, described: Mapping[str, Any] | None, sample: object = None) -> FieldType:
    """The type of a field.

    Args:
        name: The field's name.
        described: What ``describe`` says of it, or None.
        sample: A value that was seen, or None.

    Returns:
        Its type. A length that the metadata give wins over the usual one; none is longer than 4,000.
    """
    known = BY_METADATA.get(str((described or {}).get("type", "")).lower())
    found = known or _by_name(name) or _by_sample(sample) or _TEXT
    given = (described or {}).get("max_length")
    if found.kind is Kind.TEXT and isinstance(given, int) and given > 0:
        return replace(found, max_length=given if given <= LONGEST_TEXT else None)
    return found


def _by_name(name: str) -> FieldType | None:
    return next((found for pattern, found in _NAMES if fnmatch.fnmatchcase(name, pattern)), None)


def _by_sample(sample: object) -> FieldType | None:
    match sample:
        case bool():
            return FieldType(Kind.BOOLEAN)
        case int():
            return FieldType(Kind.INTEGER)
        case float():
            return FieldType(Kind.DECIMAL)
        case _:
            return None
