"""One of many processes that work in the same warehouse at once, and write down what they were told.

What belongs here: what a worker sends, and its notes. What does not: what must be true afterwards (``test_load``).
"""

from __future__ import annotations

import json
import os
import random
import time
from decimal import Decimal
from typing import TYPE_CHECKING

from pydantic import SecretStr

from flext_pipelines.errors import ConflictError, FlextError, NotFoundError, OutcomeUnknownError, TransientError
from flext_pipelines.wms.database import DatabaseBackend
from flext_pipelines.wms.engine import EngineOptions, open_engine
from flext_pipelines.wms.requests import (
    ReceiptLine,
    ReceiptRequest,
    ShipmentClosing,
    ShipmentRequest,
    StockCorrection,
)
from tests.wms.warehouse import NOW, TODAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from flext_pipelines.wms.values import Performed

ITEMS = ("PUMP", "VALVE", "MILK")
PLACES = ("A1", "A2", "DOCK", "Q1")


class Worker:
    """Sends commands drawn by a dice, and notes each with what came of it."""

    def __init__(self, url: str, number: int, notes: str, orders: int) -> None:
        engine = open_engine(SecretStr(url), EngineOptions(pool_size=2))
        self.backend = DatabaseBackend(engine, clock=lambda: NOW, patience_seconds=60)
        self.dice = random.Random(number)
        self.number = number
        self.orders = orders
        self.mine: list[str] = []
        self.file = os.open(f"{notes}/{number}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, key: str, outcome: str) -> None:
        """One line, which is there whatever happens to this process afterwards."""
        os.write(self.file, (json.dumps([key, outcome]) + "\n").encode())

    def run(self, seconds: float) -> None:
        """Work until the time is over."""
        end, turn = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            turn += 1
            key = f"{self.number}-{turn}"
            self.note(key, "sent")
            try:
                answer = self.send(key)
            except OutcomeUnknownError:
                self.note(key, "unknown")
            except TransientError as error:
                self.note(key, f"away {error.code}")
            except (ConflictError, NotFoundError) as error:
                self.note(key, f"refused {error.code}")
            except FlextError as error:
                self.note(key, f"fault {error}")
            else:
                self.note(key, "again" if answer.replayed else "accepted")

    def send(self, key: str) -> Performed:
        """One command; some are sent twice, and the second answer must be the first one."""
        command = self.draw()
        answer = command(key)
        if self.dice.random() < 0.1:
            again = command(key)
            assert again.replayed
            assert again.model_copy(update={"replayed": False}) == answer
        return answer

    def draw(self) -> Callable[[str], Performed]:
        """Ship, close, correct or receive."""
        dice, backend, actor = self.dice, self.backend, f"worker {self.number}"
        what = dice.random()
        if what < 0.35:
            request = ShipmentRequest.model_validate(
                {
                    "order_nbr": f"SO{dice.randrange(self.orders)}", "ship": dice.random() < 0.4,
                    "policy": dice.choice(("partial", "all_or_nothing")),
                }
            )  # fmt: skip

            def ship(key: str) -> Performed:
                shipment = backend.create_shipment(request, actor=actor, key=key)
                self.mine.append(shipment.shipment_nbr)
                return shipment

            return ship
        if what < 0.5 and self.mine:
            closing = ShipmentClosing.model_validate(
                {"shipment_nbr": self.mine.pop(0), "action": dice.choice(("ship", "cancel"))}
            )
            return lambda key: backend.close_shipment(closing, actor=actor, key=key)
        item, place = dice.choice(ITEMS), dice.choice(PLACES)
        lot = {"batch_nbr": f"M{dice.randrange(3)}", "expiry_date": TODAY.replace(year=2027)} if item == "MILK" else {}
        if what < 0.75:
            quantity: dict[str, object] = {"adjustment_qty": dice.choice((-3, 2, 5))}
            if dice.random() < 0.3:
                quantity = {"actual_qty": dice.randrange(30)}
            correction = StockCorrection.model_validate(
                {"item_code": item, "location_barcode": place, "reason_code": "LOAD", **lot, **quantity}
            )
            return lambda key: backend.update_inventory(correction, actor=actor, key=key)
        lines = [ReceiptLine.model_validate({"item_code": item, "qty": Decimal(dice.randrange(1, 9)), **lot})]
        if item != "PUMP":
            lines.append(ReceiptLine(item_code="PUMP", qty=Decimal(2), condition=dice.choice(("good", "damaged"))))
        receipt = ReceiptRequest(po_nbr=f"PO{self.number}", location_barcode=place, lines=tuple(lines))
        return lambda key: backend.process_receipt(receipt, actor=actor, key=key)


def work(url: str, number: int, notes: str, orders: int, seconds: float) -> None:
    """The whole life of a worker."""
    Worker(url, number, notes, orders).run(seconds)
