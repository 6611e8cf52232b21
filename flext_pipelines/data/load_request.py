"""What is to be loaded where, and what came of it.

What belongs here: the request, whether it makes sense, the answer. What does not: loading (``load``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flext_pipelines.data.dataset import DataReference
from flext_pipelines.data.warehouse.table_name import TableName
from flext_pipelines.errors import UsageError
from flext_pipelines.values import Value

LoadMode = Literal["append", "overwrite", "upsert", "merge"]
KEYED = frozenset({"upsert", "merge"})
"""Modes that tell rows apart by keys."""


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What to load where; see ``LoadDataCommand``."""

    source: DataReference
    table: TableName
    mode: LoadMode = "append"
    merge_keys: tuple[str, ...] = ()
    delete_missing: bool = False
    batch_size: int = 100_000
    create_table: bool = True
    add_columns: bool = True
    truncate: bool = False
    dedup_keys: tuple[str, ...] = ()
    dedup_order_by: str | None = None
    expected_record_count: int | None = None
    post_load_validation: bool = True
    reload: bool = False

    def check(self) -> None:
        """Whether its parts fit together.

        Raises:
            UsageError: They do not.
        """
        if self.mode in KEYED and not self.merge_keys:
            raise UsageError(f"{self.mode} needs merge_keys", "Name the columns that tell rows apart")
        if self.delete_missing and self.mode != "merge":
            raise UsageError("delete_missing goes with load_mode merge only", "Use merge, or overwrite")
        if self.dedup_order_by and not (self.dedup_keys or self.mode in KEYED):
            raise UsageError("dedup_order_by needs dedup_keys", "Name the columns whose doubles are left out")
        if self.mode in KEYED and self.dedup_keys and set(self.dedup_keys) - set(self.merge_keys):
            raise UsageError(
                "dedup_keys beyond merge_keys would leave several rows of one key",
                "Leave dedup_keys out: upsert and merge keep the last row of each key",
            )

    @property
    def at_once(self) -> bool:
        """Whether everything happens in one transaction: the table is never seen half replaced."""
        return self.mode == "overwrite" or self.truncate or self.delete_missing


class Load(Value):
    """What a load came to.

    Attributes:
        reference: What was loaded.
        table: Where.
        mode: How.
        rows_read: Rows of the source.
        deduplicated: Rows left out, because a later row has the same keys.
        inserted: New rows.
        updated: Rows that took other values.
        unchanged: Rows that the table held already, equal (``merge``).
        deleted: Rows that went (``overwrite``, ``truncate``, ``delete_missing``).
        rows_in_table: Rows that the table holds now.
        batches: Transactions it took, or batches within the one.
        resumed_at: Rows that an earlier, broken-off load had brought.
        already_loaded: True when all of it was in the table already.
        verified: Whether the counts were verified in the target.
        columns_added: Columns that the table did not have.
    """

    reference: DataReference
    table: str
    mode: LoadMode
    rows_read: int
    deduplicated: int
    inserted: int
    updated: int
    unchanged: int
    deleted: int
    rows_in_table: int
    batches: int
    resumed_at: int = 0
    already_loaded: bool = False
    verified: bool
    columns_added: tuple[str, ...] = ()
