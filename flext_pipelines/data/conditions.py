"""Which rows to keep: structured conditions on Arrow batches, so that no condition is ever SQL text.

What belongs here: conditions of ``ExtractData``. What does not: expressions of transforms (``expressions``).
"""

from __future__ import annotations

import hashlib
from functools import reduce
from typing import TYPE_CHECKING, Literal, Self, cast

from pydantic import Field, model_validator

from flext_pipelines.errors import UsageError
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

Scalar = str | int | float | bool
Operator = Literal["=", "!=", "<", "<=", ">", ">=", "in", "not_in", "is_null", "is_not_null", "starts_with", "contains"]
_MANY = {"in", "not_in"}
_NONE = {"is_null", "is_not_null"}
_COMPARISONS: dict[str, str] = {
    "=": "equal",
    "!=": "not_equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
}


class Condition(Value):
    """One condition on one column. A row whose column is null meets only ``is_null``."""

    column: str = Field(min_length=1, description="Column of the stream.")
    operator: Operator = Field(default="=", description="How it is compared.")
    value: Scalar | None = Field(default=None, description="What it is compared with, in JSON form; dates as ISO text.")
    values: tuple[Scalar, ...] = Field(default=(), description="For `in` and `not_in`.")

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if self.operator in _MANY and not self.values:
            message = f"{self.operator!r} needs `values`"
            raise ValueError(message)
        if self.operator not in _MANY | _NONE and self.value is None:
            message = f"{self.operator!r} needs `value`"
            raise ValueError(message)
        if (self.operator in _NONE and self.value is not None) or (self.operator not in _MANY and self.values):
            message = f"{self.operator!r} takes {'no value' if self.operator in _NONE else '`value`, not `values`'}"
            raise ValueError(message)
        return self


def keep(batch: pa.RecordBatch, conditions: Sequence[Condition]) -> pa.RecordBatch:
    """The rows that meet every condition.

    Raises:
        UsageError: A column does not exist, or a value cannot be compared with it.
    """
    if not conditions:
        return batch
    masks = [_mask(batch, condition) for condition in conditions]
    return batch.filter(reduce(_both, masks))


def _both(left: pa.BooleanArray, right: pa.BooleanArray) -> pa.BooleanArray:
    import pyarrow.compute as pc

    return pc.and_kleene(left, right)


def _mask(batch: pa.RecordBatch, condition: Condition) -> pa.BooleanArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    index = batch.schema.get_field_index(condition.column)
    if index < 0:
        raise UsageError(
            f"The condition on {condition.column!r} names a column that the stream does not have",
            f"Its columns are {', '.join(batch.schema.names)}",
            {"column": condition.column, "columns": batch.schema.names},
        )
    column = batch.column(index)
    if condition.operator == "is_null":
        return column.is_null()
    if condition.operator == "is_not_null":
        return column.is_valid()
    if condition.operator in _MANY:
        wanted = pa.array([_typed(condition, value, column.type).as_py() for value in condition.values], column.type)
        found = pc.is_in(column, wanted)
        return found if condition.operator == "in" else pc.and_(pc.invert(found), column.is_valid())
    assert condition.value is not None
    if condition.operator in {"starts_with", "contains"}:
        if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
            raise _not_comparable(condition, column.type)
        match = pc.starts_with if condition.operator == "starts_with" else pc.match_substring
        return match(column, str(condition.value))
    compare = cast("Callable[[object, object], pa.BooleanArray]", getattr(pc, _COMPARISONS[condition.operator]))
    return compare(column, _typed(condition, condition.value, column.type))


def _typed(condition: Condition, value: Scalar, wanted: pa.DataType) -> pa.Scalar[pa.DataType]:
    import pyarrow as pa

    texts = [str(value).lower() if isinstance(value, bool) else str(value)]
    if pa.types.is_timestamp(wanted) and wanted.tz is not None:
        texts += [f"{texts[0]}Z", f"{texts[0]}T00:00:00Z"]
    for text in texts:
        try:
            return pa.array([text]).cast(wanted)[0]
        except pa.ArrowException:
            continue
    raise _not_comparable(condition, wanted)


def _not_comparable(condition: Condition, kind: pa.DataType) -> UsageError:
    shown = condition.values if condition.operator in _MANY else condition.value
    return UsageError(
        f"The condition {condition.column} {condition.operator} {shown!r} cannot be compared with a column of {kind}",
        "Give a value of the column's type; dates and times as ISO text",
        {"column": condition.column, "type": str(kind)},
    )


def time_range(column: str | None, start: str | None, end: str | None) -> tuple[Condition, ...]:
    """Rows from ``start`` (included) to ``end`` (excluded)."""
    if column is None:
        return ()
    bounds: list[tuple[Operator, str | None]] = [(">=", start), ("<", end)]
    return tuple(Condition(column=column, operator=sign, value=value) for sign, value in bounds if value is not None)


def scope_of(conditions: tuple[Condition, ...]) -> str | None:
    """A fingerprint of the conditions under which rows were kept, by which a bookmark counts; None when all were."""
    return hashlib.sha256(repr(conditions).encode()).hexdigest() if conditions else None
