"""Rules that treat each row alone: rename, type, calculation, filter.

A run of such rules is one query. A row that a rule cannot treat stays in it, marked with the number of the rule
and the reason, and the later rules leave it alone; so does a row that a filter leaves out. The marked rows are
then counted and set apart, and every row that came in is accounted for.

What belongs here: that query. What does not: what becomes of marked rows (``transform``).
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flext_pipelines.data.engine import Engine, identifier, literal
from flext_pipelines.data.expressions import checked_expression
from flext_pipelines.data.rules import Calculation, ColumnRename, DataType, Filter
from flext_pipelines.errors import FlextError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flext_pipelines.data.rules import RowRule, Rule

RULE, REASON, ROW, BASE = "_flext_rule", "_flext_reason", "_flext_row", "_flext_base"
RESERVED = "_flext_"
_WHOLE = re.compile(r"(?:tiny|small|big|huge)?int(?:eger)?", re.IGNORECASE)
_DECIMAL = re.compile(r"(?:decimal|numeric)(?:\((\d+)(?:, ?(\d+))?\))?", re.IGNORECASE)
_MOMENT = re.compile(r"date|time.*", re.IGNORECASE)
_NUMERIC = re.compile(r"(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|FLOAT|DOUBLE|DECIMAL.*)")
_SHOWN = 80


def described(number: int, rule: Rule) -> str:
    """``rule 3 (calculation of total)``."""
    about = f" of {rule.column}" if isinstance(rule, Calculation) else ""
    return f"rule {number} ({rule.kind}{about})"


@contextmanager
def naming(number: int, rule: Rule) -> Iterator[None]:
    """Errors inside say which rule is wrong."""
    try:
        yield
    except UsageError as error:
        where = described(number, rule)
        reason = error.reason if where in error.reason else f"In {where}: {error.reason}"
        raise UsageError(reason, error.instruction, {**error.details, "rule": number, "kind": rule.kind}) from error
    except FlextError as error:
        error.details.setdefault("rule", number)
        raise


class RowSteps:
    """A run of row rules as one query.

    Args:
        engine: Where the rows are.
        base: SQL of the rows that come in.

    Attributes:
        columns: Names and types of the columns so far.
    """

    def __init__(self, engine: Engine, base: str) -> None:
        self._engine = engine
        self.columns = engine.columns(f"({base})")
        for name in self.columns:
            _not_reserved(name)
        self._first = tuple(self.columns)
        mark = f"CAST(NULL AS INTEGER) AS {RULE}, CAST(NULL AS VARCHAR) AS {REASON}"
        self._sql = f"SELECT {BASE} AS {ROW}, {BASE}.*, {mark} FROM ({base}) {BASE}"  # noqa: S608  composed of checked parts
        self.steps: list[tuple[int, RowRule]] = []

    def add(self, number: int, rule: RowRule) -> None:
        """One more rule.

        Raises:
            UsageError: It does not fit the columns; names the rule.
        """
        with naming(number, rule):
            if isinstance(rule, ColumnRename):
                self._rename(rule)
            elif isinstance(rule, DataType):
                for column, kind in rule.columns.items():
                    self._type(number, column, kind, rule)
            elif isinstance(rule, Calculation):
                self._calculation(number, rule)
            else:
                self._filter(number, rule)
            self.columns = {
                name: kind
                for name, kind in self._engine.columns(f"({self._sql})").items()
                if not name.startswith(RESERVED)
            }
        self.steps.append((number, rule))

    @property
    def good(self) -> str:
        """SQL of the rows that went through."""
        if not self.steps:
            return f"SELECT {', '.join(self._quoted())} FROM ({self._sql})"  # noqa: S608  quoted names only
        return f"SELECT {', '.join(self._quoted())} FROM ({self._sql}) WHERE {RULE} IS NULL"  # noqa: S608  quoted names only

    @property
    def bad(self) -> str:
        """SQL of the rows with errors, as they came in, with the rule's number and the reason."""
        row = ", ".join(f"struct_extract({ROW}, {literal(name)}) AS {identifier(name)}" for name in self._first)
        return f"SELECT {row}, {RULE} AS _rule, {REASON} AS _reason FROM ({self._sql}) WHERE {RULE} > 0"  # noqa: S608  quoted names only

    def counts(self) -> dict[int | None, int]:
        """Rows by mark: None went through, k failed in rule k, -k was left out by filter k."""
        rows = self._engine.run(f"SELECT {RULE}, count(*) FROM ({self._sql}) GROUP BY 1")  # noqa: S608  quoted names only
        return {mark if isinstance(mark, int) else None: int(str(count)) for mark, count in rows}

    def _quoted(self) -> list[str]:
        return [identifier(name) for name in self.columns]

    def _have(self, column: str) -> str:
        if column not in self.columns:
            raise UsageError(
                f"there is no column {column!r}", f"The columns here are {', '.join(self.columns)}", {"column": column}
            )
        return identifier(column)

    def _rename(self, rule: ColumnRename) -> None:
        for old, new in rule.columns.items():
            self._have(old)
            _not_reserved(new)
        names = [rule.columns.get(name, name) for name in self.columns]
        twice = sorted({name for name in names if [n.casefold() for n in names].count(name.casefold()) > 1})
        if twice:
            raise UsageError(f"two columns would be called {', '.join(twice)}", "Give each another name")
        listed = ", ".join(
            f"{identifier(old)} AS {identifier(new)}" for old, new in zip(self.columns, names, strict=True)
        )
        self._sql = f"SELECT {ROW}, {listed}, {RULE}, {REASON} FROM ({self._sql})"  # noqa: S608  quoted names only

    def _type(self, number: int, column: str, kind: str, rule: DataType) -> None:
        quoted = self._have(column)
        converted = _converted(quoted, self.columns[column], kind, rule)
        failed = f"{quoted} IS NOT NULL AND {converted} IS NULL"
        shown = f"coalesce(left(CAST({quoted} AS VARCHAR), {_SHOWN}), '')"
        reason = f"concat({literal(f'column {column}: ')}, {shown}, {literal(f' cannot become {kind} without loss')})"
        self._marked(number, failed, reason, {column: converted})

    def _calculation(self, number: int, rule: Calculation) -> None:
        _not_reserved(rule.column)
        written = checked_expression(rule.expression, described(number, rule), self.columns)
        # TRY gives null for an error, and a struct for anything else, null values included.
        tried = f"TRY({{'v': ({written})}})"
        value = f"struct_extract({RESERVED}tried, 'v')"
        self._sql = f"SELECT *, {tried} AS {RESERVED}tried FROM ({self._sql})"  # noqa: S608  quoted names only
        kind = self._engine.columns(f"(SELECT {value} AS v FROM ({self._sql}))")["v"]  # noqa: S608  quoted names only
        failed = f"{RESERVED}tried IS NULL"
        if kind in {"FLOAT", "DOUBLE"}:
            failed += f" OR coalesce(NOT isfinite({value}), false)"
        reason = literal(f"cannot be calculated: {rule.expression[:200]}")
        self._marked(number, failed, reason, {rule.column: value}, drop=f"{RESERVED}tried")

    def _filter(self, number: int, rule: Filter) -> None:
        written = checked_expression(rule.condition, described(number, rule), self.columns)
        tried = f"TRY({{'v': CAST(({written}) AS BOOLEAN)}})"
        self._sql = f"SELECT *, {tried} AS {RESERVED}tried FROM ({self._sql})"  # noqa: S608  quoted names only
        out = f"NOT coalesce(struct_extract({RESERVED}tried, 'v'), false)"
        reason = literal(f"cannot be decided: {rule.condition[:200]}")
        self._marked(number, f"{RESERVED}tried IS NULL", reason, {}, drop=f"{RESERVED}tried", out=out)

    def _marked(
        self, number: int, failed: str, reason: str, values: dict[str, str], *, drop: str = "", out: str = ""
    ) -> None:
        """The next query around the last: new values, and marks for rows that are not marked yet."""
        left_out = f" WHEN {out} THEN {-number}" if out else ""
        mark = f"CASE WHEN {RULE} IS NOT NULL THEN {RULE} WHEN {failed} THEN {number}{left_out} END AS {RULE}"
        why = f"CASE WHEN {RULE} IS NOT NULL THEN {REASON} WHEN {failed} THEN {reason} END AS {REASON}"
        names = {name: identifier(name) for name in self.columns}
        existing = {name.casefold(): name for name in self.columns}
        for name, value in values.items():
            names[existing.get(name.casefold(), name)] = value
        listed = ", ".join(f"{value} AS {identifier(name)}" for name, value in names.items())
        assert drop or not out
        self._sql = f"SELECT {ROW}, {listed}, {mark}, {why} FROM ({self._sql})"  # noqa: S608  quoted names only


def _not_reserved(name: str) -> None:
    identifier(name)
    if name.casefold().startswith(RESERVED):
        raise UsageError(f"column {name!r} begins with {RESERVED!r}, which transforms use", "Give it another name")


def _converted(quoted: str, have: str, kind: str, rule: DataType) -> str:
    """A value as another type; null where it cannot be, or not without loss."""
    if rule.format is not None and _MOMENT.fullmatch(kind):
        return f"TRY_CAST(try_strptime(CAST({quoted} AS VARCHAR), {literal(rule.format)}) AS {kind})"
    cast = f"TRY_CAST({quoted} AS {kind})"
    decimal = _DECIMAL.fullmatch(kind)
    whole = _WHOLE.fullmatch(kind)
    if rule.lossy or not (decimal or whole):
        return cast
    if have == "VARCHAR":
        # DuckDB reads '1.5' as the whole number 2, and rounds the digits that a decimal has no room for.
        digits = int(decimal.group(2) or (0 if decimal.group(1) else 3)) if decimal else 0
        exact = rf"\s*[+-]?(\d+(\.\d{{0,{digits}}}0*)?|\.\d{{1,{digits}}}0*)\s*" if digits else r"\s*[+-]?\d+(\.0*)?\s*"
        return f"CASE WHEN regexp_full_match({quoted}, {literal(exact)}) THEN {cast} END"
    if _NUMERIC.fullmatch(have):
        return f"CASE WHEN {cast} = {quoted} THEN {cast} END"
    return cast
