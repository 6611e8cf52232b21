"""Messages as run config."""

from typing import Literal

import dagster as dg
import pytest
from pydantic import Field, JsonValue, SecretStr

from flext_pipelines.assets.run_config import config_fields, message_from
from flext_pipelines.commands.message import Command
from flext_pipelines.commands.registry import MessageSpec
from flext_pipelines.errors import InvalidMessageError
from flext_pipelines.values import Value


class Rule(Value):
    """A nested value."""

    column: str
    limit: float | None = None


class MakeCommand(Command[None]):
    """Make something."""

    name: str = Field(description="What it is called.")
    mode: Literal["append", "upsert"] = "append"
    count: int = Field(default=3, description="How many.")
    rules: tuple[Rule, ...] = ()
    settings: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    password: SecretStr | None = None
    secrets: dict[str, SecretStr] = Field(default_factory=dict)


SPEC = MessageSpec("things.Make", MakeCommand, lambda _: None, True)


def _accepted(config: dict[str, object]) -> dict[str, object]:
    """What Dagster makes of that run config; raises as the launchpad would."""
    seen: dict[str, object] = {}

    @dg.op(config_schema=config_fields(SPEC))
    def make(context: dg.OpExecutionContext) -> None:
        seen.update(context.op_config)

    @dg.job
    def things() -> None:
        make()

    things.execute_in_process(run_config={"ops": {"make": {"config": config}}})
    return seen


def test_the_launchpad_shows_the_fields_of_a_message_with_their_words() -> None:
    """Descriptions, defaults and what is required come from the message."""
    fields = config_fields(SPEC)

    assert fields["name"].description == "What it is called."
    assert fields["name"].is_required
    assert fields["count"].default_value == 3
    assert not fields["password"].is_required


def test_a_run_config_becomes_the_message_it_describes() -> None:
    """Nested values, maps and defaults arrive as the message's own types."""
    config: dict[str, object] = {
        "name": "a",
        "mode": "upsert",
        "rules": [{"column": "id"}, {"column": "n", "limit": 1.5}],
        "settings": {"tap-shop": {"start": "2024", "deep": {"list": [1]}}},
    }

    message = message_from(SPEC, _accepted(config))

    assert message == MakeCommand(
        name="a",
        mode="upsert",
        rules=(Rule(column="id"), Rule(column="n", limit=1.5)),
        settings={"tap-shop": {"start": "2024", "deep": {"list": [1]}}},
    )


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"name": "a", "mode": "delete"},
        {"name": "a", "count": "three"},
        {"name": "a", "colour": "red"},
        {"name": "a", "rules": [{"colum": "id"}]},
        {"name": "a", "password": "hunter2"},
        {"name": "a", "secrets": {"token": "hunter2"}},
    ],
    ids=["nothing", "no such mode", "wrong type", "unknown field", "unknown nested field", "a secret", "secrets"],
)
def test_the_launchpad_refuses_what_the_message_would(config: dict[str, object]) -> None:
    """A wrong config is refused before a run starts; a secret written out among them."""
    with pytest.raises(dg.DagsterInvalidConfigError):
        _accepted(config)


def test_a_secret_is_read_from_the_variable_that_the_config_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run config holds the name; the message holds the value."""
    monkeypatch.setenv("SHOP_PASSWORD", "hunter2")
    config: dict[str, object] = {
        "name": "a",
        "password": {"env": "SHOP_PASSWORD"},
        "secrets": {"token": {"env": "SHOP_PASSWORD"}},
    }

    message = message_from(SPEC, _accepted(config))

    assert isinstance(message, MakeCommand)
    assert message.password is not None
    assert message.password.get_secret_value() == "hunter2"
    assert message.secrets["token"].get_secret_value() == "hunter2"


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({"name": "a", "password": "hunter2"}, "password"),
        ({"name": "a", "secrets": {"token": "hunter2"}}, "secrets.token"),
        ({"name": "a", "password": {"env": "NOT_SET_ANYWHERE"}}, "password"),
    ],
)
def test_a_secret_in_a_free_payload_is_refused_by_its_path_and_never_shown(
    payload: dict[str, object], path: str
) -> None:
    """The generic job takes any payload; our own check names the field and what to write instead."""
    with pytest.raises(InvalidMessageError) as refused:
        message_from(SPEC, payload)

    assert refused.value.details["problems"][0]["path"] == path  # type: ignore[index]  # details are plain objects
    assert "hunter2" not in str(refused.value) + repr(refused.value.details)


def test_an_unknown_field_is_refused_with_its_path() -> None:
    """What the registry refuses, it refuses here with the same words."""
    with pytest.raises(InvalidMessageError, match=r"colour: unknown field \(allowed: "):
        message_from(SPEC, {"name": "a", "colour": "red"})
