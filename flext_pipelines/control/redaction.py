"""No secret enters the audit trail, whatever the message or the error calls it.

``SecretStr`` fields arrive masked already; this is the second wall, for plain values: a name that looks like
a secret masks its whole value, and inside texts the passwords of URLs, ``name=value`` pairs of such
names, bearer tokens and private keys are masked.

What belongs here: recognising and masking. What does not: storage.
"""

from __future__ import annotations

import json
import math
import re

MASK = "**********"

_WORDS = (
    r"pass(?:word|wd|phrase|code)?|pwd|secrets?|(?:[a-z]+[_-])?tokens?|credentials?|cookies?|authorization|"
    r"(?:api|access|account|client|encryption|private|secret|shared|signing|ssh|ssl|storage|master|session)[_-]?keys?|"
    r"connection[_-]?string|dsn|keytab|wallet[_-]?password|pin|otp|salt|signature"
)
_NAME = re.compile(rf"(?:^|[^a-z])(?:{_WORDS})(?:$|[^a-z])|(?:password|passwd|secret|apikey|token)", re.IGNORECASE)
_HARMLESS_NAME = re.compile(
    r"^(?:max|min|num|n|count|page|next|continuation)_?tokens?$|_tokens?_(?:count|limit)$", re.IGNORECASE
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# Every pattern below is linear: it starts only where a run of characters starts, and what it took it never gives back.
_AFTER_SCHEME = re.compile(r"://([^\s\"'<>]+)")
_PORT = re.compile(r"\d{1,5}(?:[/?#]|$)")
_NAMED = re.compile(r"(?<![\w.\-])([\w.\-]{1,80})[\"']?\s{0,8}[=:]\s{0,8}")
_VALUE = re.compile(r"\"(?:\\.|[^\"\\])*(?:\"|\\?\Z)|'(?:\\.|[^'\\])*(?:'|\\?\Z)|[^\s;,&\"'}\]]+", re.DOTALL)
_BEARER = re.compile(r"(?P<head>\b(?:bearer|basic)\s+)(?P<secret>[a-z0-9._~+/\-]{8,}=*)", re.IGNORECASE)
_KEY_BLOCK = re.compile(
    r"(?P<head>-----BEGIN [A-Z ]*PRIVATE KEY-----)(?P<secret>.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_HINT = re.compile(
    r"pass|pwd|secret|token|credential|cookie|auth|key|connection|dsn|pin|otp|salt|signature|://|bearer|basic",
    re.IGNORECASE,
)


def redacted_json(text: str) -> str:
    """A JSON text with every secret masked; the text itself when nothing in it hints at one (a microsecond)."""
    if not _HINT.search(text):
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


def looks_secret(name: str) -> bool:
    """Whether a field's name says that its value is a secret: ``db_password``, ``apiKey``, ``AUTH_TOKEN``."""
    spaced = _CAMEL.sub("_", name)
    return bool(_NAME.search(spaced)) and not _HARMLESS_NAME.search(spaced)


def redacted_text(text: str) -> str:
    """A text with the secrets inside it masked."""
    if not _HINT.search(text):
        return text
    text = _KEY_BLOCK.sub(rf"\g<head>{MASK}", text)
    text = _AFTER_SCHEME.sub(_without_password, text)
    text = _BEARER.sub(rf"\g<head>{MASK}", text)
    return _without_named_values(text)


def _without_password(match: re.Match[str]) -> str:
    """What stands between the first colon and the last ``@`` of a URL is a password, unless it is a port."""
    name, colon, rest = match.group(1).partition(":")
    _, at, host = rest.rpartition("@")
    if not (colon and at) or "/" in name or _PORT.match(rest):
        return match.group()
    return f"://{name}:{MASK}@{host}"


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
