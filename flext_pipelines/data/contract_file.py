"""Reading a contract from YAML; every problem with its file, line and column.

YAML's surprises are left out: ``no`` is a text and not false, ``2026-01-01`` is a text and not a date, and a key
that stands twice is an error.

What belongs here: text to ``Contract``. What does not: its meaning.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, cast

import yaml
from pydantic import ValidationError

from flext_pipelines.data.contract import Contract
from flext_pipelines.errors import ConfigError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydantic_core import ErrorDetails

_MOST_BYTES = 1_000_000
_DEEPEST = 50
SCHEMA_FILE = "contract.schema.json"


class _PlainLoader(yaml.SafeLoader):
    """YAML with JSON's idea of scalars."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:value"}
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_PlainLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false|True|False)$"), list("tfTF"))


def read_contract(path: Path) -> Contract:
    """The contract in a file.

    Raises:
        NotFoundError: There is no such file.
        ConfigError: It is no contract; details list each problem with file, line and column.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"There is no contract {path} ({error.strerror})", "Name a YAML file", {"file": str(path)}
        ) from error
    return parse_contract(content, str(path))


def parse_contract(content: bytes | str, file: str = "<contract>") -> Contract:
    """The contract in a text.

    Raises:
        ConfigError: It is no contract; details list each problem with file, line and column.
    """
    if len(content) > _MOST_BYTES:
        raise _config_error(file, [_problem(f"is larger than {_MOST_BYTES} bytes", None)])
    try:
        loader = _PlainLoader(content)
        try:
            root = loader.get_single_node()
            if root is None:
                raise _config_error(file, [_problem("is empty", None)])
            problems = _twice_or_too_deep(root)
            if problems:
                raise _config_error(file, problems)
            value = loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _config_error(file, [_problem(f"is no YAML: {error.problem or error.context}", mark)]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _config_error(file, [_problem(f"is no YAML: {error}", None)]) from error
    try:
        return Contract.model_validate(value)
    except ValidationError as error:
        found = [_explained(one, root) for one in error.errors(include_url=False, include_input=False)]
        raise _config_error(file, found) from error


def json_schema_text() -> str:
    """The JSON Schema of a contract, as shipped beside this module for editors."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Contract.model_json_schema()}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def _twice_or_too_deep(node: yaml.Node, depth: int = 0) -> list[dict[str, object]]:
    if depth > _DEEPEST:
        return [_problem(f"is nested deeper than {_DEEPEST}", node.start_mark)]
    found: list[dict[str, object]] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[object] = set()
        for key, child in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                found.append(_problem(f"{key.value!r} stands twice", key.start_mark))
            seen.add(key.value if isinstance(key.value, str) else id(key))
            found += _twice_or_too_deep(child, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            found += _twice_or_too_deep(child, depth + 1)
    return found


def _explained(error: ErrorDetails, root: yaml.Node) -> dict[str, object]:
    path = [part for part in error["loc"] if part != "[key]"]
    reason = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(path[-1]), _siblings(path), 1)
        reason = f"{path[-1]!r} is unknown" + (f", did you mean {near[0]!r}?" if near else "")
    dotted = ".".join(str(part) for part in path)
    return _problem(f"{dotted}: {reason}" if dotted else reason, _mark_of(root, path))


def _siblings(path: Sequence[str | int]) -> list[str]:
    """Fields that are allowed where an unknown one stands."""
    from flext_pipelines.data.contract import ColumnContract

    if len(path) == 1:
        return list(Contract.model_fields)
    model: object = ColumnContract if path[0] == "columns" else Contract
    fields = cast("type[ColumnContract]", model).model_fields
    return list(fields) + [
        name
        for field in fields.values()
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ()))
        for name in getattr(kind, "model_fields", ())
    ]


def _mark_of(root: yaml.Node, path: Sequence[str | int]) -> yaml.Mark:
    """Where the last part of a path stands; for what is missing, where its parent stands."""
    node, mark = root, root.start_mark
    for part in path:
        if isinstance(node, yaml.MappingNode):
            entry = next(((key, child) for key, child in node.value if key.value == str(part)), None)
            if entry is None:
                return mark
            mark, node = entry[0].start_mark, entry[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            mark = node.start_mark
        else:
            return mark
    return mark


def _problem(reason: str, mark: yaml.Mark | None) -> dict[str, object]:
    return {
        "reason": reason,
        "line": mark.line + 1 if mark is not None else 1,
        "column": mark.column + 1 if mark is not None else 1,
    }


def _config_error(file: str, problems: list[dict[str, object]]) -> ConfigError:
    listed = "; ".join(f"{file}:{one['line']}:{one['column']}: {one['reason']}" for one in problems)
    return ConfigError(
        f"The contract is wrong: {listed}",
        f"Correct it; {SCHEMA_FILE} tells an editor what is allowed",
        {"file": file, "line": problems[0]["line"], "column": problems[0]["column"], "problems": problems},
    )
