"""Names of tables and columns: stable, short enough for the database, and never two for one.

The rules are the same at every run, so a name depends only on the stream's own name (and, for columns, on the
order of the schema), never on what else is loaded.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from target_flext_sql.columns import RESERVED_PREFIX
from target_flext_sql.errors import IdentifierError

Case = Literal["preserve", "lower", "upper"]
REJECTS_SUFFIX = "__rejects"
SHADOW_SUFFIX = "__flext_new"


@dataclass(frozen=True, slots=True)
class NamingRules:
    """How one database wants its names.

    Attributes:
        case: What to do with letters.
        max_bytes: Longest identifier in UTF-8 bytes.
        folds_case: True where names that differ only in case are one (DuckDB, even when quoted).
        table_prefix: Put in front of every table name.
    """

    case: Case
    max_bytes: int
    folds_case: bool
    table_prefix: str = ""

    def _cased(self, name: str) -> str:
        if self.case == "preserve":
            return name
        return name.lower() if self.case == "lower" else name.upper()

    def fit(self, name: str, reserve: int = 0) -> str:
        """Return `name` in the right case and within the limit.

        A name that is too long keeps its start and gets eight hex digits of the SHA-256 of the whole name, so two
        long names with one beginning stay two.

        Args:
            name: The wanted name.
            reserve: Bytes to leave free for a suffix that will be added later.

        Returns:
            The name to quote.
        """
        cased = self._cased(re.sub(r"[\x00-\x1f]", "_", name))
        limit = self.max_bytes - reserve
        if len(cased.encode()) <= limit:
            return cased
        digest = self._cased(hashlib.sha256(name.encode()).hexdigest()[:8])
        head = cased.encode()[: limit - len(digest) - 1].decode(errors="ignore")
        return f"{head}_{digest}"

    def _clash_key(self, name: str) -> str:
        return name.lower() if self.folds_case else name

    def columns(self, stream: str, sources: Iterable[str]) -> dict[str, str]:
        """Name the columns of a stream.

        Two properties that would become one column: the first in schema order keeps the name, a later one gets a
        hash of its own name as a suffix.

        Args:
            stream: Stream name, for the error.
            sources: Property names in schema order.

        Returns:
            Column name of each property.

        Raises:
            IdentifierError: A property uses the reserved prefix, or two cannot be told apart.
        """
        names: dict[str, str] = {}
        taken: set[str] = set()
        for source in sources:
            if source.lower().startswith(RESERVED_PREFIX):
                raise IdentifierError(
                    f"Stream '{stream}' has a property '{source}', but names starting with {RESERVED_PREFIX} are the "
                    "target's own",
                    next_step="rename it in the tap or with a stream map",
                )
            name = self.fit(source)
            if self._clash_key(name) in taken:
                digest = self._cased(hashlib.sha256(source.encode()).hexdigest()[:8])
                name = f"{self.fit(source, reserve=len(digest) + 1)}_{digest}"
            if self._clash_key(name) in taken:
                raise IdentifierError(
                    f"Stream '{stream}': property '{source}' would become the column '{name}', which is taken",
                    next_step="rename one of the two in the tap or with a stream map",
                )
            taken.add(self._clash_key(name))
            names[source] = name
        return names

    def table(self, stream: str, default_schema: str | None) -> tuple[str | None, str]:
        """Name the schema and table of a stream.

        `<schema>-<table>` (the SDK's stream names) gives the table; its schema is used unless a default schema is
        set. Anything else is the table's name as it stands.

        Args:
            stream: Stream name.
            default_schema: The `default_target_schema` setting.

        Returns:
            Schema (None for the connection's own) and table name, short enough for every suffix.
        """
        parts = stream.split("-")
        schema, table = (parts[-2], parts[-1]) if len(parts) in {2, 3} and all(parts) else (None, stream)
        schema = default_schema or schema
        reserve = max(len(REJECTS_SUFFIX), len(SHADOW_SUFFIX)) + 4
        return (self.fit(schema) if schema else None), self.fit(self.table_prefix + table, reserve=reserve)
