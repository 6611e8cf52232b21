"""Status ids and what they are called.

The ids are those of the sample. Public sources disagree about Oracle's (wms.md 3.5), so the words are configuration:
``FLEXT_WMS_STATUS_LABELS``. Only the order of ids has a meaning here: from ``SHIPPED`` on, nothing more may happen.

What belongs here: ids and words. What does not: when a status changes (``operations``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

CREATED, PARTLY_ALLOCATED, ALLOCATED, PICKED, PARTLY_SHIPPED, SHIPPED, CANCELLED = 0, 10, 20, 30, 80, 90, 99
"""Of orders, their lines, allocations and outbound shipments."""

IN_TRANSIT, RECEIVING, RECEIVED = 0, 20, 90
"""Of inbound shipments."""

Kind = Literal["order", "outbound", "inbound"]

_LABELS: dict[Kind, dict[int, str]] = {
    "order": {
        CREATED: "created", PARTLY_ALLOCATED: "partly allocated", ALLOCATED: "allocated", PICKED: "picked",
        PARTLY_SHIPPED: "partly shipped", SHIPPED: "shipped", CANCELLED: "cancelled",
    },
    "outbound": {ALLOCATED: "allocated", SHIPPED: "shipped", CANCELLED: "cancelled"},
    "inbound": {IN_TRANSIT: "in transit", RECEIVING: "receiving", RECEIVED: "received", CANCELLED: "cancelled"},
}  # fmt: skip


class Labels:
    """What status ids are called.

    Args:
        own: Words that replace ours, by kind and id.
    """

    def __init__(self, own: Mapping[Kind, Mapping[int, str]] | None = None) -> None:
        given = own or {}
        self._labels = {kind: {**words, **given.get(kind, {})} for kind, words in _LABELS.items()}

    def of(self, kind: Kind, status_id: int) -> str:
        """The word for a status."""
        return self._labels[kind].get(status_id) or f"status {status_id}"
