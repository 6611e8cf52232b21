"""The name of a table, as people write it.

What belongs here: parsing and printing it. What does not: quoting it for a database (``dialect``).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from flext_pipelines.errors import UsageError

_PART = re.compile(r"[^\x00-\x1f\x7f]{1,128}")


class TableName(NamedTuple):
    """A table, with its schema if one is named."""

    schema: str | None
    name: str

    @classmethod
    def parse(cls, text: str) -> TableName:
        """``orders`` or ``sales.orders``.

        Raises:
            UsageError: It is neither.
        """
        schema, dot, name = text.rpartition(".")
        parts = [schema, name] if dot else [name]
        if "." in schema or not all(_PART.fullmatch(part) for part in parts):
            raise UsageError(f"{text!r} is no table", "Write table or schema.table", {"table": text})
        return cls(schema or None, name)

    def __str__(self) -> str:
        """``schema.table``."""
        return f"{self.schema}.{self.name}" if self.schema else self.name
