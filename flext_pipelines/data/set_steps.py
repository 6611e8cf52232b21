"""Rules that treat the whole set: aggregation, join, pivot, unpivot, SQL.

Each is one query over all rows, in an order that does not depend on threads, so that the same input gives the
same rows in the same order.

What belongs here: those queries. What does not: rules for single rows (``row_steps``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.data.engine import Engine, identifier, literal
from flext_pipelines.data.expressions import checked_query
from flext_pipelines.data.row_steps import described
from flext_pipelines.data.rules import Aggregate, Aggregation, Join, Pivot, Sql, Unpivot
from flext_pipelines.errors import TransformFailedError, UsageError

if TYPE_CHECKING:
    from flext_pipelines.data.rules import SetRule

MOST_PIVOT_COLUMNS = 1000
_ORDER = "_flext_n"
_ORDERED = {"first", "last", "string_agg"}
_OF_FLOATS = {"sum", "avg", "stddev", "variance"}
_SQL_NAMES = {"stddev": "stddev_samp", "variance": "var_samp", "last": "last", "first": "first"}


def set_query(engine: Engine, base: str, number: int, rule: SetRule) -> str:
    """The query of a set rule over the rows of ``base``.

    Raises:
        UsageError: It does not fit the columns.
        TransformFailedError: A key stands twice where it must not.
    """
    columns = engine.columns(f"({base})")
    match rule:
        case Aggregation():
            return _aggregation(base, columns, rule)
        case Join():
            return _join(engine, base, columns, rule, number)
        case Pivot():
            return _pivot(engine, base, columns, rule)
        case Unpivot():
            return _unpivot(base, columns, rule)
        case Sql():
            return _sql(engine, base, rule, number)


def _have(columns: dict[str, str], *names: str) -> None:
    for name in names:
        if name not in columns:
            raise UsageError(
                f"there is no column {name!r}", f"The columns here are {', '.join(columns)}", {"column": name}
            )


def _numbered(base: str, name: str = _ORDER) -> str:
    return f"(SELECT *, row_number() OVER () AS {name} FROM ({base}))"  # noqa: S608  quoted names only


def _aggregate_sql(one: Aggregate, columns: dict[str, str]) -> str:
    """One aggregate. Sums of floats are taken in row order: added in another order they differ in the last digit."""
    if one.column is None:
        return "count(*)"
    _have(columns, one.column)
    quoted = identifier(one.column)
    if one.function == "count_distinct":
        return f"count(DISTINCT {quoted})"
    if one.function == "string_agg":
        return f"string_agg(CAST({quoted} AS VARCHAR), {literal(one.separator)} ORDER BY {_ORDER})"
    floats = columns[one.column] in {"FLOAT", "DOUBLE"} and one.function in _OF_FLOATS
    order = f" ORDER BY {_ORDER}" if floats or one.function in _ORDERED else ""
    return f"{_SQL_NAMES.get(one.function, one.function)}({quoted}{order})"


def _aggregation(base: str, columns: dict[str, str], rule: Aggregation) -> str:
    _have(columns, *rule.group_by)
    groups = [identifier(name) for name in rule.group_by]
    names = [*rule.group_by, *(one.name for one in rule.aggregates)]
    _once(names)
    computed = [f"{_aggregate_sql(one, columns)} AS {identifier(one.name)}" for one in rule.aggregates]
    grouped = f" GROUP BY {', '.join(groups)}" if groups else ""
    order = f" ORDER BY {', '.join(f'{group} NULLS LAST' for group in groups)}" if groups else ""
    return f"SELECT {', '.join([*groups, *computed])} FROM {_numbered(base)}{grouped}{order}"  # noqa: S608  quoted names only


def _join(engine: Engine, base: str, columns: dict[str, str], rule: Join, number: int) -> str:
    right = identifier(f"right_{number}")
    there = engine.columns(right)
    _have(columns, *rule.on)
    _have(there, *rule.on.values(), *(rule.columns or ()))
    if rule.unique_right:
        _check_unique(engine, right, rule)
    left_rows, right_rows = _numbered(base, "_flext_l"), _numbered(f"FROM {right}", "_flext_r")
    equal = " AND ".join(f"l.{identifier(here)} = r.{identifier(other)}" for here, other in rule.on.items())
    if rule.how in {"semi", "anti"}:
        listed = ", ".join(f"l.{identifier(name)}" for name in columns)
        return (
            f"SELECT {listed} FROM {left_rows} l {rule.how.upper()} JOIN {right_rows} r ON {equal} ORDER BY l._flext_l"  # noqa: S608  quoted names only
        )
    keys = {
        here: f"coalesce(l.{identifier(here)}, r.{identifier(other)})"
        for here, other in rule.on.items()
        if rule.how in {"right", "full"}
    }
    selected = [f"{keys.get(name, f'l.{identifier(name)}')} AS {identifier(name)}" for name in columns]
    taken = [name for name in rule.columns or there if name not in rule.on.values() or rule.columns]
    names = {name: f"{name}{rule.suffix}" if name in columns else name for name in taken}
    _once([*columns, *names.values()])
    selected += [f"r.{identifier(name)} AS {identifier(new)}" for name, new in names.items()]
    return (
        f"SELECT {', '.join(selected)} FROM {left_rows} l {rule.how.upper()} JOIN {right_rows} r ON {equal} "  # noqa: S608  quoted names only
        "ORDER BY l._flext_l NULLS LAST, r._flext_r NULLS LAST"
    )


def _check_unique(engine: Engine, right: str, rule: Join) -> None:
    keys = ", ".join(identifier(name) for name in rule.on.values())
    twice = engine.run(f"SELECT {keys} FROM {right} GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 3")  # noqa: S608  quoted names only
    if twice:
        raise TransformFailedError(
            f"{rule.right} holds keys more than once in {', '.join(rule.on.values())}: {', '.join(map(str, twice))}",
            "Remove the doubles there, or switch unique_right off to have rows repeated",
            {"right": str(rule.right), "keys": [str(row) for row in twice]},
        )


def _pivot(engine: Engine, base: str, columns: dict[str, str], rule: Pivot) -> str:
    _have(columns, *rule.index, rule.column, rule.value)
    text = f"CAST({identifier(rule.column)} AS VARCHAR)"
    values: list[str | None] = list(rule.values or ())
    if rule.values is None:
        limit = MOST_PIVOT_COLUMNS + 1
        found = engine.run(f"SELECT DISTINCT {text} FROM ({base}) ORDER BY 1 NULLS LAST LIMIT {limit}")  # noqa: S608  quoted names only
        values = [None if row[0] is None else str(row[0]) for row in found]
    if len(values) > MOST_PIVOT_COLUMNS:
        raise UsageError(
            f"column {rule.column!r} has more than {MOST_PIVOT_COLUMNS} values", "List those to become columns"
        )
    names = ["null" if value is None else value for value in values]
    _once([*rule.index, *names])
    aggregate = _aggregate_sql(Aggregate(function=rule.function, column=rule.value), columns)
    matches = ["IS NULL" if value is None else f"= {literal(value)}" for value in values]
    cells = [
        f"{aggregate} FILTER (WHERE {text} {match}) AS {identifier(name)}"
        for match, name in zip(matches, names, strict=True)
    ]
    index = [identifier(name) for name in rule.index]
    order = ", ".join(f"{name} NULLS LAST" for name in index)
    return f"SELECT {', '.join([*index, *cells])} FROM {_numbered(base)} GROUP BY {', '.join(index)} ORDER BY {order}"  # noqa: S608  quoted names only


def _unpivot(base: str, columns: dict[str, str], rule: Unpivot) -> str:
    _have(columns, *rule.columns)
    stay = [name for name in columns if name not in rule.columns]
    _once([*stay, rule.name_to, rule.value_to])
    names = ", ".join(literal(name) for name in rule.columns)
    values = ", ".join(identifier(name) for name in rule.columns)
    listed = "".join(f"{identifier(name)}, " for name in stay)
    value = identifier(rule.value_to)
    nulls = "" if rule.include_nulls else f" WHERE {value} IS NOT NULL"
    rows = (
        f"SELECT {listed}{_ORDER}, unnest(range({len(rule.columns)})) AS _flext_i, "  # noqa: S608  quoted names only
        f"unnest([{names}]) AS {identifier(rule.name_to)}, unnest([{values}]) AS {value} FROM {_numbered(base)}"
    )
    return f"SELECT * EXCLUDE ({_ORDER}, _flext_i) FROM ({rows}){nulls} ORDER BY {_ORDER}, _flext_i"  # noqa: S608  quoted names only


def _sql(engine: Engine, base: str, rule: Sql, number: int) -> str:
    checked = checked_query(rule.query, described(number, rule), {"input", *rule.inputs})
    given = [f"input AS ({base})"]
    given += [f"{identifier(name)} AS (FROM {identifier(f'sql_{number}_{name}')})" for name in rule.inputs]
    order = "" if checked.ordered else " ORDER BY ALL"
    # The query's own names must not hide those given to it, so it stands alone inside.
    query = f"WITH {', '.join(given)} SELECT * FROM ({checked.sql}){order}"  # noqa: S608  quoted names only
    _once(list(engine.columns(f"({query})")))
    return query


def _once(names: list[str]) -> None:
    folded = [name.casefold() for name in names]
    twice = sorted({name for name in names if folded.count(name.casefold()) > 1})
    if twice:
        raise UsageError(f"two columns would be called {', '.join(twice)}", "Give one of them another name")
