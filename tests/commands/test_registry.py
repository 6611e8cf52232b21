"""Facts about the catalogue of messages: names, completeness, parsing with errors a person can act on."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, TypeAdapter

from flext_pipelines.commands import registry
from flext_pipelines.commands.message import Command, Query
from flext_pipelines.commands.registry import MessageSpec, collect, find, message_name, parse
from flext_pipelines.errors import InvalidMessageError, UnknownMessageError
from tests.commands import greetings
from tests.commands.greetings import CountGreetingsQuery, GreetCommand, Greeting

ROOT = Path(__file__).resolve().parents[2]
SPECS = collect([greetings])
GREET = SPECS[0]


def module_of(name: str, **contents: object) -> ModuleType:
    module = ModuleType(f"flext_pipelines.commands.{name}")
    vars(module).update(contents)
    return module


def make(base: type, name: str, module: str) -> type:
    return type(name, (base,), {"__module__": f"flext_pipelines.commands.{module}", "__doc__": "x."})


def nothing(message: object) -> None:
    """Handle nothing."""


def test_names_are_module_and_class() -> None:
    """The public name is the module's and the class's, without the suffix."""
    assert [spec.name for spec in SPECS] == ["greetings.Greet", "greetings.CountGreetings"]
    assert [spec.is_command for spec in SPECS] == [True, False]
    assert GREET.summary == "Say hello."
    assert GREET.result_type is Greeting
    assert SPECS[1].result_type is int


@pytest.mark.parametrize(
    ("base", "name"), [(Command[int], "GreetQuery"), (Query[int], "Greet"), (Query[int], "XCommand")]
)
def test_a_name_with_the_wrong_suffix_fails(base: type, name: str) -> None:
    """A command is called so, and a query too."""
    with pytest.raises(TypeError, match=f"{name} is a (Command|Query) and its name must end so"):
        message_name("commands.x", make(base, name, "x"))


def test_a_message_without_handler_fails_at_start() -> None:
    """A message that is in no ``HANDLERS`` is named when the catalogue is made."""
    lost = make(Command[int], "LostCommand", "x")

    with pytest.raises(TypeError, match=r"flext_pipelines\.commands\.x\.LostCommand has no handler"):
        collect([module_of("x", LostCommand=lost, HANDLERS={})])


def test_a_message_with_two_handlers_fails_at_start() -> None:
    """A message that two modules handle is named when the catalogue is made."""
    twice = make(Command[int], "TwiceCommand", "x")
    modules = [module_of(name, HANDLERS={twice: nothing}) for name in ("x", "y")]

    with pytest.raises(TypeError, match=r"y\.Twice has two handlers: one in another module and nothing"):
        collect(modules)


def test_two_messages_of_one_name_fail_at_start() -> None:
    """A command and a query of one public name are named when the catalogue is made."""
    command, query = make(Command[int], "SameCommand", "x"), make(Query[int], "SameQuery", "x")

    with pytest.raises(TypeError, match=r"x\.Same has two handlers: nothing and nothing"):
        collect([module_of("x", HANDLERS={command: nothing, query: nothing})])


def test_messages_of_other_modules_are_not_asked_for() -> None:
    """A module may import another's message without handling it."""
    assert collect([module_of("x", GreetCommand=GreetCommand, HANDLERS={})]) == []


@pytest.mark.parametrize("name", ["greetings.Greet", "GREETINGS.greet", "Greet", "greet"])
def test_a_message_is_found_by_its_name(name: str) -> None:
    """In any case, and without the module where that is unambiguous."""
    assert find(SPECS, name) is GREET


def test_an_unknown_name_gets_the_nearest() -> None:
    """A mistyped name is answered with what may have been meant."""
    with pytest.raises(
        UnknownMessageError, match=r"'greetings.Gret' is unknown. Did you mean greetings.Greet"
    ) as caught:
        find(SPECS, "greetings.Gret")

    assert caught.value.details["candidates"]


def test_a_name_like_no_other_gets_the_way_to_the_list() -> None:
    """Where nothing is near, the answer says how to list all."""
    with pytest.raises(UnknownMessageError, match="`flext messages` lists every message"):
        find(SPECS, "zzz")


def test_an_ambiguous_name_gets_its_candidates() -> None:
    """A bare name of two systems is answered with both."""
    other = MessageSpec("other.Greet", GreetCommand, nothing, is_command=True)

    with pytest.raises(UnknownMessageError, match=r"ambiguous. Did you mean greetings.Greet, other.Greet"):
        find([*SPECS, other], "Greet")


def problems(payload: object) -> list[dict[str, object]]:
    with pytest.raises(InvalidMessageError) as caught:
        parse(GREET, json.dumps(payload))
    found = caught.value.details["problems"]
    assert isinstance(found, list)
    assert all(str(one["path"]) in caught.value.reason for one in found)
    assert caught.value.instruction == "`flext messages greetings.Greet` shows its fields"
    return found


def test_an_unknown_field_is_named_with_the_allowed_ones() -> None:
    """A field that does not exist: its path, the nearest name, and all that are allowed."""
    (problem,) = problems({"name": "x", "secnds": 3})

    assert problem["path"] == "secnds"
    assert "unknown field, did you mean seconds?" in str(problem["reason"])
    assert problem["allowed"] == list(GreetCommand.model_fields)


def test_an_unknown_field_inside_is_named_with_those_of_its_place() -> None:
    """Inside a nested value, the allowed fields are that value's."""
    (problem,) = problems({"name": "x", "places": [{"town": "Ulm"}, {"town": "Bonn", "flor": 2}]})

    assert problem["path"] == "places.1.flor"
    assert problem["allowed"] == ["town", "floor"]
    assert "did you mean floor?" in str(problem["reason"])


def test_a_wrong_type_is_named_with_its_path() -> None:
    """A value of the wrong type: where it stands and what it should be."""
    (problem,) = problems({"name": "x", "places": [{"town": "Ulm", "floor": "second"}]})

    assert problem["path"] == "places.0.floor"
    assert "valid integer" in str(problem["reason"])


def test_a_wrong_choice_is_named_with_the_right_ones() -> None:
    """A value outside an enumeration: all that are allowed."""
    (problem,) = problems({"name": "x", "manner": "rude"})

    assert problem["path"] == "manner"
    assert problem["allowed"] == ["polite", "unknown", "away", "broken", "interrupted", "killed", "unspeakable"]


def test_an_optional_choice_is_named_with_the_right_ones() -> None:
    """The same for a choice that may be left out."""
    from flext_pipelines.commands import audit

    spec = collect([audit])[0]

    with pytest.raises(InvalidMessageError) as caught:
        parse(spec, '{"outcome": "fine"}')

    (problem,) = cast("list[dict[str, object]]", caught.value.details["problems"])
    assert problem["allowed"] == ["succeeded", "replayed", "failed", "denied", "interrupted", "unfinished"]


def test_a_missing_field_is_named() -> None:
    """A required field that is not there."""
    (problem,) = problems({})

    assert (problem["path"], problem["reason"]) == ("name", "Field required")


def test_all_problems_are_told_at_once() -> None:
    """One attempt shows every problem."""
    assert {problem["path"] for problem in problems({"name": "", "seconds": -1, "x": 1})} == {"name", "seconds", "x"}


@pytest.mark.parametrize("text", ["", "{", "nul", '{"name": "x"', b"\xff"])
def test_what_is_no_json_is_told(text: str | bytes) -> None:
    """A text that is no JSON is a problem of the whole message."""
    with pytest.raises(InvalidMessageError, match=r"\(the whole message\): Invalid JSON"):
        parse(GREET, text)


@pytest.mark.parametrize("text", ["[]", "5", "null", '"x"'])
def test_json_of_something_else_is_told(text: str) -> None:
    """JSON that is no object is a problem of the whole message."""
    with pytest.raises(InvalidMessageError, match=r"\(the whole message\)"):
        parse(GREET, text)


def test_plain_values_are_parsed_as_json_is() -> None:
    """A mapping, such as run config, means the same as its JSON."""
    fields = {"name": "x", "places": [{"town": "Ulm"}]}

    assert parse(GREET, fields) == parse(GREET, json.dumps(fields))


def test_an_error_does_not_repeat_a_secret() -> None:
    """What was given is not repeated in the error: it may be a secret."""
    with pytest.raises(InvalidMessageError) as caught:
        parse(GREET, {"name": "x", "password": {"x": "hunter2"}, "seconds": "hunter2"})

    assert "hunter2" not in f"{caught.value} {caught.value.details}"
    assert caught.value.__cause__ is None


@given(text=st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """No text makes the parser fail with anything but the error that says why: no text is a greeting by chance."""
    with pytest.raises(InvalidMessageError) as caught:
        parse(GREET, text)

    assert caught.value.details["problems"]


def test_secrets_are_masked_for_display() -> None:
    """JSON for run config, audit and display masks secrets and leaves out what is not set."""
    shown = json.loads(registry.as_json(GreetCommand(name="x", password=SecretStr("hunter2"))))

    assert shown["password"] == "**********"
    assert "book" not in shown


def test_results_read_back() -> None:
    """A handler's answer reads back from its JSON as the same value of the same type."""
    value = Greeting(text="hello", pid=5)

    assert registry.load_result(GREET, registry.dump_result(GREET, value)) == value
    assert registry.load_result(SPECS[1], registry.dump_result(SPECS[1], 7)) == 7


def test_a_schema_tells_fields_types_and_docs() -> None:
    """The JSON Schema has each field with its description."""
    schema = registry.json_schema(GREET)

    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert set(properties) == set(GreetCommand.model_fields)
    assert properties["name"]["description"] == "Whom to greet."


ALL = pytest.mark.parametrize("spec", registry.all_specs(), ids=lambda spec: spec.name)


@ALL
def test_every_message_says_what_it_is(spec: MessageSpec) -> None:
    """Every message of the mission has a summary, and every field and handler a description."""
    assert spec.summary.endswith(".")
    assert [name for name, field in spec.type.model_fields.items() if not field.description] == []
    assert (spec.handler.__doc__ or "").strip()


@ALL
def test_every_message_and_its_result_have_a_schema(spec: MessageSpec) -> None:
    """Every message and every result can go through JSON: run config, HTTP, audit and idempotency rely on it."""
    assert registry.json_schema(spec)["additionalProperties"] is False
    assert TypeAdapter[object](cast("type[object]", spec.result_type)).json_schema(mode="serialization")
    assert spec.result_type is not object


def test_every_module_of_messages_is_in_the_catalogue() -> None:
    """A module or package with ``HANDLERS`` that is not in ``MODULES`` would be lost."""
    folder = Path(registry.__file__).parent
    found = {path.stem for path in folder.glob("*.py") if "\nHANDLERS" in path.read_text()}
    packages = {path.parent.name for path in folder.glob("*/__init__.py") if "\nHANDLERS" in path.read_text()}

    assert found | packages == set(registry.MODULES)


def test_every_part_of_a_system_is_in_its_map() -> None:
    """Handlers of a module in a package, left out of the package's map, would be lost."""
    folder = Path(registry.__file__).parent
    parts = [path for path in folder.glob("*/*.py") if path.stem != "__init__" and "\nHANDLERS" in path.read_text()]
    specs = registry.all_specs()

    assert {path.parent.name for path in parts} <= set(registry.MODULES)
    for path in parts:
        part = import_module(f"flext_pipelines.commands.{path.parent.name}.{path.stem}")
        assert set(part.HANDLERS) <= {spec.type for spec in specs}


@pytest.mark.process
def test_the_bus_of_the_mission_can_be_built() -> None:
    """Every handler's ports exist: building the bus proves it, and opens nothing."""
    code = "import flext_pipelines as f; bus = f.build_bus(); print(len(bus.specs)); bus.close()"

    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout

    assert int(printed) == len(registry.all_specs())


def test_counting_is_a_query() -> None:
    """The sample's query is one, so that the facts above speak of both kinds."""
    assert issubclass(CountGreetingsQuery, Query)
