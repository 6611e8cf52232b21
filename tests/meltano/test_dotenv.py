"""The project's .env keeps secrets exactly and for its owner only."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from flext_pipelines.errors import ConfigError, UsageError
from flext_pipelines.meltano.dotenv import read_dotenv, set_variables

VALUES = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=40) | st.sampled_from(
    ["${X}", "$X", "a'b\\", "${${", "x}${y:-z}", " #no comment", '"q"', "a\nb", "\\n", "\\'"]
)


@given(values=st.lists(VALUES, min_size=1, max_size=4))
def test_what_is_put_in_comes_out(tmp_path_factory: pytest.TempPathFactory, values: list[str]) -> None:
    """Meltano reads through python-dotenv exactly the value that was stored, whatever it is made of."""
    root = tmp_path_factory.mktemp("dotenv")
    stored = {f"TAP_{index}": SecretStr(value) for index, value in enumerate(values)}

    set_variables(root, stored)

    assert dotenv_values(root / ".env") == {name: value.get_secret_value() for name, value in stored.items()}


def test_a_new_file_is_its_owners_only(tmp_path: Path) -> None:
    """It is made with mode 0600 whatever the umask allows."""
    before = os.umask(0)
    try:
        set_variables(tmp_path, {"A": SecretStr("x")})
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_an_open_file_is_closed(tmp_path: Path) -> None:
    """A file that others could read is not any more once it holds a secret of ours."""
    (tmp_path / ".env").write_text("A=1\n")
    (tmp_path / ".env").chmod(0o644)

    set_variables(tmp_path, {"B": SecretStr("x")})

    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_other_lines_stay_as_they_were(tmp_path: Path) -> None:
    """Comments, blank lines, quotes, exports and broken lines are kept byte for byte."""
    others = "# top\n\nexport A=1\nB=\"two\"  # why\n\nnonsense here\n  C='x\ny'\n"
    (tmp_path / ".env").write_text(others + "OLD=1\nD=last")

    set_variables(tmp_path, {"OLD": SecretStr("new"), "NEW": SecretStr("n")})

    assert (tmp_path / ".env").read_text() == others + "OLD='new'\nD=last\nNEW='n'\n"


def test_variables_are_removed_by_name(tmp_path: Path) -> None:
    """A removed variable is gone wherever it stood; the line of a kept one is its first."""
    (tmp_path / ".env").write_text("A=1\nB=2\nA=3\n\n\nC=4\n")

    set_variables(tmp_path, {}, remove={"A"})

    assert (tmp_path / ".env").read_text() == "B=2\n\n\nC=4\n"
    assert {name: found.line for name, found in read_dotenv(tmp_path).items()} == {"B": 1, "C": 4}


def test_a_second_line_of_one_name_goes(tmp_path: Path) -> None:
    """The last of two lines would win over the new value, so that only one is left."""
    (tmp_path / ".env").write_text("A=1\nB=2\nA=3\n")

    set_variables(tmp_path, {"A": SecretStr("new")})

    assert (tmp_path / ".env").read_text() == "A='new'\nB=2\n"


def test_values_do_not_print(tmp_path: Path) -> None:
    """What was read shows no value."""
    set_variables(tmp_path, {"A": SecretStr("hunter2")})

    assert "hunter2" not in repr(read_dotenv(tmp_path))


@pytest.mark.parametrize(("name", "value"), [("A-B", "x"), ("1A", "x"), ("A", "a\0b"), ("A", "a\rb")])
def test_what_cannot_be_kept_is_refused(tmp_path: Path, name: str, value: str) -> None:
    """Nothing is written that would be read differently; the error does not show the value."""
    with pytest.raises(UsageError) as caught:
        set_variables(tmp_path, {name: SecretStr(value)})

    assert value not in str(caught.value).replace(name, "")
    assert not (tmp_path / ".env").exists()


def test_an_unreadable_file_is_an_error(tmp_path: Path) -> None:
    """A file that is no text is named, not overwritten."""
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe\n")

    with pytest.raises(ConfigError, match=r"\.env cannot be read"):
        set_variables(tmp_path, {"A": SecretStr("x")})


def test_a_linked_file_stays_linked(tmp_path: Path) -> None:
    """A .env that links to a file elsewhere is changed there."""
    real = tmp_path / "real.env"
    real.write_text("A=1\n")
    root = tmp_path / "root"
    root.mkdir()
    (root / ".env").symlink_to(real)

    set_variables(root, {"B": SecretStr("2")})

    assert (root / ".env").is_symlink()
    assert real.read_text() == "A=1\nB='2'\n"
