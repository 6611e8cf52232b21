"""No secret enters the audit trail, whatever the message or the error calls it.

``SecretStr`` fields arrive masked already; this is the second wall, for plain values: a name that looks like
a secret masks its whole value, and inside texts the passwords of URLs, ``name=value`` pairs of such
names, bearer tokens and private keys are masked.

What belongs here: recognising and masking. What does not: storage.
"""

from __future__ import annotations

import json
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

_URL = re.compile(r"(?P<head>[a-z][a-z0-9+.\-]*://[^\s:/?#\[\]@\"']*):(?P<secret>[^\s\"']*)@", re.IGNORECASE)
_PAIR = re.compile(
    r"(?P<head>(?:^|[^a-z])[a-z_\-]*(?:password|passwd|passphrase|pwd|secret|token|credential|api[_-]?key|"
    r"(?:access|account|encryption|private|shared|signing|storage)[_-]?key)[a-z_\-]*[\"']?\s*[=:]\s*)"
    r"(?P<secret>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[^\s;,&\"'}\]]+)",
    re.IGNORECASE,
)
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
    for pattern in (_KEY_BLOCK, _URL, _PAIR, _BEARER):
        text = pattern.sub(_mask_match, text)
    return text


def _mask_match(match: re.Match[str]) -> str:
    return match.group("head") + (f":{MASK}@" if match.re is _URL else MASK)
