"""Some rows on their way from the source to the output, as Arrow where they fit and apart where they do not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Misfit:
    """A row with a value that its column's type does not allow.

    It is never changed and never dropped: the stream sends it as a RECORD with its raw value, so that the target can
    put it aside with the reason.

    Attributes:
        record: The row; a value that does not fit stands in it as it is, bytes as ``{"base64": ...}``.
        column: The first column that does not fit.
        reason: What is wrong with the value, without the value itself.
        position: The row's place in its chunk, from 0.
    """

    record: dict[str, Any]
    column: str
    reason: str
    position: int = 0


@dataclass
class Chunk:
    """Some rows in their order: those that fit as an Arrow batch, the others apart.

    Attributes:
        batch: The rows that fit, with the schema of ``arrow_schema``.
        misfits: The rows that do not.
        in_order: Whether the rows come in the order of the replication key, within the chunk and from chunk to chunk.
    """

    batch: pa.RecordBatch
    misfits: list[Misfit] = field(default_factory=list)
    in_order: bool = True
