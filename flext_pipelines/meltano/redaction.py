"""Takes secrets out of what plugins print before anybody keeps it.

What belongs here: replacing known values. What does not: what looks like a secret (``secrets``), where the lines go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pydantic import SecretStr

from flext_pipelines.secrets import MASK, looks_secret, passwords_in

if TYPE_CHECKING:
    from pathlib import Path

_SHORTEST = 4
"""Shorter values would mask ordinary text; no password worth the name is."""
_URL = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class Redactor:
    """Replaces known secrets in lines.

    Args:
        *values: Variables that a child is given or may read, of which some are secret: those that are ``SecretStr``,
            and those whose name says so (``secrets.looks_secret``). Of a URL only the password counts, whatever
            its name. A name that stands in several mappings is secret with each of its values: which one a plugin
            takes is not for us to know.
    """

    def __init__(self, *values: Mapping[str, str] | Mapping[str, SecretStr] | Mapping[str, str | SecretStr]) -> None:
        secrets: set[str] = set()
        for name, value in (item for mapping in values for item in mapping.items()):
            text = value.get_secret_value() if isinstance(value, SecretStr) else value
            if isinstance(value, SecretStr) or looks_secret(name) or _URL.match(text):
                secrets |= _secrets_in(text)
        longest_first = sorted((secret for secret in secrets if len(secret) >= _SHORTEST), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, line: str) -> str:
        """The line without secrets."""
        return self._pattern.sub(MASK, line) if self._pattern else line


def _secrets_in(text: str) -> set[str]:
    found = passwords_in(text) if _URL.match(text) else {text}
    found |= {unquote(secret) for secret in found}
    return found | {json.dumps(secret)[1:-1] for secret in found}


def dotenv_values(path: Path) -> dict[str, str]:
    """What a project's ``.env`` sets; nothing when there is none."""
    if not path.is_file():
        return {}
    from dotenv import dotenv_values as read

    return {name: value for name, value in read(path, interpolate=False).items() if value}
