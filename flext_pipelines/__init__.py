"""flext-pipelines: every operation is a typed message on one bus.

What belongs here: the public names, and nothing else. They are loaded on first use, so
``import flext_pipelines`` costs next to nothing and a command line starts at once.

What does not: code. Messages and handlers live in ``commands``, gateways and domains in
their own packages, doors in ``assets``, ``cli`` and ``web``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flext_pipelines.bootstrap import build_bus
    from flext_pipelines.commands.bus import Bus
    from flext_pipelines.commands.message import Command, Context, Query
    from flext_pipelines.commands.result import FlextResult
    from flext_pipelines.errors import FlextError, PermanentError, RecordError, TransientError
    from flext_pipelines.settings import Settings

__all__ = [
    "Bus",
    "Command",
    "Context",
    "FlextError",
    "FlextResult",
    "PermanentError",
    "Query",
    "RecordError",
    "Settings",
    "TransientError",
    "build_bus",
]

_HOMES = {
    "Bus": "flext_pipelines.commands.bus",
    "Command": "flext_pipelines.commands.message",
    "Context": "flext_pipelines.commands.message",
    "FlextError": "flext_pipelines.errors",
    "FlextResult": "flext_pipelines.commands.result",
    "PermanentError": "flext_pipelines.errors",
    "Query": "flext_pipelines.commands.message",
    "RecordError": "flext_pipelines.errors",
    "Settings": "flext_pipelines.settings",
    "TransientError": "flext_pipelines.errors",
    "build_bus": "flext_pipelines.bootstrap",
}


def __getattr__(name: str) -> object:
    """Load a public name from its home on first use (PEP 562)."""
    from importlib import import_module

    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    """The public names, for completion."""
    return [*__all__]
