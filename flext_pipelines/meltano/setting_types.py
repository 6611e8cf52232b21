"""Values of plugin settings against their definitions: right type, right name, secret or not.

What belongs here: pure rules on a setting's kind. What does not: where values come from or go to (``config``).
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from pydantic import JsonValue

from flext_pipelines import secrets
from flext_pipelines.errors import PluginConfigError
from flext_pipelines.secrets import MASK

if TYPE_CHECKING:
    from meltano.core.setting_definition import SettingDefinition

PLACEHOLDER = re.compile(r"(?<!\\)\$(?:\{(\w+)\}|([A-Z][A-Z0-9_]*))")
"""``$NAME`` and ``${NAME}`` as Meltano expands them (ENV_VAR_PATTERN of meltano 4.4.1)."""


def looks_secret(name: str, value: object = None) -> bool:
    """Whether a setting seems to be a secret by its name or value, when no definition is at hand.

    A value that Meltano is to fill from a variable, ``$NAME``, is none.
    """
    if secrets.looks_secret(name):
        return not (isinstance(value, bool) or (isinstance(value, str) and PLACEHOLDER.fullmatch(value)))
    return isinstance(value, str) and secrets.holds_secret(value) and not PLACEHOLDER.search(value)


def is_secret(definition: SettingDefinition | None, name: str, value: object = None) -> bool:
    """Whether a setting is a secret: by its definition, and by its looks where a definition is silent."""
    if definition is not None and definition.is_redacted:
        return True
    if definition is not None and definition.sensitive is False:
        return False
    return looks_secret(name, value)


def shown(value: object) -> JsonValue:
    """A value as it may be shown: JSON types only, credentials in addresses and secrets inside objects masked."""
    text = json.dumps(value, default=str)
    found: JsonValue = json.loads(text)
    return _inside_masked(found)


def _inside_masked(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: MASK if looks_secret(key, item) and item else _inside_masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_inside_masked(item) for item in value]
    return secrets.redacted_text(value) if isinstance(value, str) else value


def checked(plugin: str, definition: SettingDefinition, value: JsonValue) -> JsonValue:
    """A value as its setting wants it: ``"5432"`` for an integer becomes ``5432``.

    Text with a ``$PLACEHOLDER`` fits any kind, since Meltano expands it before it casts.

    Raises:
        PluginConfigError: It is of another type, or none of the options.
    """
    kind = str(definition.kind.value) if definition.kind else ""
    if value is None or (isinstance(value, str) and PLACEHOLDER.search(value)):
        return value
    try:
        converted = _CONVERTERS.get(kind, _as_is)(value)
    except (ValueError, InvalidOperation):
        secret = is_secret(definition, definition.name, value)
        given = MASK if secret else json.dumps(shown(value))
        raise PluginConfigError(
            f"Setting {definition.name!r} of {plugin} must be {_IN_WORDS.get(kind, kind)}, not {given}",
            "Give a value of that type",
            {"plugin": plugin, "setting": definition.name, "kind": kind},
        ) from None
    if kind == "options":
        options = [option.get("value") for option in definition.options or []]
        if options and converted not in options:
            raise PluginConfigError(
                f"Setting {definition.name!r} of {plugin} must be one of {', '.join(str(o) for o in options)}",
                "Choose one of them",
                {"plugin": plugin, "setting": definition.name, "options": options},
            )
    return converted


def unknown_setting(plugin: str, name: str, known: Collection[str]) -> PluginConfigError:
    """The error for a name that a plugin does not have, with the nearest ones."""
    near = difflib.get_close_matches(name, list(known), 3, 0.6)
    instruction = (
        f"Did you mean {' or '.join(near)}?" if near else f"It has {', '.join(sorted(known)) or 'no settings'}"
    )
    return PluginConfigError(
        f"{plugin} has no setting {name!r}", instruction, {"plugin": plugin, "setting": name, "candidates": near}
    )


def find_definition(definitions: Mapping[str, SettingDefinition], name: str) -> SettingDefinition | None:
    """The definition of a setting by name or alias; of ``a.b``, that of the object ``a`` will do."""
    for definition in definitions.values():
        if name == definition.name or name in (definition.aliases or []):
            return definition
    root = name.partition(".")[0]
    parent = definitions.get(root)
    if parent is not None and root != name and str(parent.kind or "") == "object":
        return parent
    return None


def _integer(value: JsonValue) -> JsonValue:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(value)  # noqa: TRY004  told as one kind of fault
    return int(value)


def _decimal(value: JsonValue) -> JsonValue:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(value)  # noqa: TRY004  told as one kind of fault
    if isinstance(value, str) and not Decimal(value).is_finite():
        raise ValueError(value)
    return (
        float(value) if isinstance(value, str) and "." in value else (int(value) if isinstance(value, str) else value)
    )


def _boolean(value: JsonValue) -> JsonValue:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise ValueError(value)


def _array(value: JsonValue) -> JsonValue:
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, list):
        raise ValueError(value)  # noqa: TRY004  told as one kind of fault
    return found


def _object(value: JsonValue) -> JsonValue:
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        raise ValueError(value)  # noqa: TRY004  told as one kind of fault
    return found


def _date(value: JsonValue) -> JsonValue:
    if not isinstance(value, str):
        raise ValueError(value)  # noqa: TRY004  told as one kind of fault
    datetime.fromisoformat(value)
    return value


def _text(value: JsonValue) -> JsonValue:
    if isinstance(value, (list, dict)):
        raise ValueError(value)  # noqa: TRY004  told as one kind of fault
    return value


def _as_is(value: JsonValue) -> JsonValue:
    return value


_CONVERTERS = {
    "integer": _integer,
    "decimal": _decimal,
    "boolean": _boolean,
    "array": _array,
    "object": _object,
    "date_iso8601": _date,
    "string": _text,
    "password": _text,
    "email": _text,
    "file": _text,
    "oauth": _text,
}
_IN_WORDS = {
    "integer": "a whole number",
    "decimal": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "date_iso8601": "a date such as 2024-01-31 or 2024-01-31T00:00:00Z",
    "string": "a text",
    "password": "a text",
    "email": "an e-mail address",
    "file": "the path of a file",
    "oauth": "a text",
}
