"""What looks like a secret, and masking it: one rule for the audit trail, run config, logs and what is shown.

``SecretStr`` fields arrive masked already; this is the second wall, for plain values: a name that looks like
a secret masks its whole value, and inside texts the passwords of URLs, ``name=value`` pairs of such
names, bearer tokens and private keys are masked.

What belongs here: recognising and masking, whatever the room. What does not: what a plugin's own definition says
(``meltano/setting_types``), secrets known by their value (``meltano/redaction``), storage.
"""

from __future__ import annotations

import json
import math
import re

MASK = "**********"
"""What stands for a secret wherever it would be shown; the same that pydantic writes for a ``SecretStr``."""

_WORDS = (
    r"pass(?:word|wd|phrase|code)?|pwd|secrets?|(?:[a-z]+[_-])?tokens?|credentials?|cookies?|authorization|"
    r"(?:api|access|account|client|encryption|private|secret|shared|signing|ssh|ssl|storage|master|session)[_-]?keys?|"
    r"conn(?:ection)?[_-]?(?:str|string|ur[il])|(?:sqlalchemy|database)[_-]?ur[il]|"
    r"dsn|keytab|wallet[_-]?password|pin|otp|salt|signature"
)
_NAME = re.compile(
    rf"(?:^|[^a-z])(?:{_WORDS})(?:$|[^a-z])|(?:^|[^a-z])auth$|"
    r"passw(?:or)?d|passphrase|secret|token|credential|(?:api|access|private|account|encryption|client|signing)_?key",
    re.IGNORECASE,
)
_HARMLESS_NAME = re.compile(
    r"^(?:max|min|num|n|count|page|next|continuation)_?tokens?$|_tokens?_(?:count|limit)$|^pass_?through(?:_|$)",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# Every pattern below is linear: it starts only where a run of characters starts, and what it took it never gives back.
_AFTER_SCHEME = re.compile(r"://([^\s\"'<>]+)")
_PORT = re.compile(r"\d{1,5}(?:[/?#]|$)")
_USER = re.compile(r"(?<=://)[^/@\s]+@")
_VARIABLE = re.compile(r"(?:[^:$]*:)?\$\{?[A-Za-z_]\w*\}?(?::\$\{?[A-Za-z_]\w*\}?)?@")
_PLACEHOLDER = re.compile(r"\$(?:[A-Z][A-Z0-9_]*|\{\w+\})")
_NAMED = re.compile(r"(?<![\w.\-])([\w.\-]{1,80})[\"']?\s{0,8}[=:]\s{0,8}")
_VALUE = re.compile(r"\"(?:\\.|[^\"\\])*(?:\"|\\?\Z)|'(?:\\.|[^'\\])*(?:'|\\?\Z)|[^\s;,&\"'}\]]+", re.DOTALL)
_BEARER = re.compile(r"(?P<head>\b(?:bearer|basic)\s+)(?P<secret>[a-z0-9._~+/\-]{8,}=*)", re.IGNORECASE)
_KEY_BLOCK = re.compile(
    r"(?P<head>-----BEGIN [A-Z ]*PRIVATE KEY-----)(?P<secret>.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_HINT = re.compile(
    r"pass|pwd|secret|token|credential|cookie|auth|key|conn|dsn|pin|otp|salt|signature|ur[il]|://|bearer|basic",
    re.IGNORECASE,
)

_NO_HINT = '"idempotency_key"'
"""The field of every command, no secret. With these quotes JSON has it nowhere but as a name or a whole text."""


def looks_secret(name: str) -> bool:
    """Whether a name says that its value is a secret: ``db_password``, ``apiKey``, ``AUTH_TOKEN``."""
    spaced = _CAMEL.sub("_", name)
    return bool(_NAME.search(spaced)) and not _HARMLESS_NAME.search(spaced)


def holds_secret(value: object) -> bool:
    """Whether a plain value has a secret in it: the password of a URL, ``name=value``, an object's field."""
    return redacted(value) != _plain(value)


def shows_secret(value: object) -> bool:
    """Whether a text in a plain value shows a secret whatever it is called: a URL's password, a private key."""
    if isinstance(value, str):
        return bool(passwords_in(value) or _KEY_BLOCK.search(value))
    if isinstance(value, dict):
        return any(shows_secret(inner) for inner in value.values())
    return isinstance(value, (list, tuple)) and any(shows_secret(inner) for inner in value)


def redacted_json(text: str) -> str:
    """A JSON text with every secret masked; the text itself when nothing in it hints at one (a microsecond)."""
    if not _HINT.search(text.replace(_NO_HINT, '""')):
        return text
    return json.dumps(redacted(json.loads(text)), separators=(",", ":"))


def redacted(value: object) -> object:
    """A plain value with every secret masked, at any depth."""
    if isinstance(value, str):
        return redacted_text(value)
    if isinstance(value, dict):
        return {name: masked(inner) if looks_secret(str(name)) else redacted(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [redacted(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no such number
    return value


def masked(value: object) -> object:
    """The mask for a value of a secret's name; what says nothing (null, a flag, emptiness) stays."""
    if value is None or isinstance(value, bool) or value in ("", [], {}):
        return value
    return MASK


def redacted_text(text: str) -> str:
    """A text with the secrets inside it masked."""
    if not _HINT.search(text):
        return text
    text = _KEY_BLOCK.sub(rf"\g<head>{MASK}", text)
    text = _AFTER_SCHEME.sub(_without_password, text)
    text = _BEARER.sub(rf"\g<head>{MASK}", text)
    return _without_named_values(text)


def passwords_in(text: str) -> set[str]:
    """The passwords of the URLs in a text, as they stand there (percent-encoded)."""
    found = (_password(match.group(1)) for match in _AFTER_SCHEME.finditer(text))
    return {password for password in found if password}


def without_users(text: str) -> str:
    """``https://user:token@host`` becomes ``https://**********@host``: of a package's address the user is secret too.

    A ``$NAME`` in that place, alone or as the password, is no secret and stays.
    """
    return _USER.sub(lambda found: found[0] if _VARIABLE.match(found[0]) else f"{MASK}@", text)


def _password(address: str) -> str:
    """What stands between the first colon and the last ``@`` of a URL, unless it is a port or ``$NAME``."""
    name, colon, rest = address.partition(":")
    password, at, _ = rest.rpartition("@")
    harmless = not (colon and at) or "/" in name or _PORT.match(rest) or _PLACEHOLDER.fullmatch(password)
    return "" if harmless else password


def _without_password(match: re.Match[str]) -> str:
    password = _password(match.group(1))
    return match.group().replace(f":{password}@", f":{MASK}@", 1) if password else match.group()


def _without_named_values(text: str) -> str:
    """Mask the value of each ``name=value`` and ``name: value`` whose name looks like a secret."""
    parts, done = [], 0
    for match in _NAMED.finditer(text):
        if match.start() >= done and looks_secret(match.group(1)):
            value = _VALUE.match(text, match.end())
            if value:
                parts += [text[done : match.end()], MASK]
                done = value.end()
    return "".join([*parts, text[done:]])


def _plain(value: object) -> object:
    """The value as ``redacted`` spells what it leaves alone."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
