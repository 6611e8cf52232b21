"""Options made from a message's fields, so that a field is described once and every door shows the same words.

What belongs here: the way from a pydantic field to a click option and back to a message. What does not:
which commands there are.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import click
from pydantic_core import PydanticUndefined

from flext_pipelines.cli import output
from flext_pipelines.cli.performing import perform
from flext_pipelines.cli.written import read_written
from flext_pipelines.commands import registry
from flext_pipelines.errors import FlextError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic.fields import FieldInfo


class _Written(click.types.StringParamType):
    """Text that the message's own validation reads; ``--help`` says what kind of text."""

    def __init__(self, name: str) -> None:
        self.name = name


_SCALARS: dict[object, click.ParamType[Any]] = {
    str: click.STRING,
    int: click.INT,
    float: click.FLOAT,
    Path: click.STRING,
    Decimal: _Written("NUMBER"),
    date: _Written("DATE"),
    datetime: _Written("TIME"),
}


class JsonParam(click.ParamType[object]):
    """A value of any shape as JSON text, as a file of JSON or YAML, or as plain text where the field takes it."""

    name = "JSON|@file"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        """Parse the text; a wrong one is a usage error with its place."""
        if not isinstance(value, str):
            return value
        if value.startswith("@"):
            try:
                return read_written(value[1:])
            except FlextError as error:
                self.fail(error.reason, param, ctx)
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            if value[:1] not in {"{", "["}:
                return value  # plain text, such as a data reference; the message's own validation judges it
            self.fail(f"not JSON: {error.msg} at column {error.colno}", param, ctx)


def option_type(annotation: object) -> tuple[click.ParamType[Any], bool]:
    """The click type of a field's type, and whether the option may be given several times."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return option_type(parts[0])
    if origin in {Union, UnionType}:
        kinds = [part for part in parts if part is not type(None)]
        return option_type(kinds[0]) if len(kinds) == 1 else (JsonParam(), False)
    if origin is Literal:
        return click.Choice([str(part) for part in parts]), False
    if origin in {tuple, list} and parts:
        inner, several = option_type(parts[0])
        return (inner, True) if not several and not isinstance(inner, JsonParam) else (JsonParam(), False)
    if annotation is bool:
        return click.BOOL, False
    return _SCALARS.get(annotation, JsonParam()), False


def _parameter(name: str, field: FieldInfo, *, positional: bool) -> click.Parameter:
    kind, several = option_type(field.annotation)
    required = field.is_required()
    if positional:
        return click.Argument([name], type=kind, required=required, nargs=-1 if several else 1)
    flag = f"--{name.replace('_', '-')}"
    words = [f"{flag}/--no-{flag[2:]}" if field.default is True else flag, name]
    if isinstance(kind, click.types.BoolParamType):
        return click.Option(words, is_flag=True, default=None, help=field.description)
    default = field.default if field.default not in (None, PydanticUndefined, (), "") else None
    help_text = field.description or ""
    help_text += " May be given several times." if several else ""
    help_text += f"  [default: {output.shown(default)}]" if default is not None else ""
    return click.Option(words, type=kind, multiple=several, required=required, default=None, help=help_text)


def command_for(
    message: str,
    name: str,
    show: Callable[[object], None],
    *,
    arguments: Sequence[str] = (),
    examples: Sequence[str] = (),
    fixed: Mapping[str, object] | None = None,
    judge: Callable[[object], None] | None = None,
) -> click.Command:
    """A command whose options are a message's fields.

    Args:
        message: The message's public name.
        name: The command's name.
        show: Prints the answer for people; ``--json`` prints it for programs.
        arguments: Fields that are positional.
        examples: Command lines for ``--help``.
        fixed: Fields that this command sets itself.
        judge: Called after printing; raises when the answer must become an exit code, and with ``--json`` only that.

    Returns:
        The command. What it sends is validated as every message is, so that its errors are the same.
    """
    spec = registry.find(registry.all_specs(), message)
    fixed = dict(fixed or {})
    parameters = [
        _parameter(field_name, field, positional=field_name in arguments)
        for field_name, field in spec.type.model_fields.items()
        if field_name not in fixed
    ]
    parameters.sort(key=lambda parameter: (isinstance(parameter, click.Option), parameter.name == "idempotency_key"))
    parameters.append(click.Option(["--json", "as_json"], is_flag=True, help="Print JSON, for programs."))

    def callback(as_json: bool, **given: object) -> None:
        payload = fixed | {key: value for key, value in given.items() if value is not None and value != ()}
        answer = perform(spec, registry.parse(spec, payload), as_json=as_json)
        (output.print_json if as_json else show)(answer)
        if judge is None:
            return
        try:
            judge(answer)
        except FlextError as error:
            if not as_json:
                raise
            # The answer says it already, and a program that reads JSON wants one document.
            from flext_pipelines.cli.main import exit_code

            raise click.exceptions.Exit(exit_code(error)) from None

    positional = [parameter for parameter in parameters if isinstance(parameter, click.Argument)]
    text = spec.description + _arguments(spec.type.model_fields, positional)
    listed = "".join(f"  {line}\n" for line in examples)
    text += f"\n\n\b\nExamples:\n{listed}" if listed else ""
    return click.Command(name, params=parameters, callback=callback, help=text, short_help=spec.summary)


def _arguments(fields: Mapping[str, FieldInfo], positional: Sequence[click.Argument]) -> str:
    """What click leaves out of a help page: what the positional words are."""
    said = [(one.human_readable_name, fields[str(one.name)].description or "") for one in positional]
    width = max((len(name) for name, _ in said), default=0)
    lines = "".join(f"  {name.ljust(width)}  {description}\n" for name, description in said if description)
    return f"\n\n\b\nArguments:\n{lines}" if lines else ""
