"""Stock that a transaction has locked, what it does to it, and the ledger of that.

What belongs here: places of stock, lots, changes with their ledger rows. What does not: why stock changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from flext_pipelines.errors import ConflictError
from flext_pipelines.wms import statements
from flext_pipelines.wms.quantities import written
from flext_pipelines.wms.statements import rows_among
from flext_pipelines.wms.tables import NO_LOT

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

    from flext_pipelines.wms.outcomes import Call
    from flext_pipelines.wms.transaction import Row, Transaction

NOTHING = Decimal("0.000")
MOST = Decimal("999999999999.999")
"""Of one lot in one place: fifteen digits, beyond which SQLite no longer keeps each of them."""


class Lot(NamedTuple):
    """A batch, or what expires on a day; nothing at all for stock without lots."""

    batch_nbr: str | None = None
    expiry_date: dt.date | None = None

    @property
    def key(self) -> str:
        """What tells lots of an item apart: the batch, else the expiry date."""
        if self.batch_nbr is not None:
            return f"={self.batch_nbr}" if self.batch_nbr[0] in "-=" else self.batch_nbr
        return NO_LOT if self.expiry_date is None else f"-{self.expiry_date.isoformat()}"

    def is_expired(self, today: dt.date) -> bool:
        """Whether its last day is over."""
        return self.expiry_date is not None and self.expiry_date < today


class Place(NamedTuple):
    """What tells rows of stock apart."""

    location_id: int
    item_id: int
    lot_key: str
    status_code: str


@dataclass(slots=True)
class Stock:
    """A row of stock that this transaction holds; quantities are those after what it has done so far."""

    id: int
    facility_id: int
    location_id: int
    item_id: int
    lot_key: str
    status_code: str
    batch_nbr: str | None
    expiry_date: dt.date | None
    on_hand: Decimal
    allocated: Decimal
    is_new: bool = False

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(self.location_id, self.item_id, self.lot_key, self.status_code)

    @property
    def free(self) -> Decimal:
        """What is not kept for orders."""
        return self.on_hand - self.allocated


class Why(NamedTuple):
    """What a ledger row says of its reason."""

    type_code: str
    reason_code: str | None = None
    reference_nbr: str | None = None
    note: str | None = None


class Ledger:
    """Changes of stock in one transaction, written together at its end: rows by ascending id, a ledger row for each."""

    def __init__(self, transaction: Transaction, call: Call) -> None:
        self._transaction = transaction
        self._call = call
        self._touched: dict[int, Stock] = {}
        self._movements: list[dict[str, object]] = []

    def move(self, stock: Stock, why: Why, *, on_hand: Decimal = NOTHING, allocated: Decimal = NOTHING) -> None:
        """Change a row by so much.

        Raises:
            ConflictError: There would be more than can be kept exactly.
        """
        stock.on_hand += on_hand
        stock.allocated += allocated
        if stock.on_hand > MOST:
            raise ConflictError(
                f"There would be {written(stock.on_hand)} of one lot in one place, and no more than {written(MOST)} "
                "can be kept",
                "Check the quantity and its unit",
                {"on_hand": str(stock.on_hand), "change": str(on_hand)},
            )
        self._touched[stock.id] = stock
        self._movements.append(
            {
                "inventory_id": stock.id, "facility_id": stock.facility_id, "item_id": stock.item_id,
                "location_id": stock.location_id, "on_hand_change": on_hand, "allocated_change": allocated,
                **why._asdict(),
            }
        )  # fmt: skip

    def write(self) -> None:
        """Send everything."""
        stamps = self._call.stamps()
        touched = [self._touched[number] for number in sorted(self._touched)]
        self._transaction.send_many(
            statements.ADD_STOCK, [_inserted(stock, stamps) for stock in touched if stock.is_new]
        )
        self._transaction.send_many(
            statements.CHANGE_STOCK,
            [
                {
                    "row_id": stock.id, "on_hand_qty": stock.on_hand, "allocated_qty": stock.allocated,
                    "mod_user": self._call.actor, "mod_ts": self._call.now,
                }
                for stock in touched
                if not stock.is_new
            ],
        )  # fmt: skip
        ids = self._transaction.numbers(len(self._movements))
        same = {"outcome_key": self._call.key, **stamps}
        self._transaction.send_many(
            statements.ADD_MOVEMENT,
            [{"id": number, **movement, **same} for number, movement in zip(ids, self._movements, strict=True)],
        )


def _inserted(stock: Stock, stamps: dict[str, object]) -> dict[str, object]:
    return {
        "id": stock.id, "facility_id": stock.facility_id, "location_id": stock.location_id,
        "item_id": stock.item_id, "lot_key": stock.lot_key, "status_code": stock.status_code,
        "batch_nbr": stock.batch_nbr, "expiry_date": stock.expiry_date, "on_hand_qty": stock.on_hand,
        "allocated_qty": stock.allocated, **stamps,
    }  # fmt: skip


def lock_stock(transaction: Transaction, ids: Iterable[int]) -> list[Stock]:
    """Rows of stock by ascending id, locked."""
    return [Stock(*row) for row in rows_among(transaction, statements.stock_locked, "stock", sorted(set(ids)))]


def lock_stock_at(transaction: Transaction, items: Iterable[int], locations: tuple[int, int]) -> dict[Place, Stock]:
    """All stock of some items in one or two locations, locked."""
    found: list[Row] = list(
        rows_among(
            transaction, statements.stock_at_locked, "item", sorted(set(items)),
            first_location=locations[0], second_location=locations[1],
        )
    )  # fmt: skip
    return {stock.place: stock for stock in (Stock(*row) for row in found)}


def know_lots(transaction: Transaction, call: Call, wanted: Sequence[tuple[int, str, Lot]]) -> dict[Place, Lot]:
    """Make the lots that are new; a batch that is known keeps its expiry date.

    Args:
        transaction: Which sends it.
        call: Whose rows they are.
        wanted: Item, its code, and lot.

    Returns:
        The lot of each item and key as it is known, under a place without location and status.

    Raises:
        ConflictError: A batch is said to expire on another day than it does.
    """
    named = {(item_id, lot.key): (code, lot) for item_id, code, lot in wanted if lot.key != NO_LOT}
    for item_id, code, lot in wanted:
        first = named.get((item_id, lot.key))
        if first is not None:
            _refuse_other_expiry(code, lot, first[1].expiry_date)
            if first[1].expiry_date is None:
                named[item_id, lot.key] = (code, lot)
    known: dict[tuple[int, str], dt.date | None] = {}
    pairs = sorted(named)
    for item_id, key, expiry in _lots(transaction, pairs):
        known[item_id, key] = expiry
    fresh = [pair for pair in pairs if pair not in known]
    ids = transaction.numbers(len(fresh))
    transaction.send_many(
        statements.ADD_LOT,
        [
            {
                "id": number, "item_id": pair[0], "lot_key": pair[1], "batch_nbr": named[pair][1].batch_nbr,
                "expiry_date": named[pair][1].expiry_date, **call.stamps(),
            }
            for number, pair in zip(ids, fresh, strict=True)
        ],
    )  # fmt: skip
    answer: dict[Place, Lot] = {}
    for pair, (code, lot) in named.items():
        if pair in known:
            _refuse_other_expiry(code, lot, known[pair])
            lot = Lot(lot.batch_nbr, known[pair])
        answer[Place(0, pair[0], pair[1], "")] = lot
    return answer


def _lots(transaction: Transaction, pairs: Sequence[tuple[int, str]]) -> Iterable[tuple[int, str, dt.date | None]]:
    for first in range(0, len(pairs), 64):
        part = pairs[first : first + 64]
        size = 1 << (len(part) - 1).bit_length()
        filled = [*part, *[part[-1]] * (size - len(part))]
        named: dict[str, object] = {f"item_{place}": pair[0] for place, pair in enumerate(filled)}
        named |= {f"key_{place}": pair[1] for place, pair in enumerate(filled)}
        for row in transaction.rows(statements.lots_of(size), **named):
            yield (row[0], row[1], row[2])


def _refuse_other_expiry(code: str, lot: Lot, known: dt.date | None) -> None:
    if lot.expiry_date is not None and known is not None and lot.expiry_date != known:
        raise ConflictError(
            f"Batch {lot.batch_nbr!r} of item {code} expires on {known}, not on {lot.expiry_date}",
            "Correct the expiry date, or give the batch another number",
            {"item_code": code, "batch_nbr": lot.batch_nbr, "expiry_date": str(known)},
        )
