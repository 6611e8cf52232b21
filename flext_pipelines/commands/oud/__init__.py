"""From Oracle Internet Directory to Oracle Unified Directory: the messages of the system ``oud``.

What belongs here: one module per part of the migration, with its messages and handlers, and the joined map. What does
not: the work (``flext_pipelines.oud``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.commands.oud import access, directory, migration, schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HANDLERS: Mapping[type, Callable[..., object]] = {
    **access.HANDLERS,
    **directory.HANDLERS,
    **migration.HANDLERS,
    **schema.HANDLERS,
}
