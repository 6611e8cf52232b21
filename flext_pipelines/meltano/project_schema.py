"""What Meltano's own JSON schema says of a project's files, in words and with places.

Meltano ships the schema for editors and does not enforce it; it is stricter than the program (a cron such as
``0 8-18 * * 1-5`` fails it). So it only explains what Meltano refused, and warns in ``ValidateConfig``.

What belongs here: schema violations. What does not: what names mean to each other (``validation``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from flext_pipelines.meltano.project_files import Keys, Place, ProjectFiles, YamlFile

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator


Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
"""What a YAML value is to a JSON schema."""


class Violation(NamedTuple):
    """One thing that the schema does not allow.

    Attributes:
        place: Where it stands.
        problem: What is wrong, in a sentence.
        keys: The way to it from the top of its file.
        structural: True for a missing key, a wrong type, an unknown plugin type: what Meltano refuses too.
    """

    place: Place
    problem: str
    keys: Keys
    structural: bool = True


def first_violation(files: ProjectFiles) -> Violation | None:
    """The first thing that the schema does not allow, in the order of the files; structural faults come first."""
    return min(violations(files), key=lambda found: not found.structural, default=None)


def violations(files: ProjectFiles) -> Iterator[Violation]:
    """Everything that the schema does not allow, in the order of the files."""
    for file in files.files:
        found = [_violation(file, error) for error in _validator().iter_errors(as_json(file.data))]
        told = [item for item in found if not _follows(item, found)]
        yield from sorted(told, key=lambda item: item.place)


def _follows(item: Violation, found: Sequence[Violation]) -> bool:
    """Whether a key only counts as unknown because its value is wrong, which is told already."""
    below = [other for other in found if other is not item and other.keys[: len(item.keys)] == item.keys]
    return not item.structural and bool(below)


@cache
def _validator() -> Validator:
    from jsonschema import Draft202012Validator

    text = resources.files("meltano.schemas").joinpath("meltano.schema.json").read_text(encoding="utf-8")
    schema: Mapping[str, object] = json.loads(text)
    return Draft202012Validator(schema)


def _violation(file: YamlFile, error: ValidationError) -> Violation:
    """The deepest cause of an error: of alternatives, the one that came furthest."""
    cause = error
    while cause.context:
        cause = max(cause.context, key=lambda inner: (len(inner.absolute_path), inner.validator != "required"))
    keys: Keys = tuple(cause.absolute_path)
    if cause.validator == "additionalProperties" and isinstance(cause.instance, Mapping):
        allowed = cause.schema.get("properties", {}) if isinstance(cause.schema, Mapping) else {}
        unknown = [key for key in cause.instance if key not in allowed]
        keys = (*keys, unknown[0]) if unknown else keys
        problem = f"unknown key {unknown[0]!r}" if unknown else "unknown key"
        return Violation(file.place(keys), f"{problem} (allowed: {', '.join(sorted(allowed))})", keys)
    if cause.validator == "unevaluatedProperties":
        unknown = re.findall(r"'([^']*)'", cause.message.partition("(")[2])
        keys = (*keys, unknown[0]) if unknown else keys
        return Violation(file.place(keys), f"a key that Meltano does not know: {', '.join(unknown)}", keys, False)
    return Violation(file.place(keys), _in_words(cause, keys), keys, cause.validator in {"required", "type"})


def _in_words(cause: ValidationError, keys: Keys) -> str:
    name = next((str(key) for key in reversed(keys) if isinstance(key, str)), "the file")
    if cause.validator == "required":
        missing = [key for key in _names(cause.validator_value) if key not in _names(cause.instance)]
        return f"an entry of {name} lacks {', '.join(repr(key) for key in missing)}"
    if cause.validator == "type":
        return f"{name} must be of type {' or '.join(_names(cause.validator_value))}, not {_type_name(cause.instance)}"
    if cause.validator == "enum":
        return f"{name} must be one of {', '.join(_names(cause.validator_value))}"
    return f"{name} is not as Meltano expects it ({cause.validator})"


def _names(value: object) -> list[str]:
    """The names in a schema's word: one string, a list of them, or the keys of a mapping."""
    if isinstance(value, (list, Mapping)):
        return [str(item) for item in value]
    return [str(value)]


def _type_name(value: object) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    return names.get(type(value), "null" if value is None else type(value).__name__)


def as_json(value: object) -> Json:
    """YAML values as JSON has them, so that a date is a string to the schema."""
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [as_json(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else str(value)
