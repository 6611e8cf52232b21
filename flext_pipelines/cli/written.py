"""Structured values as people write them: JSON or YAML, in a file or on standard input.

What belongs here: reading them, with the place of a fault. What does not: what they mean (the message judges that).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from flext_pipelines.errors import NotFoundError, UsageError

STANDARD_INPUT = "-"


def read_written(name: str) -> object:
    """The value in a file, or on standard input where the name is ``-``.

    JSON is read as such; anything else is YAML 1.2, in which ``on:`` is a name and not true. Dates become ISO text.

    Raises:
        NotFoundError: There is no such file.
        UsageError: It cannot be read, or is neither; with line and column.
    """
    place = "standard input" if name == STANDARD_INPUT else name
    try:
        content = sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).read_bytes()
        text = content.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise NotFoundError(f"{place}: {error.strerror}", "Name a file that exists", {"file": place}) from None
    except OSError as error:
        raise UsageError(f"{place}: {error.strerror}", "Name a file that can be read", {"file": place}) from None
    except UnicodeDecodeError:
        raise UsageError(f"{place} is not UTF-8 text", "Write it as JSON or YAML", {"file": place}) from None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if name.endswith(".json"):
            raise _broken(f"{place}:{error.lineno}:{error.colno}", error.msg) from None
    return _yaml(text, place)


def _yaml(text: str, place: str) -> object:
    from pydantic_core import to_jsonable_python
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return to_jsonable_python(YAML(typ="safe", pure=True).load(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{place}:{mark.line + 1}:{mark.column + 1}" if mark else place
        raise _broken(where, error.problem or error.context or "it is neither JSON nor YAML") from None
    except YAMLError as error:
        raise _broken(place, str(error).splitlines()[0]) from None


def _broken(where: str, problem: str) -> UsageError:
    return UsageError(f"{where}: {problem}", "Mend it there", {"place": where})
