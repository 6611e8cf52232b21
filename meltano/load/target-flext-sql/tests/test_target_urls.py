"""One URL in place of single settings."""

from __future__ import annotations

from typing import Any

import pytest

from target_flext_sql.drivers.oracle import connect_arguments
from target_flext_sql.errors import SettingsError
from target_flext_sql.settings import check, with_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("duckdb:////data/my%20house.duckdb", {"dialect": "duckdb", "path": "/data/my house.duckdb"}),
        ("duckdb:///house.duckdb", {"dialect": "duckdb", "path": "house.duckdb"}),
        ("postgresql+psycopg://u:p@h/d", {"dialect": "postgresql"}),
        (
            "oracle+oracledb://u:p%40ss@h:1522/?service_name=WMS",
            {"dialect": "oracle", "host": "h", "port": 1522, "user": "u", "password": "p@ss", "database": "WMS"},
        ),
        ("oracle://u:p@h/WMS", {"dialect": "oracle", "host": "h", "user": "u", "password": "p", "database": "WMS"}),
    ],
)
def test_a_url_says_which_database_and_where(url: str, expected: dict[str, Any]) -> None:
    """Each part of the URL stands where the single setting would."""
    found = with_url({"sqlalchemy_url": url})

    assert {**expected, "sqlalchemy_url": url} == found
    check(found)


def test_settings_beside_a_url_stay() -> None:
    """What a URL does not say keeps its setting."""
    found = with_url({"sqlalchemy_url": "duckdb:///x", "load_method": "append", "dialect": "oracle"})

    assert (found["dialect"], found["load_method"]) == ("duckdb", "append")


def test_an_oracle_url_makes_a_connect_string() -> None:
    """The driver gets the same arguments as from single settings."""
    single = {"host": "h", "port": 1522, "user": "u", "password": "p", "database": "WMS"}

    from_url = connect_arguments(with_url({"sqlalchemy_url": "oracle://u:p@h:1522/?service_name=WMS"}))

    assert connect_arguments(single) == from_url


@pytest.mark.parametrize("url", ["mysql://u:hunter2@h/d", "hunter2"])
def test_an_unknown_url_is_refused_without_repeating_it(url: str) -> None:
    """The error says what is allowed; a password in the URL stays out."""
    with pytest.raises(SettingsError) as caught:
        with_url({"sqlalchemy_url": url})

    assert "duckdb:///" in str(caught.value)
    assert "hunter2" not in str(caught.value)
