"""The name of a table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TableRef:
    """A table or view.

    Attributes:
        schema: Its schema, None for the connection's own.
        name: Its name.
    """

    schema: str | None
    name: str

    def __str__(self) -> str:
        """The name for people, in logs and errors."""
        return f"{self.schema}.{self.name}" if self.schema else self.name
