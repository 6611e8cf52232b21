"""A contract's checks as questions to DuckDB, asked of all rows at once.

A check on rows becomes an expression that is true for a failing row. A check on the whole (how many rows, how
fresh, which columns) becomes an answer of its own.

What belongs here: contract to SQL. What does not: running it, counting, reporting (``validate``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flext_pipelines.data.contract import Severity, Threshold
from flext_pipelines.data.engine import Engine, identifier, literal
from flext_pipelines.data.expressions import checked_expression
from flext_pipelines.errors import ConfigError, FlextError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from flext_pipelines.data.contract import (
        Bound,
        Check,
        ColumnContract,
        Contract,
        References,
        ReferencesTogether,
    )
    from flext_pipelines.data.dataset import DataReference

DATA = "data"
"""The relation that is checked."""

_SQL_TYPES = {
    "integer": "HUGEINT",
    "number": "DOUBLE",
    "decimal": "DECIMAL(38, 12)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "time": "TIME",
    "uuid": "UUID",
    "json": "JSON",
}
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_REAL = ("FLOAT", "DOUBLE")
_FAMILIES: dict[str, tuple[str, ...]] = {
    "integer": _WHOLE,
    "number": (*_WHOLE, *_REAL, "DECIMAL"),
    "decimal": (*_WHOLE, "DECIMAL"),
    "string": ("VARCHAR",),
    "boolean": ("BOOLEAN",),
    "date": ("DATE",),
    "timestamp": ("TIMESTAMP",),
    "time": ("TIME",),
    "binary": ("BLOB",),
    "uuid": ("UUID",),
    "json": ("JSON", "STRUCT", "MAP"),
}


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A question about each row.

    Attributes:
        name: ``amount.range``.
        column: The column, if it is about one.
        fails: SQL expression, true for a failing row.
        reason: What a failing row is told.
    """

    name: str
    column: str | None
    severity: Severity
    threshold: Threshold
    fails: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A question about the whole, answered."""

    name: str
    column: str | None
    severity: Severity
    met: bool
    reason: str


class Compiler:
    """Turns one contract into checks of one relation.

    Args:
        engine: Where ``data`` and the referenced relations are.
        contract: The contract.
        relations: Name of the relation for each dataset or table that the contract refers to.
        as_of: The moment against which freshness is measured.
    """

    def __init__(self, engine: Engine, contract: Contract, relations: Mapping[str, str], as_of: datetime) -> None:
        self.rows: list[RowCheck] = []
        self.verdicts: list[Verdict] = []
        self._engine = engine
        self._contract = contract
        self._relations = relations
        self._as_of = as_of
        self._types = engine.columns(DATA)
        self._typed: dict[str, str] = {}

    def compile(self) -> None:
        """Fill ``rows`` and ``verdicts``.

        Raises:
            ConfigError: The contract does not fit the data, such as a bound that is no number.
        """
        contract = self._contract
        for name, column in contract.columns.items():
            if name in self._types:
                self._column(name, column)
            elif not column.optional:
                severity = column.severity or contract.severity
                self.verdicts.append(Verdict(f"{name}.present", name, severity, False, f"column {name!r} is missing"))
        unknown = [name for name in self._types if name not in contract.columns]
        if contract.additional_columns == "refuse":
            told = f"unknown columns: {', '.join(unknown)}"
            self.verdicts.append(Verdict("additional_columns", None, contract.severity, not unknown, told))
        for number, together in enumerate(contract.unique, 1):
            self._add(f"unique.{number}", None, together, *self._unique(together.columns, f"unique {number}"))
        for number, keys in enumerate(contract.foreign_keys, 1):
            self._add(f"foreign_key.{number}", None, keys, *self._exists(keys, keys.columns, keys.references))
        for number, expression in enumerate(contract.expressions, 1):
            name = expression.name or f"expression.{number}"
            self._add(name, None, expression, *self._expression(expression.sql, f"contract expression {number}"))
        self._row_count()

    def _add(self, name: str, column: str | None, check: Check, fails: str, reason: str) -> None:
        of_column = self._contract.columns.get(column) if column is not None else None
        severity = check.severity or (of_column.severity if of_column else None) or self._contract.severity
        threshold = check.threshold or (of_column.threshold if of_column else None) or self._contract.threshold
        self.rows.append(RowCheck(name, column, severity, threshold, fails, reason))

    def _column(self, name: str, column: ColumnContract) -> None:
        quoted = identifier(name)
        text = f"CAST({quoted} AS VARCHAR)"
        if column.required is not None and column.required.value:
            self._add(f"{name}.required", name, column.required, f"{quoted} IS NULL", f"{name} is null")
        if column.type is not None:
            fails, reason = self._type(name, column.type.name)
            self._add(f"{name}.type", name, column.type, fails, reason)
        if column.range is not None:
            self._range(name, column)
        if column.enum is not None:
            allowed = ", ".join(literal(_as_text(value)) for value in column.enum.values)
            reason = f"{name} is none of the allowed values"
            self._add(f"{name}.enum", name, column.enum, f"{text} NOT IN ({allowed})", reason)
        if column.pattern is not None:
            fails = f"NOT regexp_full_match({text}, {literal(column.pattern.regex)})"
            self._try(f"{name}.pattern", fails)
            self._add(f"{name}.pattern", name, column.pattern, fails, f"{name} does not match {column.pattern.regex}")
        if column.length is not None:
            low, high = column.length.min, column.length.max
            bounds = [f"length({text}) < {low}"] if low is not None else []
            bounds += [f"length({text}) > {high}"] if high is not None else []
            reason = f"{name} has fewer than {low} or more than {high} characters"
            self._add(f"{name}.length", name, column.length, " OR ".join(bounds), reason)
        if column.unique is not None and column.unique.value:
            self._add(f"{name}.unique", name, column.unique, *self._unique((name,), f"{name}.unique"))
        if column.references is not None:
            found = self._exists(column.references, (name,), (column.references.column,))
            self._add(f"{name}.references", name, column.references, *found)
        if column.freshness is not None:
            self._freshness(name, column)

    def _type(self, name: str, wanted: str) -> tuple[str, str]:
        """What fails to be of a type; text counts as what can be read from it."""
        quoted, found = identifier(name), self._types[name]
        reason = f"{name} is no {wanted}"
        if found.startswith(_FAMILIES[wanted]):
            return "false", reason
        if found.startswith("VARCHAR") and wanted in _SQL_TYPES:
            self._typed[name] = _readable(quoted, wanted)
            return f"{quoted} IS NOT NULL AND {self._typed[name]} IS NULL", reason
        if wanted == "integer" and found.startswith((*_REAL, "DECIMAL")):
            # Not a number equals itself in DuckDB, and so does its floor.
            return f"({quoted} <> floor({quoted}) OR NOT isfinite(CAST({quoted} AS DOUBLE)))", reason
        return f"{quoted} IS NOT NULL", f"{reason}: the column is {found}"

    def _range(self, name: str, column: ColumnContract) -> None:
        bounds = column.range
        assert bounds is not None
        value, kind = identifier(name), self._types[name]
        if name in self._typed and column.type is not None:
            value, kind = self._typed[name], _SQL_TYPES[column.type.name]
        parts, said = [], []
        sides: tuple[tuple[Bound | None, str, str], ...] = (
            (bounds.min, "<=" if bounds.exclusive_min else "<", "above" if bounds.exclusive_min else "at least"),
            (bounds.max, ">=" if bounds.exclusive_max else ">", "below" if bounds.exclusive_max else "at most"),
        )
        for bound, sign, words in sides:
            if bound is not None:
                parts.append(f"{value} {sign} {self._bound(name, bound, kind)}")
                said.append(f"{words} {bound}")
        self._add(f"{name}.range", name, bounds, " OR ".join(parts), f"{name} is not {' and '.join(said)}")

    def _bound(self, name: str, bound: Bound, kind: str) -> str:
        # A bound of 0.5 must not be rounded to the column's whole numbers.
        wanted = "DECIMAL(38, 12)" if isinstance(bound, (int, float)) and kind.startswith(_WHOLE) else kind
        written = f"CAST({literal(str(bound))} AS {wanted})"
        self._try(f"{name}.range", written)
        return written

    def _unique(self, columns: tuple[str, ...], where: str) -> tuple[str, str]:
        for column in columns:
            self._known(column, where)
        names = [identifier(column) for column in columns]
        row, whole = _together(names), " AND ".join(f"{name} IS NOT NULL" for name in names)
        twice = f"SELECT {row} FROM {DATA} WHERE {whole} GROUP BY {', '.join(names)} HAVING count(*) > 1"  # noqa: S608  quoted names only
        return f"({whole} AND {row} IN ({twice}))", f"{', '.join(columns)} is not unique"

    def _exists(
        self, check: References | ReferencesTogether, columns: tuple[str, ...], there: tuple[str, ...]
    ) -> tuple[str, str]:
        relation = identifier(self._relations[str(check.reference)])
        known = self._engine.columns(relation)
        for column in there:
            if column not in known:
                raise ConfigError(
                    f"The contract refers to column {column!r} of {check.reference}, which has none of that name",
                    f"Its columns are {', '.join(known)}",
                    {"reference": str(check.reference), "column": column},
                )
        for column in columns:
            self._known(column, "foreign key")
        here = [identifier(column) for column in columns]
        # As text when the types differ: an id that is text here and a number there is still the same id.
        pairs = [
            (name, identifier(other)) if self._types[mine] == known[other] else (_cast(name), _cast(identifier(other)))
            for name, mine, other in zip(here, columns, there, strict=True)
        ]
        whole = " AND ".join(f"{name} IS NOT NULL" for name in here)
        theirs = " AND ".join(f"{identifier(other)} IS NOT NULL" for other in there)
        wanted, held = _together([one for one, _ in pairs]), _together([other for _, other in pairs])
        fails = f"({whole} AND {wanted} NOT IN (SELECT {held} FROM {relation} WHERE {theirs}))"  # noqa: S608  quoted names only
        return fails, f"{', '.join(columns)} does not exist in {check.reference} ({', '.join(there)})"

    def _expression(self, sql: str, where: str) -> tuple[str, str]:
        written = checked_expression(sql, where, self._types)
        # TRY gives null for an error and a struct for anything else, null values included.
        fails = f"NOT coalesce(struct_extract(TRY({{'v': coalesce(CAST(({written}) AS BOOLEAN), true)}}), 'v'), false)"
        self._try(where, fails)
        return fails, f"not true: {sql}"

    def _freshness(self, name: str, column: ColumnContract) -> None:
        fresh = column.freshness
        assert fresh is not None
        quoted = identifier(name)
        newest = self._asked(f"{name}.freshness", f"SELECT max({quoted}) FROM {DATA}")  # noqa: S608  quoted names only
        oldest = self._as_of - fresh.age
        limit = f"TIMESTAMPTZ {literal(oldest.isoformat())}"
        met = self._asked(
            f"{name}.freshness",
            f"SELECT coalesce(TRY_CAST(max({quoted}) AS TIMESTAMPTZ) >= {limit}, false) FROM {DATA}",  # noqa: S608  quoted names only
        )
        severity = fresh.severity or column.severity or self._contract.severity
        told = f"newest {name} is {newest}; it may be {fresh.max_age} old at {self._as_of.isoformat()}"
        self.verdicts.append(Verdict(f"{name}.freshness", name, severity, met is True, told))

    def _row_count(self) -> None:
        bounds = self._contract.row_count
        if bounds is None:
            return
        rows = self._engine.number(f"SELECT count(*) FROM {DATA}")  # noqa: S608  quoted names only
        met = (bounds.min is None or rows >= bounds.min) and (bounds.max is None or rows <= bounds.max)
        wanted = f"{bounds.min if bounds.min is not None else 0} to {bounds.max if bounds.max is not None else 'any'}"
        severity = bounds.severity or self._contract.severity
        self.verdicts.append(Verdict("row_count", None, severity, met, f"{rows} rows, wanted {wanted}"))

    def _known(self, column: str, where: str) -> None:
        if column not in self._types:
            raise ConfigError(
                f"In {where} the contract names column {column!r}, which the data do not have",
                f"Its columns are {', '.join(self._types)}",
                {"column": column},
            )

    def _try(self, where: str, expression: str) -> None:
        """Let DuckDB bind an expression before any row is read, to name the check that is wrong."""
        self._asked(where, f"SELECT {expression} FROM {DATA} LIMIT 0", empty=True)  # noqa: S608  quoted names only
        if " FROM " not in expression and DATA not in expression and expression.startswith("CAST('"):
            self._asked(where, f"SELECT {expression}")

    def _asked(self, where: str, sql: str, *, empty: bool = False) -> object:
        try:
            rows = self._engine.run(sql)
        except FlextError as error:
            raise ConfigError(
                f"The contract's check {where} does not fit the data: {error.reason}",
                "Correct the contract",
                {"check": where},
            ) from error
        return None if empty else rows[0][0]


def _together(values: Sequence[str]) -> str:
    """Several values as one that can be looked up in a set."""
    if len(values) == 1:
        return values[0]
    return "{" + ", ".join(f"'c{number}': {value}" for number, value in enumerate(values)) + "}"


def _cast(name: str) -> str:
    return f"CAST({name} AS VARCHAR)"


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _readable(quoted: str, wanted: str) -> str:
    """A text column's value as a type; null where it cannot be read exactly."""
    cast = f"TRY_CAST({quoted} AS {_SQL_TYPES[wanted]})"
    patterns = {"integer": r"\s*[+-]?\d+\s*", "decimal": r"\s*[+-]?\d*\.?\d*\s*", "date": r"\s*\d{4}-\d\d-\d\d\s*"}
    if wanted not in patterns:
        return cast
    # DuckDB reads '1.5' as the whole number 2, and a timestamp as a date.
    return f"CASE WHEN regexp_full_match({quoted}, {literal(patterns[wanted])}) THEN {cast} END"


def references_of(contract: Contract) -> Iterator[DataReference]:
    """Every dataset and table that a contract refers to."""
    for column in contract.columns.values():
        if column.references is not None:
            yield column.references.reference
    for keys in contract.foreign_keys:
        yield keys.reference
