"""Expressions of users: one DuckDB expression, or one SELECT, that can only compute.

DuckDB's own parser reads the text; the tree is checked against what is allowed, and the text that runs is
written anew from the tree. So a comment, a second statement or a closing bracket in the text can do nothing.
Allowed are operators, CASE, casts, lambdas and the built-in functions that give the same answer for the same
input. Not allowed: anything that reads files, the network, settings, the clock or chance.

What belongs here: those checks. What does not: what an expression is used for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast

from flext_pipelines.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

    import duckdb

Node = Mapping[str, object]

_EXPRESSION_CLASSES = frozenset(
    {"COLUMN_REF", "CONSTANT", "FUNCTION", "OPERATOR", "COMPARISON", "CONJUNCTION", "CAST", "CASE", "BETWEEN"}
    | {"LAMBDA", "LAMBDA_REF", "COLLATE", "TYPE"}
)
_QUERY_CLASSES = _EXPRESSION_CLASSES | {"STAR", "WINDOW", "SUBQUERY"}
_TABLES = frozenset({"BASE_TABLE", "TABLE_FUNCTION", "JOIN", "SUBQUERY", "EMPTY", "EXPRESSION_LIST"})
_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "CTE_NODE", "RECURSIVE_CTE_NODE"})
_TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest"})
_OUTSIDE = frozenset(
    {"age", "current_localtime", "current_localtimestamp", "version", "getenv", "parse_duckdb_log_message"}
    | {"json_serialize_plan", "json_serialize_sql", "json_deserialize_sql", "json_execute_serialized_sql"}
    | {"query", "query_table", "can_cast_implicitly", "invoke", "finalize", "combine", "create_sort_key", "unnest"}
)
"""Pure by DuckDB's word, yet about the clock, the server or its inside."""
_MACROS = frozenset(
    {"nullif", "if", "split_part", "date_add", "days_in_month", "fdiv", "fmod", "array_to_string", "ago"}
    | {"list_append", "list_prepend", "list_reverse", "list_sum", "list_avg", "list_min", "list_max", "list_count"}
    | {"list_first", "list_last", "list_median", "list_any_value", "list_string_agg", "list_bool_and", "list_bool_or"}
    | {"array_append", "array_prepend", "array_reverse", "map_contains_entry", "map_contains_value"}
) - {"ago"}
_CLOCK_WORDS = frozenset(
    {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "current_user", "user"}
    | {"session_user", "current_role", "current_schema", "current_catalog"}
)


class Functions(NamedTuple):
    """Names of functions that may be called."""

    scalar: frozenset[str]
    aggregate: frozenset[str]


@cache
def allowed_functions() -> Functions:
    """Read once from DuckDB's own catalogue: what it calls consistent, less what reaches outside."""
    connection = _parser()
    rows = connection.execute(
        "SELECT function_name, function_type, bool_and(coalesce(stability, '') = 'CONSISTENT') "
        "FROM duckdb_functions() WHERE internal GROUP BY ALL"
    ).fetchall()
    pure = {name for name, kind, consistent in rows if kind == "scalar" and consistent and not name.startswith("__")}
    impure = {name for name, kind, consistent in rows if kind == "scalar" and not consistent}
    aggregates = {name for name, kind, _ in rows if kind == "aggregate"}
    windows = {"row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead"}
    windows |= {"first_value", "last_value", "nth_value", "count_star"}
    return Functions(frozenset((pure - impure - _OUTSIDE) | _MACROS), frozenset(aggregates | windows))


def checked_expression(text: str, where: str, columns: Collection[str] = ()) -> str:
    """One expression over the columns of a row, written anew.

    Args:
        text: As the user wrote it.
        where: What it belongs to, for the error: ``rule 3 (calculation)``.
        columns: Names of the row's columns: one that is called ``user`` is meant before SQL's word of that name.

    Raises:
        UsageError: It is no single expression, or uses something that is not allowed; says which.
    """
    statement = _parse(f"SELECT {text}", text, where)
    node = cast("Node", statement["node"])
    selected = cast("list[Node]", node.get("select_list") or [])
    bare = (
        node.get("type") == "SELECT_NODE"
        and cast("Node", node["from_table"]).get("type") == "EMPTY"
        and not any(node.get(part) for part in ("modifiers", "where_clause", "group_expressions", "having", "qualify"))
        and not cast("Node", node.get("cte_map") or {}).get("map")
    )
    if not bare or len(selected) != 1:
        raise _refused(text, where, "it is not one single expression")
    if selected[0].get("alias"):
        raise _refused(text, where, "it gives itself a name; the rule names the column")
    _check(selected[0], text, where, _Allowed(_EXPRESSION_CLASSES, allowed_functions().scalar, _folded(columns)))
    return _written(statement).removeprefix("SELECT ")


class Query(NamedTuple):
    """A checked SELECT.

    Attributes:
        sql: Written anew.
        ordered: Whether its author orders the rows.
    """

    sql: str
    ordered: bool


def checked_query(text: str, where: str, tables: Collection[str]) -> Query:
    """One SELECT over named tables only, written anew.

    Args:
        text: As the user wrote it.
        where: What it belongs to, for the error.
        tables: Names it may read.

    Raises:
        UsageError: It is no single SELECT, reads something else, or calls what is not allowed.
    """
    statement = _parse(text.strip().rstrip(";"), text, where)
    node = cast("Node", statement["node"])
    functions = allowed_functions()
    names = _folded(tables) | _folded(list(_common_tables(node)))
    callable_here = functions.scalar | functions.aggregate | {"unnest"}
    _check(node, text, where, _Allowed(_QUERY_CLASSES, callable_here, frozenset(), names))
    modifiers = cast("list[Node]", node.get("modifiers") or [])
    return Query(_written(statement), any(one.get("type") == "ORDER_MODIFIER" for one in modifiers))


class _Allowed(NamedTuple):
    """What a tree may hold; without ``tables`` it may read none."""

    classes: frozenset[str]
    functions: frozenset[str]
    columns: frozenset[str]
    tables: frozenset[str] | None = None


def _folded(names: Collection[str]) -> frozenset[str]:
    return frozenset(name.casefold() for name in names)


def _check(node: object, text: str, where: str, allowed: _Allowed) -> None:
    for part in _walk(node):
        kind = str(part.get("class", ""))
        if part.get("sample"):
            raise _refused(text, where, "a sample is not allowed: the same input must give the same result")
        if kind:
            if kind not in allowed.classes:
                raise _refused(text, where, f"{kind.lower().replace('_', ' ')} is not allowed here")
            if kind in {"FUNCTION", "WINDOW"}:
                _check_function(part, text, where, allowed.functions)
            if kind == "COLUMN_REF":
                _check_column(part, text, where, allowed.columns)
        elif "from_table" in part or "table_name" in part or (part.get("type") and "sample" in part):
            _check_table(part, text, where, allowed.tables)


def _check_function(part: Node, text: str, where: str, functions: frozenset[str]) -> None:
    name = str(part.get("function_name", "")).casefold()
    if part.get("schema") or part.get("catalog"):
        raise _refused(text, where, f"function {name!r} is named with a schema")
    if name in functions:
        return
    aggregate = name in allowed_functions().aggregate
    why = "is an aggregate, and here each row stands alone" if aggregate else "is not allowed"
    raise _refused(text, where, f"function {name!r} {why}")


def _check_column(part: Node, text: str, where: str, columns: frozenset[str]) -> None:
    names = cast("list[str]", part.get("column_names") or [])
    if len(names) == 1 and names[0].casefold() in _CLOCK_WORDS - columns:
        raise _refused(text, where, f"{names[0]} is not allowed: the same input must give the same result")


def _check_table(part: Node, text: str, where: str, tables: frozenset[str] | None) -> None:
    kind = str(part.get("type", ""))
    if kind in _NODES or kind == "EMPTY":
        return
    if tables is None or kind not in _TABLES:
        raise _refused(text, where, f"{kind.lower().replace('_', ' ')} is not allowed here")
    if kind == "BASE_TABLE":
        name = str(part.get("table_name"))
        if part.get("schema_name") or part.get("catalog_name") or name.casefold() not in tables:
            raise _refused(text, where, f"table {name!r} is none of {', '.join(sorted(tables))}")
    if kind == "TABLE_FUNCTION":
        name = str(cast("Node", part["function"]).get("function_name")).casefold()
        if name not in _TABLE_FUNCTIONS:
            raise _refused(text, where, f"table function {name!r} is not allowed")


def _walk(node: object) -> Iterator[Node]:
    """Every object of the tree. What a table function calls is judged with the table, not as an expression."""
    if isinstance(node, Mapping):
        yield cast("Node", node)
        for name, child in node.items():
            if name == "function" and node.get("type") == "TABLE_FUNCTION":
                child = cast("Node", child).get("arguments")
            yield from _walk(child)
    elif isinstance(node, list):
        for child in node:
            yield from _walk(child)


def _common_tables(node: object) -> Iterator[str]:
    for part in _walk(node):
        entries = part.get("cte_map")
        if isinstance(entries, Mapping):
            for entry in cast("list[Node]", entries.get("map") or []):
                yield str(entry["key"])


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """A DuckDB that only parses."""
    import duckdb

    return duckdb.connect(config={"threads": 1, "enable_external_access": False})


def _parse(sql: str, text: str, where: str) -> Node:
    if "\x00" in sql:
        raise _refused(text, where, "it holds a zero byte")
    row = _parser().cursor().execute("SELECT CAST(json_serialize_sql(?) AS VARCHAR)", [sql]).fetchone()
    assert row is not None
    parsed = cast("dict[str, object]", json.loads(row[0]))
    if parsed.get("error"):
        raise _refused(text, where, str(parsed.get("error_message")))
    statements = cast("list[Node]", parsed["statements"])
    if len(statements) != 1:
        raise _refused(text, where, f"it holds {len(statements)} statements")
    return statements[0]


def _written(statement: Node) -> str:
    document = json.dumps({"error": False, "statements": [statement]})
    row = _parser().cursor().execute("SELECT json_deserialize_sql(CAST(? AS JSON))", [document]).fetchone()
    assert row is not None
    return str(row[0])


def _refused(text: str, where: str, why: str) -> UsageError:
    return UsageError(
        f"In {where} the expression {text[:200]!r} is refused: {why}",
        "Use columns, operators, CASE, casts and DuckDB's pure functions",
        {"where": where, "expression": text[:1000]},
    )
