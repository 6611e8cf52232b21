"""Facts about the databases that warehouse management opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from flext_pipelines.errors import ConfigError, NotFoundError
from flext_pipelines.wms.engine import open_engine, require_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://ann:sesame@h/x", "begins with mysql,"),
        ("duckdb:///x", "begins with duckdb,"),
        ("postgresql+psycopg2://ann:sesame@h/x", r"begins with postgresql\+psycopg2,"),
        ("oracle+cx_oracle://ann:sesame@h/x", r"\(ModuleNotFoundError\)"),
        ("sesame", "is not a database URL"),
        ("sqlite:///sesame.db?uri=perhaps", "is not a database URL"),
        ("sqlite://", "in memory"),
        ("sqlite:///", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:///file::memory:?uri=true", "in memory"),
        ("sqlite:///file:sesame?mode=memory&cache=shared&uri=true", "in memory"),
    ],
)
def test_an_unknown_database_is_refused_before_anything_connects(url: str, says: str) -> None:
    """By its name, with those that are known, and without the password."""
    with pytest.raises(ConfigError, match=says) as caught:
        open_engine(SecretStr(url))

    assert "sqlite:////data/wms.db" in caught.value.instruction
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("written", ["{}", "file:{}?uri=true", "file:{}?mode=ro&uri=true", "file://{}?uri=1"])
def test_a_file_is_looked_for_where_sqlite_would_open_it(tmp_path: Path, written: str) -> None:
    """Plain or as a file URI, in which %20 is a space; nothing is made of it."""
    file = tmp_path / "a folder" / "wms.db"
    url = SecretStr("sqlite:///" + written.format(str(file).replace(" ", "%20") if "file:" in written else file))

    with pytest.raises(NotFoundError) as caught:
        require_file(url)

    assert str(file) in caught.value.reason
    assert "flext wms seed" in caught.value.instruction
    assert list(tmp_path.iterdir()) == []
    file.parent.mkdir()
    file.touch()
    require_file(url)


def test_the_folder_of_a_file_uri_is_that_of_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And none called `file:` below the working folder."""
    monkeypatch.chdir(tmp_path)
    engine = open_engine(SecretStr(f"sqlite:///file:{tmp_path}/deep/wms.db?uri=true"))

    with engine.connect():
        pass
    engine.dispose()

    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    assert (tmp_path / "deep" / "wms.db").is_file()


@pytest.mark.parametrize(
    "url", ["sesame", "nosuchdb://h/x", "postgresql://h/x", "sqlite://", "sqlite:///file:x?uri=maybe"]
)
def test_what_names_no_file_is_not_looked_for(url: str) -> None:
    """What is wrong with such a URL is said where it is opened."""
    require_file(SecretStr(url))
