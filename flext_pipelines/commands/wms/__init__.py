"""Warehouse management: the messages of the system ``wms``.

What belongs here: one module per kind of work, with its messages and handlers, and the joined map. What does not: the
work (``flext_pipelines.wms``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.commands.wms import operations, sample, sync, views

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HANDLERS: Mapping[type, Callable[..., object]] = {
    **operations.HANDLERS,
    **views.HANDLERS,
    **sync.HANDLERS,
    **sample.HANDLERS,
}
