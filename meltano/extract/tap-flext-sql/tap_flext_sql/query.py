"""What to read, and the SELECT that reads it: identifiers quoted by SQLAlchemy, values always as bound parameters."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_columnar.columns import Column
    from sqlalchemy.engine.interfaces import Dialect

    from tap_flext_sql.table_ref import TableRef

_OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True)
class Bound:
    """A condition ``column operator value``; the value is sent as a bound parameter."""

    column: Column
    operator: str
    value: Any


@dataclass(frozen=True)
class TableQuery:
    """Rows of one table.

    Attributes:
        table: Where from.
        columns: What to read, in this order.
        bounds: Conditions, all of which must hold.
        key: The replication or split key: rows come in its order.
        null_keys: None for all rows, True for those whose key is NULL only, False for those whose key is not NULL.
        limit: Most rows to read, None for all.
    """

    table: TableRef
    columns: tuple[Column, ...]
    bounds: tuple[Bound, ...] = ()
    key: Column | None = None
    null_keys: bool | None = None
    limit: int | None = None

    def within(self, key: Column, low: Any, high: Any) -> TableQuery:
        """The part of the rows with ``low <= key < high``, an end that is None being open; NULL keys are left out."""
        parts = [Bound(key, sign, value) for sign, value in ((">=", low), ("<", high)) if value is not None]
        return replace(self, bounds=(*self.bounds, *parts), key=key, null_keys=False)


@dataclass(frozen=True)
class Statement:
    """SQL text of one dialect with its parameters, in the order or by the names that the text uses."""

    sql: str
    parameters: tuple[Any, ...] | dict[str, Any]


def table_clause(table: TableRef) -> sa.TableClause:
    """A table as SQLAlchemy sees it."""
    return sa.table(table.name, schema=table.schema)


def conditions(query: TableQuery, bind: Callable[[Bound, int], Any] | None = None) -> list[sa.ColumnElement[bool]]:
    """The WHERE conditions of a query.

    Args:
        query: What to read.
        bind: How a bound's value enters the SQL; a plain bound parameter when not given.

    Returns:
        The conditions, to be joined by AND.
    """
    clauses: list[sa.ColumnElement[bool]] = []
    if query.key is not None and query.null_keys is not None:
        key: sa.ColumnClause[Any] = sa.column(query.key.name)
        clauses.append(key.is_(None) if query.null_keys else key.is_not(None))
    for number, bound in enumerate(query.bounds):
        value = bind(bound, number) if bind else sa.bindparam(f"bound_{number}", bound.value)
        clauses.append(_OPERATORS[bound.operator](sa.column(bound.column.name), value))
    return clauses


def select_rows(
    query: TableQuery,
    expression: Callable[[Column], sa.ColumnElement[Any]] | None = None,
    bind: Callable[[Bound, int], Any] | None = None,
) -> sa.Select[Any]:
    """The SELECT of a query.

    Args:
        query: What to read.
        expression: How a column is read, the bare column when not given.
        bind: As in ``conditions``.

    Returns:
        The statement, ready to be compiled for any dialect.
    """
    read = expression or (lambda column: sa.column(column.name))
    items = [read(column).label(column.name) for column in query.columns]
    select = sa.select(*items).select_from(table_clause(query.table)).where(*conditions(query, bind))
    if query.key is not None and not query.null_keys:
        select = select.order_by(sa.column(query.key.name))
    return select if query.limit is None else select.limit(sa.literal_column(str(query.limit)))


def select_count_of_null_keys(table: TableRef, key: Column) -> sa.Select[Any]:
    """How many rows have no replication key."""
    return sa.select(sa.func.count()).select_from(table_clause(table)).where(sa.column(key.name).is_(None))


def select_key_range(query: TableQuery, key: Column, bind: Callable[[Bound, int], Any] | None = None) -> sa.Select[Any]:
    """Smallest and largest value of a key, within the query's bounds; ``bind`` as in ``conditions``."""
    name: sa.ColumnClause[Any] = sa.column(key.name)
    return (
        sa.select(sa.func.min(name), sa.func.max(name))
        .select_from(table_clause(query.table))
        .where(*conditions(query, bind))
    )


def dialect_of(name: str, **options: Any) -> Dialect:
    """A dialect to compile for, without a driver.

    Args:
        name: SQLAlchemy's name of it.
        options: Its options, for example ``paramstyle``.

    Returns:
        The dialect.
    """
    kind: Callable[..., Dialect] = registry.load(name)
    return kind(**options)


def compile_for(dialect: Dialect, statement: sa.sql.ClauseElement) -> Statement:
    """Compile a statement.

    Args:
        dialect: The dialect, whose ``paramstyle`` decides how parameters are written.
        statement: What to compile.

    Returns:
        The SQL text and its parameters.
    """
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    values = dict(compiled.construct_params() or {})
    names = compiled.positiontup  # type: ignore[attr-defined] # None for a dialect with named parameters
    if names is None:
        return Statement(str(compiled), values)
    return Statement(str(compiled), tuple(values[name] for name in names))
