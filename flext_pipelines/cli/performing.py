"""Sending a message from a shell: at once, or inside a Dagster run when it is long work.

What belongs here: that choice, and the live display. What does not: launching itself (``commands/messages``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.cli.live import watching
from flext_pipelines.cli.session import send
from flext_pipelines.commands.message import Command

if TYPE_CHECKING:
    from flext_pipelines.commands.message import Message
    from flext_pipelines.commands.registry import MessageSpec


def perform(spec: MessageSpec, message: Message[object], *, as_json: bool = False) -> object:
    """Send a message and give its answer; long work becomes a run of the job `message`.

    Raises:
        FlextError: As the handler raised it.
    """
    with watching(as_json=as_json) as on_progress:
        if not (isinstance(message, Command) and message.performed_in_run):
            return send(message, on_progress)
        import json

        from flext_pipelines.commands import registry
        from flext_pipelines.commands.messages import PerformInRunCommand

        payload = message.model_dump(mode="json", exclude_unset=True)
        performed = send(PerformInRunCommand(message=spec.name, payload=payload), on_progress)
        return registry.load_result(spec, json.dumps(performed.answer))
