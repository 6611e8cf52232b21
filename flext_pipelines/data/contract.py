"""What data must be like: a contract, written in YAML, as typed values.

Every check may be short (``required: true``, ``pattern: '[A-Z]+'``) or long, with its own severity and
threshold (``pattern: {regex: '[A-Z]+', severity: warning, threshold: {percent: 1}}``).

What belongs here: the shape of a contract. What does not: reading the file (``contract_file``), and deciding
whether rows meet it (``checks``, ``validate``).
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from flext_pipelines.data.dataset import DataReference
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

Severity = Literal["error", "warning"]
TypeName = Literal[
    "integer", "number", "decimal", "string", "boolean", "date", "timestamp", "time", "binary", "uuid", "json"
]
Bound = int | float | str
_AGE = re.compile(r"(\d+)\s*(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Threshold(Value):
    """How many rows may fail before the check does: a number, or a percentage of all rows."""

    count: int | None = Field(default=None, ge=0, description="Rows that may fail.")
    percent: float | None = Field(default=None, ge=0, le=100, description="Percent of all rows that may fail.")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.count is None) == (self.percent is None):
            message = "give either count or percent"
            raise ValueError(message)
        return self

    def tolerates(self, failing: int, rows: int) -> bool:
        """Whether that many failing rows of all rows are within it."""
        if self.count is not None:
            return failing <= self.count
        assert self.percent is not None
        return failing * 100 <= self.percent * rows

    def __str__(self) -> str:
        """``at most 3 rows`` or ``at most 0.5 %``."""
        return f"at most {self.count} rows" if self.count is not None else f"at most {self.percent} %"


class Check(Value):
    """What every check has: how grave a failure is, and how many rows may fail."""

    short: ClassVar[str | None] = None
    """The field that the short form sets."""

    severity: Severity | None = Field(default=None, description="A warning is reported and breaks nothing.")
    threshold: Threshold | None = Field(default=None, description="How many rows may fail; by default none.")

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: object) -> object:
        return {cls.short: value} if cls.short is not None and not isinstance(value, (dict, Value)) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Both forms."""
        long = handler(core)
        if cls.short is None:
            return long
        properties = handler.resolve_ref_schema(long)["properties"]
        return {"anyOf": [properties[cls.short], long]}


class Required(Check):
    """The column is never null."""

    short = "value"
    value: bool = Field(default=True, description="False switches the check off.")


class HasType(Check):
    """Every value is of a type, or, in a text column, can be read as one."""

    short = "name"
    name: TypeName = Field(description="The type.")


class _Bounded(Check):
    """A smallest or a largest value, or both."""

    min: Bound | None = None
    max: Bound | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.min is None and self.max is None:
            message = "give min or max"
            raise ValueError(message)
        return self


class _Elsewhere(Check):
    """Values of another dataset or warehouse table."""

    dataset: str | None = Field(default=None, description="Dataset of the landing zone; its latest version.")
    table: str | None = Field(default=None, description="Table of the warehouse.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.dataset is None) == (self.table is None):
            message = "give either dataset or table"
            raise ValueError(message)
        return self

    @property
    def reference(self) -> DataReference:
        """Where the values are."""
        return DataReference(dataset=self.dataset, table=self.table)


class InRange(_Bounded):
    """Every value lies between bounds."""

    min: Bound | None = Field(default=None, description="Smallest value; dates as ISO text.")
    max: Bound | None = Field(default=None, description="Largest value.")
    exclusive_min: bool = Field(default=False, description="The smallest value itself is not allowed.")
    exclusive_max: bool = Field(default=False, description="The largest value itself is not allowed.")


class OneOf(Check):
    """Every value is one of a list."""

    short = "values"
    values: tuple[str | int | float | bool, ...] = Field(min_length=1, description="What is allowed.")


class Matches(Check):
    """Every value, as text, matches a regular expression from its first to its last character (RE2)."""

    short = "regex"
    regex: str = Field(min_length=1, description="The expression; it must match the whole value.")


class HasLength(_Bounded):
    """Every value, as text, has that many characters."""

    min: int | None = Field(default=None, ge=0, description="Fewest characters.")
    max: int | None = Field(default=None, ge=0, description="Most characters.")


class Unique(Check):
    """No value appears twice; every row that shares its value fails. Nulls are never equal."""

    short = "value"
    value: bool = Field(default=True, description="False switches the check off.")


class UniqueTogether(Check):
    """No combination of values appears twice. A combination with a null is never equal to another."""

    columns: tuple[str, ...] = Field(min_length=1, description="The columns of the combination.")


class References(_Elsewhere):
    """Every value that is not null exists in a column of another dataset or warehouse table."""

    column: str = Field(min_length=1, description="Column of it.")


class ReferencesTogether(_Elsewhere):
    """Every combination without a null exists in columns of another dataset or warehouse table."""

    columns: tuple[str, ...] = Field(min_length=1, description="Columns of this dataset.")
    references: tuple[str, ...] = Field(min_length=1, description="Columns there, in the same order.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.columns) != len(self.references):
            message = f"{len(self.columns)} columns cannot reference {len(self.references)}"
            raise ValueError(message)
        return self


class Fresh(Check):
    """The newest value of a date or timestamp column is not older than an age."""

    short = "max_age"
    max_age: str = Field(description="Such as `90m`, `36h`, `7d`: s, m, h, d or w.")

    @field_validator("max_age")
    @classmethod
    def _an_age(cls, text: str) -> str:
        if not _AGE.fullmatch(text.strip()):
            message = f"{text!r} is no age; write 90m, 36h or 7d"
            raise ValueError(message)
        return text

    @property
    def age(self) -> timedelta:
        """As a time span."""
        found = _AGE.fullmatch(self.max_age.strip())
        assert found is not None
        return timedelta(**{_UNITS[found.group(2)]: int(found.group(1))})


class RowCount(_Bounded):
    """How many rows there are."""

    min: int | None = Field(default=None, ge=0, description="Fewest rows.")
    max: int | None = Field(default=None, ge=0, description="Most rows.")


class Expression(Check):
    """A DuckDB expression that is true for every row. Null counts as true, as in SQL's CHECK; an error as false."""

    short = "sql"
    sql: str = Field(min_length=1, description="The expression.")
    name: str | None = Field(default=None, description="What to call it in reports.")


class ColumnContract(Value):
    """What one column must be like. It must exist, unless it is optional."""

    description: str = Field(default="", description="For people.")
    optional: bool = Field(default=False, description="The column may be missing altogether.")
    severity: Severity | None = Field(default=None, description="Of this column's checks that give none.")
    threshold: Threshold | None = Field(default=None, description="Of this column's checks that give none.")
    required: Required | None = Field(default=None, description="Never null.")
    type: HasType | None = Field(default=None, description="Of a type.")
    range: InRange | None = Field(default=None, description="Between bounds.")
    enum: OneOf | None = Field(default=None, description="One of a list.")
    pattern: Matches | None = Field(default=None, description="Matches a regular expression.")
    length: HasLength | None = Field(default=None, description="Number of characters.")
    unique: Unique | None = Field(default=None, description="No value twice.")
    references: References | None = Field(default=None, description="Exists elsewhere.")
    freshness: Fresh | None = Field(default=None, description="Newest value is recent.")


class Contract(Value):
    """What a dataset must be like."""

    version: Literal[1] = Field(default=1, description="Version of this format.")
    description: str = Field(default="", description="For people.")
    severity: Severity = Field(default="error", description="Of checks that give none.")
    threshold: Threshold = Field(default=Threshold(count=0), description="Of checks that give none.")
    additional_columns: Literal["allow", "refuse"] = Field(default="allow", description="Columns not named here.")
    columns: dict[str, ColumnContract] = Field(default_factory=dict, description="Checks by column.")
    row_count: RowCount | None = Field(default=None, description="How many rows.")
    unique: tuple[UniqueTogether, ...] = Field(default=(), description="Combinations that are unique.")
    foreign_keys: tuple[ReferencesTogether, ...] = Field(default=(), description="Combinations that exist elsewhere.")
    expressions: tuple[Expression, ...] = Field(default=(), description="Expressions that are true for every row.")

    @field_validator("columns", mode="before")
    @classmethod
    def _named_only(cls, value: object) -> object:
        """``note:`` with nothing under it says only that the column exists."""
        return {name: {} if one is None else one for name, one in value.items()} if isinstance(value, dict) else value
