"""Secrets do not get past the first reader of a line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from flext_pipelines.meltano.redaction import Redactor, dotenv_values
from flext_pipelines.secrets import MASK


@pytest.mark.parametrize(
    ("name", "value", "line", "clean"),
    [
        ("SHOP_TOKEN", "abcd1234", "token abcd1234 refused", f"token {MASK} refused"),
        ("X", SecretStr("abcd1234"), "abcd1234", MASK),
        ("DB_URL", "postgresql://me:p%40ss@h/x", "login me:p%40ss and p@ss at h", f"login me:{MASK} and {MASK} at h"),
        ("DB_URL", SecretStr("duckdb:////home/x/w.duckdb"), "opening /home/x/w.duckdb", "opening /home/x/w.duckdb"),
        ("PASSWORD", 'say "hi"\n', '{"event": "say \\"hi\\"\\n"}', f'{{"event": "{MASK}"}}'),
        ("REGION", "europe", "in europe", "in europe"),
        ("PASSWORD", "abc", "abc is too short to be told from text", "abc is too short to be told from text"),
    ],
)
def test_known_secrets_are_masked(name: str, value: str | SecretStr, line: str, clean: str) -> None:
    """By type or by name; of a URL only the password, also decoded; also as JSON writes it."""
    assert Redactor({name: value})(line) == clean


@given(st.text(alphabet="abc*.+?[](){}^$|\\", min_size=4), st.text(max_size=20))
def test_no_secret_is_left_whatever_its_characters(secret: str, around: str) -> None:
    """Characters with a meaning in patterns are ordinary ones here."""
    clean = Redactor({"TOKEN": secret})(f"{around}\x00{secret}\x00{around}")

    assert secret not in clean.replace(MASK, "") or secret in around


def test_the_longest_secret_is_masked_first() -> None:
    """One that contains another leaves no rest of itself."""
    assert Redactor({"A_TOKEN": "abcd", "B_TOKEN": "abcdefgh"})("abcdefgh abcd") == f"{MASK} {MASK}"


def test_the_projects_dotenv_is_read_as_it_is(tmp_path: Path) -> None:
    """And a project needs none."""
    assert dotenv_values(tmp_path / ".env") == {}
    (tmp_path / ".env").write_text("export SHOP_TOKEN='abcd$x'\nEMPTY=\n")

    assert dotenv_values(tmp_path / ".env") == {"SHOP_TOKEN": "abcd$x"}
