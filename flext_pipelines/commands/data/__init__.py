"""Data: extract into the landing zone, validate, transform, load; and what the landing zone holds.

The four make a chain: the ``reference`` in each answer is what the next one takes.

What belongs here: one module per kind of work, with its messages and handlers, and the joined map. What does not: how
any of it is done (``flext_pipelines.data``, ``flext_pipelines.meltano``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.commands.data import datasets, extraction, loading, transformation, validation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HANDLERS: Mapping[type, Callable[..., object]] = {
    **extraction.HANDLERS,
    **validation.HANDLERS,
    **transformation.HANDLERS,
    **loading.HANDLERS,
    **datasets.HANDLERS,
}
