"""The project's ``.env``: where secrets of plugins are kept.

Written so that nobody else can read it (mode 0600 from the first byte), whole or not at all, every other line as it
was. Values are written so that python-dotenv, through which Meltano reads the file, gives back exactly what was put in.

What belongs here: the file. What does not: which setting has which variable (``config``).
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import SecretStr

from flext_pipelines.errors import ConfigError, UsageError
from flext_pipelines.meltano.project_files import write_atomically

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NEVER_SET = "FLEXT_DOLLAR_BRACE"
"""A variable that nobody has, so that ``${FLEXT_DOLLAR_BRACE:-${}`` reads as ``${``: dotenv expands in any quotes."""


class Variable(NamedTuple):
    """One variable of the file.

    Attributes:
        value: What Meltano reads.
        line: Where it stands, from 1; of several, the last one counts.
    """

    value: SecretStr
    line: int


def read_dotenv(root: Path) -> dict[str, Variable]:
    """The variables of a project's ``.env``; none when there is no file.

    Raises:
        ConfigError: The file cannot be read.
    """
    text = _text(root / ".env")
    values = dotenv_values(stream=io.StringIO(text))
    found: dict[str, Variable] = {}
    for binding in parse_stream(io.StringIO(text)):
        value = values.get(binding.key) if binding.key else None
        if binding.key and value is not None:
            blank = len(binding.original.string) - len(binding.original.string.lstrip("\r\n"))
            first = binding.original.line + binding.original.string[:blank].count("\n")
            found[binding.key] = Variable(SecretStr(value), first)
    return found


def set_variables(root: Path, values: Mapping[str, SecretStr], *, remove: Collection[str] = ()) -> None:
    """Set and remove variables of a project's ``.env``.

    Args:
        root: The project.
        values: New values by name.
        remove: Names that shall not be in the file any more.

    Raises:
        UsageError: A name is no name, or a value cannot be kept in such a file.
        ConfigError: The file cannot be read.
    """
    lines = {name: _line(name, value.get_secret_value()) for name, value in values.items()}
    path = root / ".env"
    kept: list[str] = []
    waiting = dict(lines)
    for binding in parse_stream(io.StringIO(_text(path))):
        if binding.key in waiting:
            kept.append(_leading(binding.original.string) + waiting.pop(binding.key))
        elif binding.key not in lines and (binding.key is None or binding.key not in remove):
            kept.append(binding.original.string)
    text = "".join(kept)
    if text and waiting and not text.endswith("\n"):
        text += "\n"
    write_atomically(path, (text + "".join(waiting.values())).encode("utf-8"), mode=0o600)


def _leading(original: str) -> str:
    """Blank lines that the parser counts to the variable after them."""
    return original[: len(original) - len(original.lstrip())]


def _line(name: str, value: str) -> str:
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a variable", "Use letters, digits and underscores")
    if "\0" in value or "\r" in value:
        raise UsageError(
            f"The value for {name} holds a NUL or a carriage return, which a .env file cannot keep",
            "Keep it in a file and give the plugin its path",
        )
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("${", f"${{{_NEVER_SET}:-${{}}")
    return f"{name}='{escaped}'\n"


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path.name} cannot be read: {error}", "Make it a UTF-8 text file", {"file": path.name}
        ) from None
