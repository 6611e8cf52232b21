"""Pages by key: where the next one goes on, and the opaque text that says so.

A cursor is the last row's key with a signature under a secret of the database and the question it belongs to. So it is
stable whatever is inserted before it, good in every process, and refused when it was changed or belongs to another
question.

What belongs here: cursors and the comparison of keys. What does not: which keys a query has.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from flext_pipelines.errors import CursorRefusedError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy.sql.compiler import SQLCompiler

_MAC_BYTES = 16

Key = int | str | dt.datetime
"""A part of a key that pages are read by."""


class Cursors:
    """Makes and reads cursors.

    Args:
        secret: Of the database.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def make(self, question: BaseModel, key: Sequence[Key]) -> str:
        """The cursor after a row of that key."""
        plain = json.dumps([_plain(part) for part in key], separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._sign(question, plain) + plain).decode().rstrip("=")

    def read(self, question: BaseModel, cursor: str) -> list[Key]:
        """The key in a cursor.

        Raises:
            CursorRefusedError: It was not made by us, for this question.
        """
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _refused() from None
        signature, plain = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(signature, self._sign(question, plain)):
            raise _refused()
        return [_key(part) for part in json.loads(plain)]

    def _sign(self, question: BaseModel, plain: bytes) -> bytes:
        asked = type(question).__name__ + question.model_dump_json(exclude={"cursor", "limit"})
        return hmac.digest(self._secret, asked.encode() + b"\0" + plain, hashlib.sha256)[:_MAC_BYTES]


def _plain(part: Key) -> object:
    return {"t": part.isoformat()} if isinstance(part, dt.datetime) else part


def _key(part: Any) -> Key:  # noqa: ANN401  what JSON holds; it is signed, so that we have written it
    return dt.datetime.fromisoformat(part["t"]) if isinstance(part, dict) else part


def _refused() -> CursorRefusedError:
    return CursorRefusedError(
        "This cursor is not one of ours for this search: it was changed, cut off, or belongs to other filters",
        "Ask for the first page anew, without cursor",
        {"problems": [{"path": "cursor", "reason": "not a cursor of this search", "allowed": []}]},
    )


class _Condition(FunctionElement[bool]):
    """A condition that we spell ourselves."""

    inherit_cache = True
    type = sa.Boolean()

    def self_group(self, against: object = None) -> _Condition:  # noqa: ARG002  SQLAlchemy's signature
        """Itself: for a database without booleans (Oracle) SQLAlchemy would compare it with 1."""
        return self


class Leading(_Condition):
    """``a = x AND b = y``, where the columns lead the index that must be read in its order.

    PostgreSQL drops columns that equal constants from the wanted order, and may then read another index and throw away
    what does not fit, which is endless where little fits lately. A range from (x, y) to (x, y) is no constant to it, so
    that only the index that begins with the columns has the order. Given as all columns, then all values.
    """

    inherit_cache = True
    name = "leading"


@compiles(Leading)
def _equal(element: Leading, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401  as SQLAlchemy gives them
    left, right = _sides(element, compiler, options)
    return " AND ".join(f"{column} = {value}" for column, value in zip(left, right, strict=True))


@compiles(Leading, "postgresql")
def _range_of_one(element: Leading, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401  as SQLAlchemy gives them
    left, right = (", ".join(side) for side in _sides(element, compiler, options))
    return f"({left}) >= ({right}) AND ({left}) <= ({right})"


class Beyond(_Condition):
    """``(a, b) > (x, y)``: rows after a key.

    Given as the number of columns that lead, all columns, then all values. The leading ones are known to be equal;
    PostgreSQL, which was told so by a range, needs them to find the place.
    """

    inherit_cache = True
    name = "beyond"
    sign = ">"


class Before(Beyond):
    """``(a, b) < (x, y)``: rows before a key."""

    inherit_cache = True
    name = "before"
    sign = "<"


@compiles(Beyond)
def _row_values(element: Beyond, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401  as SQLAlchemy gives them
    left, right = _key_sides(element, compiler, options)
    return f"({', '.join(left)}) {element.sign} ({', '.join(right)})"


@compiles(Beyond, "postgresql")
def _with_leading(element: Beyond, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401  as SQLAlchemy gives them
    left, right = _sides(element, compiler, options, skipped=1)
    return f"({', '.join(left)}) {element.sign} ({', '.join(right)})"


@compiles(Beyond, "oracle")
def _written_out(element: Beyond, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401  as SQLAlchemy gives them
    """Oracle has no order of row values. The first comparison is what its index range begins with."""
    left, right = _key_sides(element, compiler, options)
    text = f"{left[-1]} {element.sign} {right[-1]}"
    for column, value in zip(reversed(left[:-1]), reversed(right[:-1]), strict=True):
        text = f"{column} {element.sign}= {value} AND ({column} {element.sign} {value} OR {text})"
    return f"({text})"


def _sides(
    element: FunctionElement[bool], compiler: SQLCompiler, options: dict[str, Any], *, skipped: int = 0
) -> tuple[list[str], list[str]]:
    texts = [compiler.process(clause, **options) for clause in list(element.clauses)[skipped:]]
    half = len(texts) // 2
    return texts[:half], texts[half:]


def _key_sides(element: Beyond, compiler: SQLCompiler, options: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Without the columns that lead."""
    lead = int(str(next(iter(element.clauses))))
    left, right = _sides(element, compiler, options, skipped=1)
    return left[lead:], right[lead:]


Columns = Sequence[sa.Column[Any]]


def leading(columns: Columns, names: Sequence[str]) -> Leading:
    """The rows in which columns have the values of parameters, to be read in the order of the index they lead."""
    return Leading(*columns, *_bound(columns, names))


def beyond(columns: Columns, lead: Columns = (), names: Sequence[str] = (), *, descending: bool = False) -> Beyond:
    """The rows after a key in the order of the columns, or before it where that is descending; see ``key_values``.

    Args:
        columns: The key.
        lead: Columns that are known to be equal, which lead the index.
        names: Their parameters.
        descending: The direction.
    """
    values = _bound(columns, [f"after_{place}" for place in range(len(columns))])
    kind = Before if descending else Beyond
    return kind(sa.literal_column(str(len(lead))), *lead, *columns, *_bound(lead, names), *values)


def _bound(columns: Columns, names: Sequence[str]) -> list[sa.BindParameter[Any]]:
    return [sa.bindparam(name, type_=column.type) for column, name in zip(columns, names, strict=True)]


def key_values(key: Sequence[Key]) -> dict[str, object]:
    """The parameters of ``beyond``."""
    return {f"after_{place}": part for place, part in enumerate(key)}
