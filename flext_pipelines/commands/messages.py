"""Any message, performed inside a Dagster run.

A shell that is asked for long work launches a run of the job ``message`` with the message as run config, so that the
work has a log, a status and an end that others can see and stop.

What belongs here: this one message. What does not: the op that sends what the run config holds (``assets``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import Field, JsonValue

from flext_pipelines.commands import registry
from flext_pipelines.commands.launching import raise_unless_completed, run_tags
from flext_pipelines.commands.message import Command, Context, names_only
from flext_pipelines.errors import ForbiddenError, InvalidMessageError, UsageError, error_of_code
from flext_pipelines.runs.location import MESSAGE_JOB, RunStatus, Tag, message_run_config
from flext_pipelines.runs.progress import listening
from flext_pipelines.secrets import MASK
from flext_pipelines.values import Progress, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flext_pipelines.commands.registry import MessageSpec
    from flext_pipelines.runs.gateway import Runs
    from flext_pipelines.runs.status import PipelineStatus


class Performed(Value):
    """A message that was performed in a run of its own.

    Attributes:
        execution_id: Dagster's run id.
        status: The run's state.
        answer: What the message was answered with; None while the run goes on.
    """

    execution_id: str
    status: RunStatus
    answer: JsonValue = None


class PerformInRunCommand(Command[Performed]):
    """Launch a Dagster run that sends one command, and answer with its answer.

    An error of that command is the error of this one.
    """

    message: str = Field(min_length=1, description="Public name of the command, for instance data.ExtractData.")
    payload: dict[str, JsonValue] = Field(
        default_factory=dict, description="Its fields. Run config is stored as text, so that a secret is refused."
    )
    detach: bool = Field(default=False, description="Answer when the run was submitted; it outlives this process.")

    def for_audit(self) -> str:
        """The inner message as that one would be kept; only names of fields when it makes no message."""
        try:
            spec = registry.find(registry.all_specs(), self.message)
            inner = json.loads(registry.parse(spec, self.payload).for_audit())
            kept: object = {name: value for name, value in inner.items() if name in self.payload}
        except InvalidMessageError:
            kept = names_only(self.payload)
        return self.model_copy(update={"payload": kept}).model_dump_json(exclude_none=True)


def perform_in_run(command: PerformInRunCommand, *, runs: Runs, context: Context) -> Performed:
    """Validate before a run is made, launch, wait, read the answer from the run."""
    spec = command_named(command.message)
    refuse_in_run_config(spec, command.payload)
    message = registry.parse(spec, command.payload)
    fields = message.model_dump(mode="json", exclude_unset=True)
    if fields != _revealed(command.payload, fields):
        raise UsageError(
            f"{spec.name} carries a secret, which a Dagster run would store as plain text",
            "Send it without a run, or name the environment variable that holds the secret",
        )
    with listening(context.on_progress):
        execution_id = runs.launch(
            MESSAGE_JOB,
            run_config=message_run_config(spec.name, fields),
            tags=run_tags(context) | {Tag.MESSAGE: spec.name},
            attached=not command.detach,
            on_created=lambda run_id: context.on_progress(Progress(text=f"Run {run_id} of {spec.name}")),
        )
    status = runs.status(execution_id)
    if not command.detach:
        raise_its_error(status)
    answer = json.loads(json.dumps(runs.answer(execution_id), default=str))
    return Performed(execution_id=execution_id, status=status.status, answer=answer)


def command_named(name: str) -> MessageSpec:
    """The command of that public name, as a run can send it.

    Raises:
        UnknownMessageError: No message has it.
        UsageError: It is a query, which needs no run, or would only launch another run.
    """
    spec = registry.find(registry.all_specs(), name)
    if not spec.is_command:
        raise UsageError(f"{spec.name} is a query and needs no run", f"Send it by `flext send {spec.name}`")
    if spec.type is PerformInRunCommand:
        raise UsageError(
            f"{spec.name} launches a run itself and needs none", "Give it the command that the run is to send"
        )
    return spec


def refuse_in_run_config(spec: MessageSpec, fields: Mapping[str, object]) -> None:
    """Refuse fields that may hold a secret which nobody but their handler would recognise.

    Raises:
        ForbiddenError: Such a field is given.
    """
    never = spec.type.never_in_run_config if issubclass(spec.type, Command) else frozenset()
    given = sorted(name for name in never if fields.get(name))
    if given:
        raise ForbiddenError(
            f"{spec.name}: {', '.join(given)} may hold a secret, and a run stores its config as plain text",
            f"Send it without a run (`flext send {spec.name}`), or name environment variables instead",
            {"message": spec.name, "fields": given},
        )


def _revealed(payload: Mapping[str, object], dumped: Mapping[str, object]) -> dict[str, object]:
    """The payload with the dump's spelling where the two mean the same; a masked secret never does."""
    masked = {name for name, value in dumped.items() if MASK in json.dumps(value)}
    return {name: payload[name] if name in masked else value for name, value in dumped.items()}


def raise_its_error(status: PipelineStatus) -> None:
    """The error of the command inside, as its handler raised it.

    Raises:
        FlextError: The run did not complete.
    """
    inner = status.error
    if status.status == "failed" and inner is not None:
        details = {**inner.details, "execution_id": status.execution_id}
        error = error_of_code(inner.code, inner.reason, inner.instruction, details)
        if error is not None:
            raise error
    raise_unless_completed(status)


HANDLERS: Mapping[type, Callable[..., object]] = {PerformInRunCommand: perform_in_run}
