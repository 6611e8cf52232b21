"""Expressions of users: what may be computed, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flext_pipelines.data.engine import Engine, identifier, literal
from flext_pipelines.data.expressions import checked_expression, checked_query
from flext_pipelines.errors import UsageError


@pytest.mark.parametrize(
    "text",
    [
        "a + b * 2",
        "upper(trim(a)) || '-' || b",
        "CASE WHEN a > 1 THEN 'x' ELSE 'y' END",
        "a::DECIMAL(10,2)",
        "TRY_CAST(a AS DATE)",
        "coalesce(a, b, 0)",
        "a IN (1, 2) AND b BETWEEN 1 AND 3",
        "date_trunc('month', t) + INTERVAL 1 DAY",
        "list_transform(l, lambda x: x + 1)",
        "regexp_replace(a, '[^0-9]', '', 'g')",
        "s.field",
        "a IS NOT DISTINCT FROM b",
    ],
)
def test_pure_expressions_are_allowed(text: str) -> None:
    """Operators, CASE, casts, lambdas and pure functions pass."""
    assert checked_expression(text, "rule 1")


@pytest.mark.parametrize(
    "text",
    [
        "a; DROP TABLE x",
        "a) FROM input; --",
        "(SELECT 1)",
        "EXISTS (SELECT 1)",
        "a IN (SELECT 1)",
        "read_text('/etc/passwd')",
        "getenv('HOME')",
        "current_setting('temp_directory')",
        "now()",
        "current_date",
        "CURRENT_TIMESTAMP",
        "random()",
        "gen_random_uuid()",
        "nextval('s')",
        "sum(a)",
        "count(*)",
        "row_number() OVER ()",
        "unnest([1, 2])",
        "*",
        "COLUMNS('a')",
        "$1",
        "?",
        "a AS b",
        "a, b",
        "a FROM t",
        "a LIMIT 1",
        "a UNION SELECT 1",
        "main.upper(a)",
        "query('SELECT 1')",
        "write_log('x')",
        "sleep_ms(1000)",
        "version()",
        "json_serialize_sql('SELECT 1')",
        "",
        "a +",
        "a\0",
    ],
)
def test_everything_else_is_refused_by_name(text: str) -> None:
    """Queries, several expressions, files, settings, the clock, chance, aggregates: refused by rule."""
    with pytest.raises(UsageError, match="rule 7") as refused:
        checked_expression(text, "rule 7")

    assert refused.value.details["where"] == "rule 7"


def test_a_comment_hides_nothing() -> None:
    """The text that runs is written anew from the tree, so a comment cannot swallow what follows it."""
    assert checked_expression("a -- ) FROM x", "rule 1") == "a"
    assert checked_expression("a /* ) */ + 1", "rule 1") == "(a + 1)"


def test_a_column_called_user_is_a_column() -> None:
    """A word of SQL that is also a column of the row is the column."""
    assert checked_expression('"user"', "rule 1", {"user"})
    with pytest.raises(UsageError):
        checked_expression('"user"', "rule 1", {"other"})


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a, sum(b) FROM input GROUP BY a HAVING sum(b) > 1",
        "WITH x AS (SELECT * FROM input) SELECT * FROM x JOIN items USING (id)",
        "SELECT *, row_number() OVER (PARTITION BY a ORDER BY b) FROM input",
        "SELECT (SELECT count(*) FROM items) FROM input",
        "SELECT * FROM input UNION ALL SELECT * FROM items;",
        "SELECT unnest(l) FROM input",
    ],
)
def test_queries_over_given_tables_are_allowed(query: str) -> None:
    """One SELECT over the tables that were given passes."""
    assert checked_query(query, "rule 1", {"input", "items"}).sql


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM other",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM input, read_text('/etc/passwd')",
        "SELECT * FROM input WHERE a IN (SELECT content FROM read_text('/etc/passwd'))",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM input; DROP TABLE input",
        "INSERT INTO input VALUES (1)",
        "COPY input TO '/tmp/x'",
        "ATTACH '/tmp/x'",
        "PRAGMA database_list",
        "SET memory_limit = '1TB'",
        "SELECT now() FROM input",
        "SELECT * FROM input USING SAMPLE 5",
        "SELECT * FROM query('SELECT 1')",
        "SHOW TABLES",
        "SELECT",
    ],
)
def test_queries_that_reach_out_are_refused(query: str) -> None:
    """Other tables, files, the catalogue, the clock, samples and other statements are refused."""
    with pytest.raises(UsageError):
        checked_query(query, "rule 1", {"input"})


def test_the_engine_itself_reaches_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Even SQL that passed no check cannot read a file it was not given, or open the lock."""
    folder = tmp_path_factory.mktemp("engine")
    secret = folder / "secret.csv"
    secret.write_text("a\n1\n")

    with Engine(folder / "scratch") as engine:
        for sql in (
            f"SELECT * FROM read_csv('{secret}')",
            f"COPY (SELECT 1) TO '{folder / 'out.csv'}'",
            f"ATTACH '{folder / 'x.duckdb'}'",
            "SET enable_external_access = true",
            "INSTALL httpfs",
        ):
            with pytest.raises(Exception, match=r"disabled|locked|Cannot"):
                engine.run(sql)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=30).filter(lambda text: "\0" not in text and bool(text)))
def test_quoting_keeps_any_text_one_name_or_value(text: str) -> None:
    """A quoted name is that name and a quoted value that value, whatever it holds."""
    import duckdb

    text = text.encode("utf-8", "ignore").decode()
    if not text:
        return
    rows = duckdb.sql(f"SELECT {literal(text)} AS {identifier(text)}")

    assert rows is not None
    assert rows.columns == [text]
    assert rows.fetchall() == [(text,)]
