"""The catalogue of messages: names, types, handlers, and JSON both ways.

A message's public name is ``<module>.<Class without suffix>``: ``pipelines.RunMeltanoPipeline``.

What belongs here: collecting the ``HANDLERS`` maps, names, parsing with errors that name the field.
What does not: dispatch (``bus``) and printing (``cli``).
"""

from __future__ import annotations

import difflib
import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from types import ModuleType, UnionType
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, Union, cast, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from flext_pipelines.commands.message import Command, Message
from flext_pipelines.errors import InvalidMessageError, UnknownMessageError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Handler = Callable[..., object]
MODULES = ("pipelines", "runs", "plugins", "data", "plots", "wms", "oud", "audit", "messages")
"""The systems that have messages, in the order in which people meet them."""

_SUFFIXES = ("Command", "Query")


class MessageSpec(NamedTuple):
    """One message with its handler.

    Attributes:
        name: The public name, for instance ``data.ExtractData``.
        type: The message class.
        handler: The function that handles it.
        is_command: True when it changes something.
    """

    name: str
    type: type[Message[object]]
    handler: Handler
    is_command: bool

    @property
    def result_type(self) -> object:
        """The type ``R`` of ``Command[R]`` or ``Query[R]``."""
        return result_type(self.type)

    @property
    def summary(self) -> str:
        """The first line of what the message is."""
        return self.description.partition("\n")[0]

    @property
    def description(self) -> str:
        """What the message is, for people: its docstring, with code marked as in the texts of the shell."""
        return inspect.cleandoc(self.type.__doc__ or "").replace("``", "`")


def result_type(message_type: type[Message[object]]) -> object:
    """The type ``R`` of ``Command[R]`` or ``Query[R]``, as the class statement gives it."""
    for base in message_type.__mro__:
        arguments = base.__dict__.get("__pydantic_generic_metadata__", {}).get("args", ())
        if arguments:
            return arguments[0]
    return object


def message_name(module: str, message_type: type[Message[object]]) -> str:
    """``RunMeltanoPipelineCommand`` in ``commands/pipelines.py`` is ``pipelines.RunMeltanoPipeline``.

    Raises:
        TypeError: The class name does not end in ``Command`` or ``Query``, or ends in the wrong one.
    """
    wanted = "Command" if issubclass(message_type, Command) else "Query"
    if not message_type.__name__.endswith(wanted):
        message = f"{message_type.__name__} is a {wanted} and its name must end so"
        raise TypeError(message)
    return f"{module.rpartition('.')[2]}.{message_type.__name__.removesuffix(wanted)}"


def collect(modules: Sequence[ModuleType]) -> list[MessageSpec]:
    """Every message of the modules with its handler.

    Raises:
        TypeError: A message has two handlers or none, or two messages share a name; the message names it.
    """
    specs: dict[str, MessageSpec] = {}
    handled: set[type] = set()
    for module in modules:
        handlers: Mapping[type[Message[object]], Handler] = module.HANDLERS
        for message_type, handler in handlers.items():
            name = message_name(module.__name__, message_type)
            if name in specs or message_type in handled:
                first = specs[name].handler.__name__ if name in specs else "one in another module"
                message = f"{name} has two handlers: {first} and {handler.__name__}"
                raise TypeError(message)
            handled.add(message_type)
            specs[name] = MessageSpec(name, message_type, handler, issubclass(message_type, Command))
        for part in _parts(module):
            for value in vars(part).values():
                if _is_message_of(part, value) and value not in handled:
                    message = f"{part.__name__}.{value.__name__} has no handler: add it to HANDLERS"
                    raise TypeError(message)
    return list(specs.values())


def _parts(module: ModuleType) -> Iterator[ModuleType]:
    """The module, and the modules of a system that is a package."""
    yield module
    for value in vars(module).values():
        if isinstance(value, ModuleType) and value.__name__.startswith(f"{module.__name__}."):
            yield value


def _is_message_of(module: ModuleType, value: object) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, Message)
        and value.__module__ == module.__name__
        and value.__name__.endswith(_SUFFIXES)
    )


def all_specs() -> list[MessageSpec]:
    """Every message of the mission."""
    return collect([import_module(f"flext_pipelines.commands.{name}") for name in MODULES])


def find(specs: Sequence[MessageSpec], name: str) -> MessageSpec:
    """The message of that public name, in any case; the bare class name does when it is unambiguous.

    Raises:
        UnknownMessageError: With the nearest names.
    """
    wanted = name.casefold()
    exact = [spec for spec in specs if spec.name.casefold() == wanted]
    found = exact or [spec for spec in specs if spec.name.partition(".")[2].casefold() == wanted]
    if len(found) == 1:
        return found[0]
    names = [spec.name for spec in found] or difflib.get_close_matches(name, [s.name for s in specs], 3, 0.4)
    raise UnknownMessageError(
        f"Message {name!r} is {'ambiguous' if found else 'unknown'}",
        f"Did you mean {', '.join(names)}?" if names else "`flext messages` lists every message",
        {"message": name, "candidates": names, "problems": []},
    )


def parse(spec: MessageSpec, payload: str | bytes | Mapping[str, object]) -> Message[object]:
    """A message from JSON text or plain values.

    Raises:
        InvalidMessageError: Each problem with the field's path, the reason, and what is allowed.
    """
    try:
        if isinstance(payload, (str, bytes)):
            return spec.type.model_validate_json(payload)
        return spec.type.model_validate_json(json.dumps(payload))
    except ValidationError as error:
        raise _invalid(spec, error) from None


def invalid_message(error: ValidationError) -> InvalidMessageError | None:
    """The error for values that make no message, where code builds one; None when it is about something else."""
    spec = next((spec for spec in all_specs() if spec.type.__name__ == error.title), None)
    return None if spec is None else _invalid(spec, error)


def _invalid(spec: MessageSpec, error: ValidationError) -> InvalidMessageError:
    problems = [_problem(spec.type, item) for item in error.errors(include_url=False, include_input=False)]
    listed = "; ".join(f"{p['path']}: {p['reason']}" for p in problems)
    return InvalidMessageError(
        f"{spec.name} does not validate: {listed}",
        f"`flext messages {spec.name}` shows its fields",
        {"message": spec.name, "problems": problems},
    )


def _problem(message_type: type[Message[object]], error: ErrorDetails) -> dict[str, object]:
    """One validation problem in words a person can act on."""
    path = ".".join(str(part) for part in error["loc"]) or "(the whole message)"
    reason = error["msg"].removeprefix("Value error, ")  # pydantic's word for what our own validators say
    allowed: list[str] = []
    if error["type"] == "extra_forbidden":
        allowed = _fields_at(message_type, error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), allowed, 1)
        reason = "unknown field" + (f", did you mean {near[0]}?" if near else "")
        reason += f" (allowed: {', '.join(allowed)})" if allowed else ""
    elif error["type"] in {"literal_error", "enum"}:
        allowed = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
    return {"path": path, "reason": reason, "allowed": allowed}


def _fields_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The fields that are allowed where a path inside a message leads; none when it leads to no model."""
    found: type[BaseModel] | None = model
    for part in path:
        field = found.model_fields.get(str(part)) if found else None
        if field is not None:  # an index or a key of a collection stays at the collection's model
            found = _model_in(field.annotation)
    return list(found.model_fields) if found else []


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The first model in ``Model``, ``Model | None``, ``tuple[Model, ...]``, ``dict[str, Model]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)


def as_json(message: Message[object]) -> str:
    """The message as JSON, secrets masked: for display. What the audit trail keeps is ``Message.for_audit``."""
    return message.model_dump_json(exclude_none=True)


class FieldDoc(NamedTuple):
    """One field of a message, in words: its path, type, default, and what it is for."""

    path: str
    type: str
    default: str
    description: str


def fields_of(spec: MessageSpec) -> list[FieldDoc]:
    """The fields of a message, nested ones by their dotted path, in the order of their definition."""
    return list(_fields_of(spec.type, ""))


def _fields_of(model: type[BaseModel], prefix: str) -> Iterator[FieldDoc]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        if field.is_required():
            default = "required"
        elif field.default_factory is not None:
            default = "(made)"
        else:
            default = json.dumps(to_jsonable_python(field.default, fallback=str))
        yield FieldDoc(path, type_name(field.annotation), default, field.description or "")
        for inner in _models_in(field.annotation):
            yield from _fields_of(inner, f"{path}." if inner is field.annotation else f"{path}[].")


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def type_name(annotation: object) -> str:
    """A type as a reader writes it: ``int``, ``str | None``, ``"full" | "incremental"``."""
    if annotation is type(None) or annotation is None:
        return "null"
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(json.dumps(part) for part in parts)
    if origin in {Union, UnionType}:
        return " | ".join(type_name(part) for part in parts)
    if origin is Annotated:
        return type_name(parts[0])
    if origin is not None and parts:
        inner = ", ".join("..." if part is Ellipsis else type_name(part) for part in parts)
        return f"{getattr(origin, '__name__', origin)}[{inner}]"
    return getattr(annotation, "__name__", str(annotation))


def json_schema(spec: MessageSpec) -> dict[str, object]:
    """The JSON Schema of a message: fields, types, defaults, descriptions."""
    return spec.type.model_json_schema()


def dump_result(spec: MessageSpec, value: object) -> str:
    """A handler's answer as JSON."""
    return _adapter(spec.type).dump_json(value).decode()


def load_result(spec: MessageSpec, text: str) -> object:
    """The answer that ``dump_result`` wrote."""
    return _adapter(spec.type).validate_json(text)


@cache
def _adapter(message_type: type[Message[object]]) -> TypeAdapter[object]:
    """Built once per message: that costs up to a millisecond."""
    return TypeAdapter(cast("type[object]", result_type(message_type)))
