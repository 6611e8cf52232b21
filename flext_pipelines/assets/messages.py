"""Jobs that send one message: the generic one, and the factory for those of one message each.

Every command of the mission can be a Dagster run, with logs, status and audit in one place: a shell launches the job
``message`` with the message's name and fields as run config, and the one op of that run sends it.

What belongs here: ops and jobs of a single message. What does not: which messages get a job of their own.
"""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import cast

import dagster as dg

from flext_pipelines.assets.bus import BUS, context_of
from flext_pipelines.assets.failures import StepContext, translated
from flext_pipelines.assets.guard import CheckOverrides, guarded_op, no_check, refuse, refuse_any
from flext_pipelines.assets.moved import moved
from flext_pipelines.assets.progress import StepLog
from flext_pipelines.assets.run_config import config_fields, message_from
from flext_pipelines.commands import registry
from flext_pipelines.commands.bus import Bus
from flext_pipelines.commands.message import Command
from flext_pipelines.commands.messages import command_named, refuse_in_run_config
from flext_pipelines.commands.registry import MessageSpec
from flext_pipelines.runs.location import MESSAGE_JOB, MESSAGE_OP, Tag

RESULT = "result"
"""Metadata key under which the answer of a message stands on the op's output."""


def send(context: StepContext, spec: MessageSpec, payload: Mapping[str, object]) -> object:
    """Send the message that a run config holds; its answer as plain JSON values.

    Raises:
        FlextError: As the handler raised it, or because the config makes no valid message.
    """
    refuse_in_run_config(spec, payload)
    bus: Bus = getattr(context.resources, BUS)
    context.log.info("Sending %s", spec.name)
    log = StepLog(context.log)
    result = bus.send(message_from(spec, payload), context_of(context, log))
    log.close()
    return json.loads(registry.dump_result(spec, result.unwrap()))


ANY_FIELDS = {
    "message": dg.Field(str, description="Public name, for instance `plugins.InstallPlugin`."),
    "payload": dg.Field(dict, default_value={}, description="Its fields; `flext messages NAME` lists them."),
}


@dg.op(
    name=MESSAGE_OP,
    out=dg.Out(dg.Nothing),
    required_resource_keys={BUS},
    config_schema=ANY_FIELDS,
    description="Sends any one command. A secret field takes `{env: NAME}`, never a value.",
)
def send_any(context: dg.OpExecutionContext) -> Iterator[dg.Output[None] | dg.AssetMaterialization]:
    """Send the command that the run config names."""
    with translated(context):
        config = cast("Mapping[str, object]", context.op_config)
        spec = command_named(str(config["message"]))
        payload = cast("Mapping[str, object]", config["payload"])
        answer = send(context, spec, payload)
        yield from moved(spec.name, payload, answer)
        yield answered(answer)


def answered(value: object) -> dg.Output[None]:
    """An op's output that carries an answer for people to read."""
    shown = value if isinstance(value, (dict, list)) else {"value": value}
    return dg.Output(None, metadata={RESULT: dg.MetadataValue.json(shown)})


def message_job(check_overrides: CheckOverrides = no_check) -> dg.JobDefinition:
    """The generic job.

    Args:
        check_overrides: Refuses settings of plugins that are secret; see ``guard``.
    """
    guarded = guarded_op(send_any, refuse_any(check_overrides), ANY_FIELDS)

    @dg.job(name=MESSAGE_JOB, description="Performs any one command: `ops.send.config` holds its name and fields.")
    def message() -> None:
        cast("Callable[[], None]", guarded)()

    return message


def job_of(name: str, spec: MessageSpec, tags: Mapping[str, str] | None = None) -> dg.JobDefinition:
    """A job of one op that sends one kind of message; the launchpad shows those of its fields that run config may hold.

    Args:
        name: Name of the job; its op is called ``send_<name>``, because Dagster wants every name once.
        spec: The message.
        tags: Further run tags.
    """
    never = spec.type.never_in_run_config if issubclass(spec.type, Command) else frozenset()
    fields = {field: described for field, described in config_fields(spec).items() if field not in never}

    @dg.op(
        name=f"send_{name}",
        out=dg.Out(dg.Nothing),
        required_resource_keys={BUS},
        config_schema=fields,
        description=spec.summary,
    )
    def send_one(context: dg.OpExecutionContext) -> Iterator[dg.Output[None]]:
        with translated(context):
            yield answered(send(context, spec, present(context.op_config)))

    @dg.job(name=name, description=spec.summary, tags={Tag.MESSAGE: spec.name, **(tags or {})})
    def one_message() -> None:
        cast("Callable[[], None]", guarded_op(send_one, functools.partial(refuse, spec), fields))()

    return one_message


def present(config: object) -> dict[str, object]:
    """The fields that a run config sets; absent and null ones are left to the message's own defaults."""
    return {key: value for key, value in cast("Mapping[str, object]", config).items() if value is not None}
