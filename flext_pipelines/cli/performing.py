"""Sending a message from a shell: at once, or inside a Dagster run when it is long work.

What belongs here: that choice, and the live display. What does not: launching itself (``runs``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.cli.session import print_progress, send

if TYPE_CHECKING:
    from flext_pipelines.commands.message import Message
    from flext_pipelines.commands.registry import MessageSpec


def perform(spec: MessageSpec, message: Message[object]) -> object:
    """Send a message and give its answer; long work becomes a run of the job `message`.

    Raises:
        FlextError: As the handler raised it.
    """
    return send(message, print_progress)
