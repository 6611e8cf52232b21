"""Facts about the databases that warehouse management opens."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from flext_pipelines.errors import ConfigError
from flext_pipelines.wms.engine import open_engine


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://ann:sesame@h/x", "begins with mysql,"),
        ("duckdb:///x", "begins with duckdb,"),
        ("postgresql+psycopg2://ann:sesame@h/x", r"begins with postgresql\+psycopg2,"),
        ("oracle+cx_oracle://ann:sesame@h/x", r"\(ModuleNotFoundError\)"),
        ("sesame", "is not a database URL"),
    ],
)
def test_an_unknown_database_is_refused_before_anything_connects(url: str, says: str) -> None:
    """By its name, with those that are known, and without the password."""
    with pytest.raises(ConfigError, match=says) as caught:
        open_engine(SecretStr(url))

    assert "sqlite:////data/wms.db" in caught.value.instruction
    assert "sesame" not in str(caught.value)
