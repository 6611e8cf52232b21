"""Sixteen processes in one warehouse, whose connections and lives are cut off at random.

Twenty seconds, or as many as ``WMS_LOAD_SECONDS`` says; the record of the figures was taken with 60.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import time
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg
import pytest
from pydantic import SecretStr

from tests.wms import load_worker
from tests.wms.warehouse import NOW, Warehouse

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

WORKERS, ORDERS = 16, 3_000
SECONDS = float(os.environ.get("WMS_LOAD_SECONDS", "20"))

_KILL = """
SELECT pg_terminate_backend(pid) FROM (
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'flext'
    ORDER BY random() LIMIT 2
) chosen
"""
_OVERSOLD = "SELECT count(*) FROM inventory WHERE on_hand_qty < 0 OR allocated_qty < 0 OR allocated_qty > on_hand_qty"


def fill(warehouse: Warehouse) -> None:
    """Orders of pumps, valves and milk, more than there will be stock for."""
    for first in range(0, ORDERS, 1_000):
        numbers = range(first, first + 1_000)
        warehouse.insert(
            "order_hdr",
            [
                {
                    "id": 1_000 + number, "facility_id": 1, "company_id": 1, "order_nbr": f"SO{number}",
                    "order_type": "X", "status_id": 0, "priority": 1, "ord_date": NOW,
                }
                for number in numbers
            ],
        )  # fmt: skip
        warehouse.insert(
            "order_dtl",
            [
                {
                    "id": 100_000 + number * 3 + line, "order_id": 1_000 + number, "seq_nbr": line,
                    "item_id": (number + line) % 3 + 1, "ord_qty": Decimal(number % 7 + 1), "alloc_qty": Decimal(0),
                    "shipped_qty": Decimal(0), "status_id": 0,
                }
                for number in numbers
                for line in (1, 2)
            ],
        )  # fmt: skip
    for place in load_worker.PLACES:
        warehouse.put("PUMP", place, 50)
        warehouse.put("VALVE", place, 50)


def disturb(url: str, processes: list[ForkServerProcess]) -> int:
    """Cut connections all the time and kill one worker, until all are done; how many connections were cut."""
    dice, cut, victim = random.Random(1), 0, processes[3]
    killed_at = time.monotonic() + SECONDS / 2
    with psycopg.connect(url, autocommit=True) as looking:
        while any(process.is_alive() for process in processes):
            time.sleep(dice.uniform(0.05, 0.4))
            cut += len(looking.execute(_KILL).fetchall())
            oversold = looking.execute(_OVERSOLD).fetchone()
            assert oversold == (0,), "stock below zero or sold twice"
            if victim.is_alive() and time.monotonic() > killed_at:
                victim.kill()  # SIGKILL
    return cut


def noted(folder: Path) -> dict[str, str]:
    """The last that was noted of each key."""
    lines = [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return dict(lines)


@pytest.mark.process
@pytest.mark.postgres
@pytest.mark.timeout(SECONDS * 4 + 200)
def test_whatever_is_cut_off_the_stock_is_right(postgres_url: str, tmp_path: Path) -> None:
    """Never negative, never oversold, the ledger adds up, and every accepted command was done exactly once."""
    warehouse = Warehouse(SecretStr(postgres_url)).fill()
    fill(warehouse)
    before = {row["outcome_key"] for row in warehouse.rows("stock_movement")}
    methods = multiprocessing.get_context("forkserver")
    methods.set_forkserver_preload(["tests.wms.load_worker"])
    processes = [
        methods.Process(target=load_worker.work, args=(postgres_url, number, str(tmp_path), ORDERS, SECONDS))
        for number in range(WORKERS)
    ]
    for process in processes:
        process.start()
    try:
        cut = disturb(postgres_url, processes)
    finally:
        for process in processes:
            process.kill()
            process.join()

    warehouse.engine.dispose()  # its own connections were cut too
    outcomes = noted(tmp_path)
    kinds = Counter(outcome.split()[0] for outcome in outcomes.values())
    assert [process.exitcode for process in processes] == [0] * 3 + [-9] + [0] * (WORKERS - 4)
    assert cut > SECONDS
    assert kinds["accepted"] > 20 * SECONDS / 10
    assert not [outcome for outcome in outcomes.values() if outcome.startswith("fault")]
    assert warehouse.problems() == []
    performed = {row["outcome_key"]: row for row in warehouse.rows("command_outcome")}
    moved: dict[str, list[tuple[Decimal, Decimal]]] = {}
    for row in warehouse.rows("stock_movement"):
        if row["outcome_key"] not in before:
            moved.setdefault(row["outcome_key"], []).append((row["on_hand_change"], row["allocated_change"]))
    for key, outcome in outcomes.items():
        if outcome in {"accepted", "again"}:
            assert key in performed, f"{key} was accepted and is not there"
        elif outcome.startswith(("refused", "away")):
            assert key not in performed, f"{key} was refused and is there: {outcome}"
    assert moved.keys() <= performed.keys(), "stock moved without a command"
    for key, changes in moved.items():
        _check_answer(performed[key]["command"], json.loads(performed[key]["answer"]), changes)
    warehouse.close()


def _check_answer(command: str, answer: dict[str, object], changes: list[tuple[Decimal, Decimal]]) -> None:
    """What a command answered is what it moved: not less, and not twice."""
    on_hand, allocated = (sum(column) for column in zip(*changes, strict=True))
    if command == "wms.UpdateInventory":
        assert (on_hand, allocated, len(changes)) == (Decimal(str(answer["change"])), 0, 1)
        return
    lines = answer["lines"]
    assert isinstance(lines, list)
    if command == "wms.ProcessReceipt":
        assert (on_hand, allocated) == (sum(Decimal(line["qty"]) for line in lines), 0)
        return
    kept, shipped = (sum(Decimal(line[name]) for line in lines) for name in ("allocated", "shipped"))
    assert -on_hand == shipped
    if command == "wms.CreateShipment":
        assert allocated == kept - shipped
    elif shipped:
        assert -allocated == shipped
    else:
        assert allocated < 0
