"""Messages as run config: the launchpad shows their fields and docs, and no secret ever enters.

Dagster stores run config in plain text and shows it to everybody. So a secret field takes ``{env: NAME}``, the name of
a variable of the process that performs the run, and never a value. What Dagster lets through is parsed by the registry,
whose errors name the field's path and what is allowed.

What belongs here: schemas and parsing, for every job that sends messages. What does not: jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

import dagster as dg
from dagster import Field

from flext_pipelines.commands import registry
from flext_pipelines.errors import InvalidMessageError
from flext_pipelines.settings import environment

if TYPE_CHECKING:
    from flext_pipelines.commands.message import Message
    from flext_pipelines.commands.registry import MessageSpec

Schema = Mapping[str, object]
_DEEPEST = 6
"""Levels of nested fields that the launchpad spells out; below it, and in rules that hold rules, anything goes."""
_ALSO_TEXT = frozenset({"DataReference"})
"""Values with a text form of their own; a launchpad takes either."""
BY_NAME = {"env": Field(str, description="Name of the environment variable that holds the secret.")}


def config_fields(spec: MessageSpec, *, without: Sequence[str] = ()) -> dict[str, Field]:
    """The fields of a message as Dagster config, with their descriptions and defaults.

    Args:
        spec: The message.
        without: Fields that the job fills in itself; they stay possible, but are not required.
    """
    schema = registry.json_schema(spec)
    required = {*cast("Sequence[str]", schema.get("required", ()))} - {*without}
    return _fields(spec.name, schema, schema, required)


def _fields(name: str, root: Schema, schema: Schema, required: set[str]) -> dict[str, Field]:
    properties = cast("Mapping[str, Schema]", schema.get("properties", {}))
    return {
        field: _field(f"{name}.{field}", root, described, is_required=field in required)
        for field, described in properties.items()
    }


def _field(name: str, root: Schema, described: Schema, *, is_required: bool) -> Field:
    text = described.get("description")
    default = described.get("default")
    config = _config_type(name, root, described)
    description = str(text) if text else None
    if is_required or default is None or _is_secret(described):
        return Field(config, is_required=is_required, description=description)
    return Field(config, default_value=default, is_required=False, description=description)


def _config_type(name: str, root: Schema, described: Schema) -> object:
    """The nearest config type; ``Any`` where Dagster has none, because the registry checks again."""
    if str(described.get("$ref", "")).rpartition("/")[2] in _ALSO_TEXT:
        return dg.Any
    described = _resolved(root, described)
    if name.count(".") > _DEEPEST:
        return dg.Any
    if _is_secret(described):
        return BY_NAME
    if "enum" in described:
        values = [str(value) for value in cast("Sequence[object]", described["enum"])]
        return dg.Enum(name.replace(".", "_"), [dg.EnumValue(value) for value in values])
    alternatives = described.get("anyOf")
    if isinstance(alternatives, list):
        return _nullable(name, root, alternatives)
    return _plain_type(name, root, described)


def _nullable(name: str, root: Schema, alternatives: Sequence[Schema]) -> object:
    present = [one for one in alternatives if one.get("type") != "null"]
    inner = _config_type(name, root, present[0]) if len(present) == 1 else dg.Any
    nullable = len(present) < len(alternatives)
    return dg.Noneable(inner) if nullable and inner is not dg.Any else inner


def _plain_type(name: str, root: Schema, described: Schema) -> object:
    kind = described.get("type")
    scalar = {"string": str, "integer": int, "number": float, "boolean": bool}.get(str(kind))
    if scalar is not None:
        return scalar
    if kind == "array" and isinstance(described.get("items"), Mapping):
        return [_config_type(name, root, cast("Schema", described["items"]))]
    if kind == "object" and "properties" in described:
        required = {*cast("Sequence[str]", described.get("required", ()))}
        return _fields(name, root, described, required)
    if kind == "object":
        values = described.get("additionalProperties")
        return {str: _config_type(name, root, values)} if isinstance(values, Mapping) else dict
    return dg.Any


def _resolved(root: Schema, described: Schema) -> Schema:
    """The schema behind a ``$ref``."""
    reference = described.get("$ref")
    if not isinstance(reference, str):
        return described
    definitions = cast("Mapping[str, Schema]", root.get("$defs", {}))
    return definitions.get(reference.rpartition("/")[2], {})


def _is_secret(described: Schema) -> bool:
    return described.get("format") == "password" or described.get("writeOnly") is True


def message_from(spec: MessageSpec, payload: Mapping[str, object]) -> Message[object]:
    """The message that a run config holds, secrets read from the variables it names.

    Raises:
        InvalidMessageError: A field is wrong, or a secret stands in the config itself.
    """
    return registry.parse(spec, _Reading(spec, registry.json_schema(spec), _from_environment).of(payload))


def names_of_variables(spec: MessageSpec, payload: Mapping[str, object]) -> Mapping[str, object]:
    """The fields that a run config holds with the names of variables where their secrets would stand.

    Raises:
        InvalidMessageError: A secret stands in the config itself.
    """
    return _Reading(spec, registry.json_schema(spec), _name_of).of(payload)


class _Reading(NamedTuple):
    """A payload on its way from config to a message.

    Attributes:
        spec: The message.
        root: Its schema.
        secret: What takes the place of a secret, given what the config says there.
    """

    spec: MessageSpec
    root: Schema
    secret: Callable[[MessageSpec, object, tuple[str, ...]], str]

    def of(self, payload: Mapping[str, object]) -> Mapping[str, object]:
        return cast("Mapping[str, object]", self._value(self.root, payload, ()))

    def _value(self, described: Schema, value: object, path: tuple[str, ...]) -> object:
        described = _resolved(self.root, described)
        for alternative in cast("Sequence[Schema]", described.get("anyOf", ())):
            if _holds_secrets(self.root, alternative):
                described = _resolved(self.root, alternative)
        if _is_secret(described):
            return None if value is None else self.secret(self.spec, value, path)
        if isinstance(value, Mapping):
            properties = cast("Mapping[str, Schema]", described.get("properties", {}))
            others = described.get("additionalProperties")
            rest: Schema = others if isinstance(others, Mapping) else {}
            return {
                key: self._value(properties.get(key, rest), inner, (*path, str(key))) for key, inner in value.items()
            }
        items = described.get("items")
        if isinstance(value, (list, tuple)) and isinstance(items, Mapping):
            return [self._value(items, inner, (*path, str(i))) for i, inner in enumerate(value)]
        return value


def _holds_secrets(root: Schema, described: Schema, depth: int = 0) -> bool:
    """Whether a secret can lie at or below this place."""
    if depth > _DEEPEST:
        return False
    described = _resolved(root, described)
    below = [*cast("Mapping[str, Schema]", described.get("properties", {})).values()]
    below += [inner for key in ("additionalProperties", "items") if isinstance(inner := described.get(key), Mapping)]
    return _is_secret(described) or any(_holds_secrets(root, inner, depth + 1) for inner in below)


def _name_of(spec: MessageSpec, value: object, path: tuple[str, ...]) -> str:
    """The variable that a secret field names."""
    field = ".".join(path)
    name = value.get("env") if isinstance(value, Mapping) and set(value) == {"env"} else None
    if not isinstance(name, str):
        problem = {"path": field, "reason": "a secret may not stand in run config", "allowed": ["{env: NAME}"]}
        raise InvalidMessageError(
            f"{spec.name}: {field} is a secret, and run config is stored in plain text",
            f"Put it into an environment variable of the run's process and write `{field}: {{env: NAME}}`",
            {"message": spec.name, "problems": [problem]},
        )
    return name


def _from_environment(spec: MessageSpec, value: object, path: tuple[str, ...]) -> str:
    name, field = _name_of(spec, value, path), ".".join(path)
    found = environment().get(name)
    if found is None:
        problem = {"path": field, "reason": f"environment variable {name} is not set", "allowed": []}
        raise InvalidMessageError(
            f"{spec.name}: {field} is to come from the environment variable {name}, which is not set",
            f"Set {name} where Dagster performs its runs",
            {"message": spec.name, "problems": [problem]},
        )
    return found
