"""Facts about redaction: no secret gets through, and nothing else is lost."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from flext_pipelines.secrets import (
    MASK,
    holds_secret,
    looks_secret,
    passwords_in,
    redacted,
    redacted_json,
    redacted_text,
    without_users,
)
from tests.rooms.source import modules

SECRET = "hunter2hunter2"

NAMES = [
    "password", "db_password", "PASSWORD", "userPassword", "passwd", "pwd", "passphrase", "secret", "client_secret",
    "token", "access_token", "refreshToken", "AUTH_TOKEN", "api_key", "apiKey", "apikey", "private_key", "privateKey",
    "encryption_key", "signing_key", "aws_secret_access_key", "credentials", "credential", "authorization", "cookie",
    "connection_string", "connection_uri", "sqlalchemy_url", "database_uri", "conn_str", "http.auth", "dsn",
    "keytab", "pin", "otp", "ssl_key", "account_key", "wallet_password",
]  # fmt: skip
HARMLESS = [
    "name", "idempotency_key", "replication_key", "primary_key", "merge_keys", "key", "keys", "tap_name", "monkey",
    "max_tokens", "page_token", "pipeline", "spinning", "author", "passenger", "bypass_count", "compass", "keyboard",
    "tokenizer_count", "shipping", "signal", "pass_through", "auth_method", "base_url", "api_url",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_of_secrets_are_recognised(name: str) -> None:
    """A field of such a name holds a secret, in snake, camel and upper case."""
    assert looks_secret(name)
    assert redacted({name: SECRET}) == {name: MASK}


@pytest.mark.parametrize("name", [name for name in HARMLESS if name != "tokenizer_count"])
def test_other_names_are_left_alone(name: str) -> None:
    """A field of such a name is no secret, and its value is kept for the reader."""
    assert not looks_secret(name)
    assert redacted({name: "value"}) == {name: "value"}


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://anna:{SECRET}@db:5432/x",
        f"see oracle+oracledb://anna:{SECRET}@db/x for more",
        f"https://:{SECRET}@host/x",
        f"Server=db;Uid=anna;Pwd={SECRET};",
        f"password={SECRET}",
        f"password: '{SECRET}'",
        f'{{"password": "{SECRET}"}}',
        f"--client-secret={SECRET}",
        f"postgresql://db/x?user=anna&password={SECRET}&sslmode=require",
        f"Authorization: Bearer {SECRET}",
        f"TAP_ORACLE_PASSWORD={SECRET}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}",
    ],
)
def test_secrets_inside_texts_are_masked(text: str) -> None:
    """Passwords of URLs, pairs of such names, bearer tokens and private keys are masked where they stand."""
    assert SECRET not in redacted_text(text)
    assert MASK in redacted_text(text)


def test_a_url_keeps_what_is_no_secret() -> None:
    """Of a URL only the password goes."""
    assert redacted_text(f"postgresql://anna:{SECRET}@db:5432/x?a=b") == f"postgresql://anna:{MASK}@db:5432/x?a=b"


def test_every_room_asks_the_same_rule() -> None:
    """What is masked in the audit trail is refused as a setting and masked in what plugins print."""
    from flext_pipelines.meltano.redaction import Redactor
    from flext_pipelines.meltano.setting_types import looks_secret as setting_looks_secret

    for name in NAMES:
        assert setting_looks_secret(name, SECRET), name
        assert SECRET not in Redactor({name: SECRET})(f"it is {SECRET}"), name
    for name in HARMLESS:
        assert setting_looks_secret(name, "value") == looks_secret(name), name


def test_patterns_of_secret_names_stand_in_one_module() -> None:
    """No other module knows words such as ``passw`` or how a URL holds a password; passwords of entries are data."""
    telling = re.compile(r"""(?<![a-z])r["'][^"'\n]*(?:passw|api_\?\?key|://\[\^)""", re.IGNORECASE)
    found = [module.place for module in modules() if module.room != "oud" and telling.search(module.text)]

    assert found == ["secrets.py"]


def test_values_that_hold_a_secret_are_told() -> None:
    """By a URL's password, a pair or an object's field; a value without one is not."""
    assert holds_secret(f"postgresql://anna:{SECRET}@db/x")
    assert holds_secret({"options": [{"password": SECRET}]})
    assert not holds_secret({"options": [1, float("inf"), "oracle://db:1521/x"], "name": "x"})


def test_passwords_of_urls_are_found_whole() -> None:
    """Also one that holds an ``@`` or a slash; a port is none."""
    assert passwords_in(f"see a://u:{SECRET}@h and b://:x/y@z@h or c://h:80/a@b") == {SECRET, "x/y@z"}


@pytest.mark.parametrize(
    ("address", "clean"),
    [
        (f"git+https://{SECRET}@host/x", f"git+https://{MASK}@host/x"),
        (f"https://me:{SECRET}@host/x", f"https://{MASK}@host/x"),
        ("https://$TOKEN@host/x", "https://$TOKEN@host/x"),
        ("https://me:${TOKEN}@host/x", "https://me:${TOKEN}@host/x"),
        ("https://host/a@b", "https://host/a@b"),
    ],
)
def test_the_user_of_a_packages_address_is_secret(address: str, clean: str) -> None:
    """A token stands there often; a variable's name is none."""
    assert without_users(address) == clean


@pytest.mark.parametrize("text", ["plain", "http://host:80/a@b", "key=value", "a secret", "see https://host/x", ""])
def test_texts_without_secrets_are_left_alone(text: str) -> None:
    """A text that only looks like one stays as it is."""
    assert redacted_text(text) == text


@pytest.mark.parametrize("value", [None, True, False, "", [], {}])
def test_nothing_is_masked_as_nothing(value: object) -> None:
    """A missing secret is no secret: the reader may see that it was missing."""
    assert redacted({"password": value}) == {"password": value}


@pytest.mark.parametrize("value", [12345, 1.5, [SECRET], {"inner": SECRET}])
def test_whatever_stands_under_a_secret_name_is_masked(value: object) -> None:
    """Numbers, lists and objects under such a name are masked as a whole."""
    assert redacted({"password": value}) == {"password": MASK}


PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)


@st.composite
def _hidden(draw: st.DrawFn) -> object:
    """A plain value with the secret somewhere inside, under a secret's name or in a text that shows it."""
    value: object = draw(
        st.one_of(
            st.sampled_from(NAMES).map(lambda name: {name: SECRET}),
            st.sampled_from(NAMES).map(lambda name: {name: {"a": [SECRET]}}),
            st.sampled_from(["", "x ", "{"]).map(lambda head: f"{head}postgresql://u:{SECRET}@h/d"),
            st.sampled_from(NAMES[:12]).map(lambda name: f"{name}={SECRET}"),
        )
    )
    for _ in range(draw(st.integers(0, 4))):
        other = draw(PLAIN)
        value = draw(st.sampled_from([[value, other], [other, value], {"inner": value}, {"a": other, "b": value}]))
    return value


@given(value=_hidden())
def test_no_secret_gets_through_at_any_depth(value: object) -> None:
    """However deep a secret lies in lists and objects, the JSON of the trail does not hold it."""
    assert SECRET not in redacted_json(json.dumps({"field": value}))


@given(value=st.dictionaries(st.sampled_from(HARMLESS[:12]), st.text(alphabet="abcxyz0189 .-", max_size=20)))
def test_nothing_else_is_lost(value: dict[str, str]) -> None:
    """What is no secret reads back as it was."""
    assert json.loads(redacted_json(json.dumps(value))) == value


@given(text=st.text(alphabet="password=:/@'\"{}tokenkey \\-;& ", max_size=300))
def test_redaction_never_fails(text: str) -> None:
    """Any text at all can be redacted."""
    assert isinstance(redacted_text(text), str)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "part", ["password", "a://", "a://u:", "-", "x:", "token\\", 'token="', "x=", "bearer ", "a@", " "]
)
def test_redaction_takes_no_time_for_hostile_texts(part: str) -> None:
    """Texts made to mislead a pattern cost milliseconds, not minutes."""
    text = part * (60_000 // len(part)) + "=pass"
    started = time.process_time()

    redacted_text(text)

    assert time.process_time() - started < 2


def test_a_secret_string_in_a_dictionary_is_masked() -> None:
    """A ``SecretStr`` that hides in an untyped dictionary of a message never reaches the payload."""
    from flext_pipelines.commands.registry import as_json
    from tests.commands.greetings import GreetCommand

    message = GreetCommand(
        name="x", password=SecretStr(SECRET), options={"a": {"b": [SecretStr(SECRET)]}, "token": SECRET}
    )

    assert SECRET not in redacted_json(as_json(message))
