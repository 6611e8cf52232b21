"""The rules of a transform, as typed values.

What belongs here: what a rule says. What does not: what it does (``row_steps``, ``set_steps``, ``python_step``).
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from flext_pipelines.data.dataset import DataReference
from flext_pipelines.values import Value

_TYPE = re.compile(
    r"(?:tinyint|smallint|integer|int|bigint|hugeint|float|double|real|boolean|bool|varchar|text|string|blob|binary"
    r"|date|time|timestamp|timestamptz|timestamp with time zone|timestamp_ns|uuid|json"
    r"|(?:decimal|numeric)(?:\(\d{1,2}(?:, ?\d{1,2})?\))?)",
    re.IGNORECASE,
)
AggregateFunction = Literal[
    "sum", "avg", "min", "max", "count", "count_distinct", "median", "stddev", "variance", "first", "last", "string_agg"
]


class ColumnRename(Value):
    """Give columns other names."""

    kind: Literal["column_rename"]
    columns: dict[str, str] = Field(min_length=1, description="New name by old name.")


class DataType(Value):
    """Turn columns into other types. A value that cannot be turned without loss is an error of its row."""

    kind: Literal["data_type"]
    columns: dict[str, str] = Field(min_length=1, description="DuckDB type by column, such as DECIMAL(10,2) or DATE.")
    format: str | None = Field(default=None, description="For texts of dates and times: a strptime format.")
    lossy: bool = Field(default=False, description="Digits that do not fit may be rounded away.")

    @field_validator("columns")
    @classmethod
    def _known_types(cls, columns: dict[str, str]) -> dict[str, str]:
        for column, kind in columns.items():
            if not _TYPE.fullmatch(kind.strip()):
                message = f"{kind!r} (column {column!r}) is no type; use such as BIGINT, DECIMAL(10,2), DATE, VARCHAR"
                raise ValueError(message)
        return {column: kind.strip() for column, kind in columns.items()}


class Calculation(Value):
    """Add a column, or replace one, by an expression over the row. An error in it is an error of its row."""

    kind: Literal["calculation"]
    column: str = Field(min_length=1, description="The column to add or replace.")
    expression: str = Field(min_length=1, description="DuckDB expression over the row's columns.")


class Filter(Value):
    """Keep the rows for which an expression is true; false and null rows are left out and counted."""

    kind: Literal["filter"]
    condition: str = Field(min_length=1, description="DuckDB expression over the row's columns.")


class Aggregate(Value):
    """One aggregate of a group."""

    function: AggregateFunction = Field(description="How values become one.")
    column: str | None = Field(default=None, description="Column; `count` may go without, and counts rows.")
    as_: str | None = Field(default=None, alias="as", description="Name of the result; by default column_function.")
    separator: str = Field(default=",", description="For string_agg.")

    @model_validator(mode="after")
    def _has_a_column(self) -> Self:
        if self.column is None and self.function != "count":
            message = f"{self.function} needs a column"
            raise ValueError(message)
        return self

    @property
    def name(self) -> str:
        """Name of the result."""
        return self.as_ or (f"{self.column}_{self.function}" if self.column else self.function)


class Aggregation(Value):
    """Groups and their aggregates, over the whole set; ordered by group."""

    kind: Literal["aggregation"]
    group_by: tuple[str, ...] = Field(default=(), description="Columns; none makes one group of everything.")
    aggregates: tuple[Aggregate, ...] = Field(min_length=1, description="What to compute of each group.")


class Join(Value):
    """Join with other data on equal columns; in the order of the rows here, then there."""

    kind: Literal["join"]
    right: DataReference = Field(description="The other data.")
    on: dict[str, str] = Field(min_length=1, description="Column there by column here.")
    how: Literal["inner", "left", "right", "full", "semi", "anti"] = Field(default="inner", description="Kind of join.")
    columns: tuple[str, ...] | None = Field(default=None, description="Columns to take from there; by default all.")
    suffix: str = Field(default="_right", min_length=1, description="For columns of there that exist here too.")
    unique_right: bool = Field(
        default=False, description="Fail if a key stands twice there, instead of repeating rows."
    )


class Pivot(Value):
    """Values of a column become columns; ordered by index."""

    kind: Literal["pivot"]
    index: tuple[str, ...] = Field(min_length=1, description="Columns that stay; one row for each combination.")
    column: str = Field(description="The column whose values become columns.")
    value: str = Field(description="The column that fills them.")
    function: AggregateFunction = Field(default="sum", description="For several values of one cell.")
    values: tuple[str, ...] | None = Field(
        default=None, description="Values that become columns, as text; by default all there are, sorted."
    )


class Unpivot(Value):
    """Columns become rows, in the order of the rows and columns."""

    kind: Literal["unpivot"]
    columns: tuple[str, ...] = Field(min_length=1, description="The columns that become rows.")
    name_to: str = Field(default="name", min_length=1, description="Column for their names.")
    value_to: str = Field(default="value", min_length=1, description="Column for their values.")
    include_nulls: bool = Field(default=True, description="Keep rows without a value.")


class Sql(Value):
    """One SELECT over `input` and other data; ordered by all columns unless it orders itself."""

    kind: Literal["sql"]
    query: str = Field(min_length=1, description="The SELECT; the rows so far are the table `input`.")
    inputs: dict[str, DataReference] = Field(default_factory=dict, description="Other tables by name.")

    @field_validator("inputs")
    @classmethod
    def _plain_names(cls, inputs: dict[str, DataReference]) -> dict[str, DataReference]:
        for name in inputs:
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name) or name.casefold() == "input":
                message = f"{name!r} cannot name a table: a letter, then letters, digits and _; not `input`"
                raise ValueError(message)
        return inputs


class Python(Value):
    """A Python function from a pandas DataFrame (Arrow-backed columns) to another one."""

    kind: Literal["python"]
    function: str = Field(
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$", description="`module:function`, importable."
    )
    per: Literal["batch", "whole"] = Field(default="batch", description="Called with chunk_size rows, or with all.")
    arguments: dict[str, JsonValue] = Field(default_factory=dict, description="Keyword arguments of the function.")


Rule = Annotated[
    ColumnRename | DataType | Calculation | Filter | Aggregation | Join | Pivot | Unpivot | Sql | Python,
    Field(discriminator="kind"),
]
RowRule = ColumnRename | DataType | Calculation | Filter
SetRule = Aggregation | Join | Pivot | Unpivot | Sql


def references_of(rules: tuple[Rule, ...]) -> dict[str, DataReference]:
    """The other data that rules read, by the name under which their SQL finds them."""
    found: dict[str, DataReference] = {}
    for number, rule in enumerate(rules, 1):
        if isinstance(rule, Join):
            found[f"right_{number}"] = rule.right
        if isinstance(rule, Sql):
            found |= {f"sql_{number}_{name}": reference for name, reference in rule.inputs.items()}
    return found
