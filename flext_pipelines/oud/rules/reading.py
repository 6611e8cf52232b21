"""Rules from YAML: every problem with its file, line, column, path, and what is allowed there.

YAML's surprises are left out: ``no`` and ``on`` are texts, and a key that stands twice is an error.

What belongs here: files to ``MigrationRules``, and rules to text. What does not: merging (``overlay``).
"""

from __future__ import annotations

import difflib
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import yaml
from pydantic import BaseModel, ValidationError

from flext_pipelines.errors import ConfigError, NotFoundError
from flext_pipelines.oud.rules.model import MigrationRules
from flext_pipelines.oud.rules.overlay import NOTHING, OverlayError, overlaid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic_core import ErrorDetails

BUILT_IN = ("oud", "389", "openldap")
SCHEMA_FILE = "rules.schema.json"
_FOLDER = Path(__file__).parent
_MOST_BYTES = 1_000_000
_DEEPEST = 12
_LONGEST_CHAIN = 10


_FastLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C, ten times as fast, where PyYAML was built with it."""


class _PlainLoader(_FastLoader):  # type: ignore[misc, valid-type]  # which of the two is known when it is loaded
    """YAML whose only flags are true and false."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag.rpartition(":")[2] not in ("bool", "timestamp", "value")]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_PlainLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


class _Document(NamedTuple):
    """A file as plain values, and its tree with the places."""

    file: str
    values: dict[str, object]
    root: yaml.Node


def read_rules(path: Path | None = None) -> MigrationRules:
    """The built-in rules, with a site's file laid over them when there is one.

    Raises:
        NotFoundError: There is no such file.
        ConfigError: It is no rules file; details list each problem with file, line and column.
    """
    return _built_in("oud") if path is None else MigrationRules.model_validate(_resolved(_document(path), (path,)))


@lru_cache
def _built_in(name: str) -> MigrationRules:
    return MigrationRules.model_validate(_built_in_values(name))


@lru_cache
def _built_in_values(name: str) -> dict[str, object]:
    file = _FOLDER / ("rules.yaml" if name == "oud" else f"{name}.yaml")
    document = _document(file)
    return document.values if name == "oud" else overlaid(_built_in_values("oud"), document.values)


def _resolved(document: _Document, chain: tuple[Path, ...]) -> dict[str, object]:
    """The values of a file laid over what it extends."""
    values = dict(document.values)
    extends = values.pop("extends", "oud")
    if not isinstance(extends, str):
        raise _error(document, [_Problem(("extends",), f"one of {', '.join(BUILT_IN)}, nothing, or a path is allowed")])
    below = _below(document, extends, chain)
    try:
        made = overlaid(below, values)
    except OverlayError as error:
        raise _error(document, [_Problem(error.path, error.reason)]) from None
    try:
        MigrationRules.model_validate(made)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise _error(document, [_explained(one) for one in found]) from None
    return made


def _below(document: _Document, extends: str, chain: tuple[Path, ...]) -> dict[str, object]:
    if extends == "nothing":
        return dict(NOTHING)
    if extends in BUILT_IN:
        return _built_in_values(extends)
    path = chain[-1].parent / extends
    if not path.is_file():
        near = difflib.get_close_matches(extends, BUILT_IN, 1)
        reason = f"there is no file {path}, and the built-in rules are {', '.join(BUILT_IN)} and nothing"
        raise _error(document, [_Problem(("extends",), reason + (f"; did you mean {near[0]!r}?" if near else ""))])
    if any(path.samefile(one) for one in chain) or len(chain) >= _LONGEST_CHAIN:
        raise _error(document, [_Problem(("extends",), "the files extend each other in a circle")])
    return _resolved(_document(path), (*chain, path))


def _document(path: Path) -> _Document:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"There is no rules file {path} ({error.strerror})", "Name a YAML file", {"file": str(path)}
        ) from error
    file = str(path)
    if len(content) > _MOST_BYTES:
        raise _problems_error(file, [(f"is larger than {_MOST_BYTES:,} bytes", None)])
    try:
        loader = _PlainLoader(content)
        try:
            root = loader.get_single_node()
            if not isinstance(root, yaml.MappingNode):
                raise _problems_error(file, [("a mapping is expected: attributes, classes, ...", None)])
            found = list(_twice_or_too_deep(root))
            if found:
                raise _problems_error(file, found)
            values = loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _problems_error(file, [(f"is no YAML: {error.problem or error.context}", mark)]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _problems_error(file, [(f"is no YAML: {error}", None)]) from error
    return _Document(file, values, root)


def _twice_or_too_deep(node: yaml.Node, depth: int = 0) -> Iterator[tuple[str, yaml.Mark | None]]:
    if depth > _DEEPEST:
        yield f"is nested deeper than {_DEEPEST}", node.start_mark
        return
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, child in node.value:
            name = str(key.value).lower()
            if not isinstance(key, yaml.ScalarNode) or key.tag.rpartition(":")[2] != "str":
                yield f"the key {key.value!r} is no text; put it in quotes", key.start_mark
            if name in seen:
                yield f"{key.value!r} stands twice", key.start_mark
            seen.add(name)
            yield from _twice_or_too_deep(child, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _twice_or_too_deep(child, depth + 1)


class _Problem(NamedTuple):
    path: tuple[str | int, ...]
    reason: str


def _explained(error: ErrorDetails) -> _Problem:
    path = tuple(part for part in (*error["loc"], *error.get("ctx", {}).get("path", ())) if part != "[key]")
    reason = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        allowed = _fields_at(path[:-1])
        near = difflib.get_close_matches(str(path[-1]), allowed, 1)
        reason = f"unknown; allowed: {', '.join(allowed)}" + (f"; did you mean {near[0]!r}?" if near else "")
    elif error["type"] == "list_type":
        reason = "a list is expected, or a mapping with add and remove"
    elif error["type"] == "string_pattern_mismatch":
        reason = f"no name of that kind is allowed; it must match {error.get('ctx', {}).get('pattern')}"
    return _Problem(path, reason)


def _fields_at(path: Sequence[str | int]) -> list[str]:
    """The keys that are allowed in the mapping at a path."""
    model: object = MigrationRules
    for part in path:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            inner = [one for one in getattr(model, "__args__", ()) if hasattr(one, "model_fields")]
            model = inner[0] if inner else None
            continue
        field = model.model_fields.get(str(part))
        model = field.annotation if field is not None else None
    while model is not None and not hasattr(model, "model_fields"):
        inner = [one for one in getattr(model, "__args__", ()) if hasattr(one, "model_fields")]
        model = inner[0] if inner else None
    fields = cast("type[BaseModel]", model).model_fields if model is not None else {}
    return [field.alias or name for name, field in fields.items()]


def _error(document: _Document, problems: Sequence[_Problem]) -> ConfigError:
    found = []
    for problem in problems:
        dotted = ".".join(str(part) for part in problem.path)
        found.append(
            (f"{dotted}: {problem.reason}" if dotted else problem.reason, _mark_of(document.root, problem.path))
        )
    return _problems_error(document.file, found)


def _problems_error(file: str, problems: Sequence[tuple[str, yaml.Mark | None]]) -> ConfigError:
    listed = [
        {"reason": reason, "line": mark.line + 1 if mark else 1, "column": mark.column + 1 if mark else 1}
        for reason, mark in problems
    ]
    said = "; ".join(f"{file}:{one['line']}:{one['column']}: {one['reason']}" for one in listed)
    return ConfigError(
        f"The rules are wrong: {said}",
        "Correct the file; `flext oud rules --schema` says what is allowed, `--show` prints the built-in rules",
        {"file": file, "line": listed[0]["line"], "problems": listed},
    )


def _mark_of(root: yaml.Node, path: Sequence[str | int]) -> yaml.Mark:
    """Where the last part of a path stands in a file; for what is not there, where its parent stands."""
    node, mark = root, root.start_mark
    for part in path:
        if isinstance(node, yaml.MappingNode):
            wanted = str(part).lower()
            entry = next(((key, child) for key, child in node.value if str(key.value).lower() == wanted), None)
            if entry is None:
                return mark
            mark, node = entry[0].start_mark, entry[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            mark = node.start_mark
        else:
            return mark
    return mark


def rules_text(rules: MigrationRules) -> str:
    """Rules as YAML that reads back to the same: a file that extends nothing."""
    values = {"extends": "nothing", **rules.model_dump(mode="json", by_alias=True)}
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=120)


def built_in_text() -> str:
    """The built-in rules as their file has them, with its comments."""
    return (_FOLDER / "rules.yaml").read_text(encoding="utf-8")


def differences(one: MigrationRules, other: MigrationRules) -> Iterator[str]:
    """What the second rules say otherwise, a line each: path, ``-`` what went, ``+`` what came."""
    yield from _differing(one.model_dump(mode="json", by_alias=True), other.model_dump(mode="json", by_alias=True), "")


def _differing(one: object, other: object, path: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys([*one, *other]):
            place = f"{path}.{key}" if path else str(key)
            if key not in other:
                yield f"{place}: - {_shown(one[key])}"
            elif key not in one:
                yield f"{place}: + {_shown(other[key])}"
            else:
                yield from _differing(one[key], other[key], place)
    elif isinstance(one, list) and isinstance(other, list) and one != other:
        gone, come = [x for x in one if x not in other], [x for x in other if x not in one]
        said = [f"- {_shown(x)}" for x in gone] + [f"+ {_shown(x)}" for x in come]
        yield f"{path}: {' '.join(said) or 'in another order'}"
    elif one != other:
        yield f"{path}: - {_shown(one)} + {_shown(other)}"


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def json_schema_text() -> str:
    """The JSON Schema of a rules file, as shipped beside this module for editors."""
    schema = _optional(MigrationRules.model_json_schema(by_alias=True))
    schema["properties"]["extends"] = {
        "description": f"The rules below: {', '.join(BUILT_IN)}, nothing, or the path of a file.",
        "type": "string", "default": "oud",
    }  # fmt: skip
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


def _optional(schema: Any) -> Any:  # noqa: ANN401  any JSON value
    """A schema of whole rules as one of files that are laid over others: nothing is required, lists may be changed."""
    if isinstance(schema, list):
        return [_optional(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _optional(value) for key, value in schema.items() if key != "required" or "from" in value}
    if made.get("type") == "array":
        edits = {"add": dict(made), "remove": dict(made)}
        about = {"description": made.pop("description")} if "description" in made else {}
        change = {"type": "object", "properties": edits, "additionalProperties": False}
        return {"anyOf": [made, change], **about}
    null = {"type": "null"}
    if isinstance(made.get("additionalProperties"), dict):
        made["additionalProperties"] = {"anyOf": [made["additionalProperties"], null]}
    if "patternProperties" in made:
        made["patternProperties"] = {
            pattern: {"anyOf": [value, null]} for pattern, value in made["patternProperties"].items()
        }
    return made
