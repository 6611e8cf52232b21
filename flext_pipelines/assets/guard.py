"""What run config may not hold, refused while Dagster plans a run: before it stores anything of it.

Dagster keeps run config as plain text and shows it to everybody. Whoever asks for a run (the launchpad, GraphQL, a
schedule, a shell), Dagster first has the code location resolve its config to plan the steps, and only then writes the
run down (``create_valid_pipeline_run`` of dagster-graphql 1.13.27, ``create_run_for_job`` of dagster). The functions
here are called there, by ``configured`` ops and resources, which is the earliest moment that code of a job has.

What no rule can tell stays possible: a secret in free text, such as a SQL condition or a tag, under a harmless name.

What belongs here: these refusals. What does not: what a secret is (``secrets``, the gateway's check of plugin
settings), reading secrets by the name of a variable (``run_config``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from flext_pipelines.assets.run_config import names_of_variables
from flext_pipelines.commands import registry
from flext_pipelines.commands.messages import command_named, refuse_in_run_config
from flext_pipelines.errors import ForbiddenError, InvalidMessageError
from flext_pipelines.secrets import shows_secret

if TYPE_CHECKING:
    import dagster as dg

    from flext_pipelines.commands.registry import MessageSpec

Overrides = Mapping[str, Mapping[str, Any]]
"""Plugin to setting to value."""

CheckOverrides = Callable[[Overrides, str | None], object]
"""Raises when a setting is a secret by its plugin's definition; given the overrides and the Meltano environment."""


def no_check(_: Overrides, __: str | None) -> None:
    """For a code location without a project."""


def guarded_op(op: dg.OpDefinition, check: Callable[[Mapping[str, object]], None], fields: object) -> dg.OpDefinition:
    """The op, whose config is checked while a run of it is planned.

    Args:
        op: The op.
        check: Raises a ``FlextError`` when a run may not have that config.
        fields: The op's config schema.
    """
    return op.configured(_checking(check), name=op.name, config_schema=cast("Any", fields), description=op.description)


def guarded_resource(
    resource: dg.ResourceDefinition, check: Callable[[Mapping[str, object]], None], fields: object
) -> dg.ResourceDefinition:
    """The resource, whose config is checked while a run that needs it is planned; see ``guarded_op``."""
    return resource.configured(_checking(check), config_schema=cast("Any", fields), description=resource.description)


def _checking(check: Callable[[Mapping[str, object]], None]) -> Callable[[Any], Any]:
    def checked(config: Mapping[str, object]) -> Mapping[str, object]:
        check(config)
        return config

    return checked


def refuse_any(check_overrides: CheckOverrides) -> Callable[[Mapping[str, object]], None]:
    """The check of the job that sends any command: ``message`` and ``payload``."""

    def check(config: Mapping[str, object]) -> None:
        spec = command_named(str(config["message"]))
        refuse(spec, cast("Mapping[str, object]", config["payload"]), check_overrides)

    return check


def refuse(spec: MessageSpec, payload: Mapping[str, object], check_overrides: CheckOverrides = no_check) -> None:
    """Refuse the fields of a message that hold a secret, or are none of its fields.

    A misspelt field would be refused by the run; by then a secret in it would be stored.

    Raises:
        ForbiddenError: A secret is among them.
        InvalidMessageError: One is unknown, or a secret field holds a value instead of a variable's name.
    """
    payload = {name: value for name, value in payload.items() if value is not None}
    refuse_in_run_config(spec, payload)
    named = names_of_variables(spec, payload)
    _refuse_unknown(spec, named)
    refuse_texts(spec.name, payload)
    refuse_overrides(payload, check_overrides)


def refuse_overrides(options: Mapping[str, object], check_overrides: CheckOverrides) -> None:
    """Refuse settings of plugins among the options of a run that only their plugin's definition calls secret.

    Raises:
        ForbiddenError: One is.
    """
    overrides = options.get("config_overrides")
    if isinstance(overrides, Mapping) and any(overrides.values()):
        environment = options.get("environment")
        check_overrides(cast("Overrides", overrides), str(environment) if environment else None)


def refuse_texts(where: str, fields: Mapping[str, object]) -> None:
    """Refuse texts that show a secret by themselves, wherever they stand.

    Raises:
        ForbiddenError: One does; it names the field.
    """
    telling = sorted(name for name, value in fields.items() if shows_secret(value))
    if telling:
        raise ForbiddenError(
            f"{where}: {', '.join(telling)} shows a password or private key, and a run stores its config as plain text",
            "Keep it in a variable of the run's process, in .env or in ~/.pgpass, and refer to it",
            {"message": where, "fields": telling},
        )


def _refuse_unknown(spec: MessageSpec, payload: Mapping[str, object]) -> None:
    try:
        registry.parse(spec, payload)
    except InvalidMessageError as error:
        problems = error.details.get("problems")
        if any("unknown field" in str(problem) for problem in (problems if isinstance(problems, list) else ())):
            raise
