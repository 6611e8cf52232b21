"""Takes secrets out of what plugins print before anybody keeps it.

What belongs here: which values are secret, and replacing them. What does not: where the lines go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pydantic import SecretStr

if TYPE_CHECKING:
    from pathlib import Path

MASK = "***"
_SHORTEST = 4
"""Shorter values would mask ordinary text; no password worth the name is."""
_SECRET_NAME = re.compile(r"PASSW|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIAL|_URL$|_URI$|_DSN$")
_URL_PASSWORD = re.compile(r"://[^/@:\s]*:([^@\s]+)@")
_URL = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class Redactor:
    """Replaces known secrets in lines.

    Args:
        *values: Variables that a child is given or may read, of which some are secret: those that are ``SecretStr``,
            and those whose name says so. Of a URL only the password counts. A name that stands in several mappings
            is secret with each of its values: which one a plugin takes is not for us to know.
    """

    def __init__(self, *values: Mapping[str, str] | Mapping[str, SecretStr] | Mapping[str, str | SecretStr]) -> None:
        secrets: set[str] = set()
        for name, value in (item for mapping in values for item in mapping.items()):
            if isinstance(value, SecretStr) or _SECRET_NAME.search(name.upper()):
                text = value.get_secret_value() if isinstance(value, SecretStr) else value
                secrets |= _secrets_in(text)
        longest_first = sorted((secret for secret in secrets if len(secret) >= _SHORTEST), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, line: str) -> str:
        """The line without secrets."""
        return self._pattern.sub(MASK, line) if self._pattern else line


def _secrets_in(text: str) -> set[str]:
    found = set(_URL_PASSWORD.findall(text)) if _URL.match(text) else {text}
    found |= {unquote(secret) for secret in found}
    return found | {json.dumps(secret)[1:-1] for secret in found}


def dotenv_values(path: Path) -> dict[str, str]:
    """What a project's ``.env`` sets; nothing when there is none."""
    if not path.is_file():
        return {}
    from dotenv import dotenv_values as read

    return {name: value for name, value in read(path, interpolate=False).items() if value}
