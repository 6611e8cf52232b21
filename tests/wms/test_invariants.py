"""Whatever is sent in whatever order: the stock is what a simple model says, and the ledger adds up.

The model knows numbers only. Each rule sends one command to a warehouse on SQLite and to the model, which must agree
on whether it is refused.
"""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from pydantic import SecretStr

from flext_pipelines.errors import ConflictError, InsufficientStockError, NotFoundError
from flext_pipelines.wms.requests import ReceiptLine, ShipmentClosing
from tests.wms.warehouse import Warehouse

ITEMS = st.sampled_from(("PUMP", "VALVE"))
PLACES = st.sampled_from(("A1", "A2"))
THOUSANDTHS = st.integers(1, 40_000).map(lambda number: Decimal(number) / 1000)


class WarehouseMachine(RuleBasedStateMachine):
    """A warehouse and its model: on hand by item and place, kept by shipment."""

    shipments = Bundle("shipments")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.warehouse = Warehouse.filled(SecretStr(f"sqlite:///{Path(self.folder.name) / 'wms.db'}"))
        self.on_hand: dict[tuple[str, str], Decimal] = {}
        self.kept: dict[str, list[tuple[tuple[str, str], Decimal]]] = {}
        self.keys = 0

    def free(self, item: str) -> Decimal:
        """What the model has available of an item."""
        there = sum((qty for (name, _), qty in self.on_hand.items() if name == item), Decimal(0))
        kept = sum((qty for picks in self.kept.values() for (name, _), qty in picks if name == item), Decimal(0))
        return there - kept

    def kept_at(self, place: tuple[str, str | None]) -> Decimal:
        """What the model keeps of one place."""
        return sum((qty for picks in self.kept.values() for at, qty in picks if at == place), Decimal(0))

    @rule(item=ITEMS, place=PLACES, qty=THOUSANDTHS)
    def receive(self, item: str, place: str, qty: Decimal) -> None:
        """Goods come."""
        self.warehouse.receive(ReceiptLine(item_code=item, qty=qty), po_nbr="PO", location_barcode=place)
        self.on_hand[item, place] = self.on_hand.get((item, place), Decimal(0)) + qty

    @rule(item=ITEMS, place=PLACES, qty=st.one_of(THOUSANDTHS, THOUSANDTHS.map(lambda qty: -qty)), twice=st.booleans())
    def adjust(self, item: str, place: str, qty: Decimal, twice: bool) -> None:
        """Stock is corrected by so much; sent twice with one key, it is done once."""
        there = self.on_hand.get((item, place))
        self.keys += 1
        key = f"adjust {self.keys}"
        if there is None and qty < 0:
            with pytest.raises(NotFoundError):
                self.warehouse.correct(item, place, adjustment_qty=qty, key=key)
        elif (there or 0) + qty < self.kept_at((item, place)):
            with pytest.raises(InsufficientStockError):
                self.warehouse.correct(item, place, adjustment_qty=qty, key=key)
        else:
            first = self.warehouse.correct(item, place, adjustment_qty=qty, key=key)
            if twice:
                assert self.warehouse.correct(item, place, adjustment_qty=qty, key=key).on_hand == first.on_hand
            self.on_hand[item, place] = (there or Decimal(0)) + qty

    @rule(item=ITEMS, place=PLACES, qty=THOUSANDTHS)
    def count(self, item: str, place: str, qty: Decimal) -> None:
        """Stock is counted."""
        if qty < self.kept_at((item, place)):
            with pytest.raises(InsufficientStockError):
                self.warehouse.correct(item, place, actual_qty=qty)
            return
        self.warehouse.correct(item, place, actual_qty=qty)
        self.on_hand[item, place] = qty

    @rule(
        target=shipments,
        lines=st.lists(st.tuples(ITEMS, THOUSANDTHS), min_size=1, max_size=3),
        policy=st.sampled_from(("partial", "all_or_nothing")),
    )
    def ship(self, lines: list[tuple[str, Decimal]], policy: str) -> str:
        """An order comes and stock is kept for it, all of it or what there is."""
        self.keys += 1
        order = self.warehouse.order(f"SO{self.keys}", *lines)
        wanted = {item: sum(qty for name, qty in lines if name == item) for item, _ in lines}
        short = any(qty > self.free(item) for item, qty in wanted.items())
        nothing = all(self.free(item) <= 0 for item in wanted)
        if nothing or (short and policy == "all_or_nothing"):
            with pytest.raises(InsufficientStockError):
                self.warehouse.ship(order, policy=policy)
            return ""
        shipment = self.warehouse.ship(order, policy=policy)
        assert shipment.complete is not short
        for item, qty in wanted.items():
            taken = sum(pick.qty for pick in shipment.picks if pick.item_code == item)
            assert taken == min(qty, self.free(item))
        self.kept[shipment.shipment_nbr] = [
            ((pick.item_code, pick.location_barcode), pick.qty) for pick in shipment.picks
        ]
        return shipment.shipment_nbr

    @rule(number=consumes(shipments), action=st.sampled_from(("ship", "cancel")))
    def close(self, number: str, action: str) -> None:
        """A shipment leaves or is cancelled, once."""
        if not number:
            return
        closing = ShipmentClosing.model_validate({"shipment_nbr": number, "action": action})
        self.warehouse.backend.close_shipment(closing, actor="t", key=None)
        for place, qty in self.kept.pop(number):
            if action == "ship":
                self.on_hand[place] -= qty
        with pytest.raises(ConflictError):
            self.warehouse.backend.close_shipment(closing, actor="t", key=None)

    @invariant()
    def agrees(self) -> None:
        """What the warehouse shows is what the model has."""
        shown = {(row.item_code, row.location_barcode): row for row in self.warehouse.stock()}
        assert {place: row.on_hand for place, row in shown.items()} == self.on_hand
        assert all(row.allocated == self.kept_at(place) for place, row in shown.items())

    @invariant()
    def adds_up(self) -> None:
        """Never negative, never oversold, and the ledger is the stock."""
        assert self.warehouse.problems() == []

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.warehouse.close()
        self.folder.cleanup()


WarehouseMachine.TestCase.settings = settings(
    max_examples=10, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestWarehouse = WarehouseMachine.TestCase
