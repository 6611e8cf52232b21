"""Stock corrections on Oracle WMS Cloud: done once, told exactly, looked up when the answer is lost."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from flext_pipelines.errors import (
    CommandInDoubtError,
    ConflictError,
    ForbiddenError,
    InsufficientStockError,
    InvalidMessageError,
    NotFoundError,
)
from flext_pipelines.wms.cloud.backend import CloudBackend
from flext_pipelines.wms.cloud.calls import CloudCalls
from flext_pipelines.wms.cloud.options import CloudOptions
from tests.wms.cloud.asking import Rows, correction, stocked
from tests.wms.cloud.conftest import Cloud, client_of, options_of


def test_an_adjustment_changes_the_stock_by_just_so_much(cloud: Cloud, rows: Rows) -> None:
    """The answer tells before, change and after, and the cloud holds the same."""
    row = stocked(rows)

    done = cloud.backend.update_inventory(correction(row, adjustment_qty="-3"), actor="ann", key=None)

    assert (done.before, done.change, done.on_hand) == (
        Decimal(row["curr_qty"]), Decimal(-3), Decimal(row["curr_qty"]) - 3,
    )  # fmt: skip
    assert done.available == done.on_hand - done.allocated
    assert rows("inventory", id=str(row["id"]))[0]["curr_qty"] == f"{done.on_hand:.3f}"


def test_a_count_sets_the_stock(cloud: Cloud, rows: Rows) -> None:
    """actual_qty is what is there afterwards."""
    row = stocked(rows)
    counted = Decimal(row["allocated_qty"]) + 5

    done = cloud.backend.update_inventory(correction(row, actual_qty=counted), actor="ann", key=None)

    assert done.on_hand == counted
    assert done.change == counted - Decimal(row["curr_qty"])


def test_less_than_is_allocated_is_refused_before_anything_is_sent(cloud: Cloud, rows: Rows) -> None:
    """The stock would not be enough for the orders it is kept for; the error says how much there is."""
    row = stocked(rows)

    with pytest.raises(InsufficientStockError) as caught:
        cloud.backend.update_inventory(correction(row, adjustment_qty="-100000"), actor="ann", key=None)

    assert caught.value.details["on_hand"] == row["curr_qty"]
    assert not cloud.seen("update_active_inventory")


@pytest.mark.parametrize("wrong", [{"item_code": "NO-SUCH"}, {"location_barcode": "NO-SUCH"}])
def test_what_is_not_there_is_named(cloud: Cloud, rows: Rows, wrong: dict[str, str]) -> None:
    """An unknown item or location is not found, and nothing is sent."""
    with pytest.raises(NotFoundError, match="NO-SUCH"):
        cloud.backend.update_inventory(correction(stocked(rows), adjustment_qty=1, **wrong), actor="ann", key=None)
    assert not cloud.seen("update_active_inventory")


def test_a_lost_answer_to_an_adjustment_is_looked_up(cloud: Cloud, rows: Rows) -> None:
    """The cloud did the work and then broke off: the stock tells so, and it is not sent again."""
    row = stocked(rows)
    cloud.fault("lost", path="update_active_inventory")

    done = cloud.backend.update_inventory(correction(row, adjustment_qty="-3"), actor="ann", key="k1")

    assert done.on_hand == Decimal(row["curr_qty"]) - 3
    assert cloud.seen("update_active_inventory") == 1
    assert rows("inventory", id=str(row["id"]))[0]["curr_qty"] == f"{done.on_hand:.3f}"


def test_an_adjustment_that_was_not_done_is_sent_again_when_the_cloud_says_it_failed(cloud: Cloud, rows: Rows) -> None:
    """After a 500 the unchanged stock proves that nothing happened."""
    row = stocked(rows)
    cloud.fault("server_error", path="update_active_inventory")

    done = cloud.backend.update_inventory(correction(row, adjustment_qty="-3"), actor="ann", key=None)

    assert done.change == -3
    assert cloud.seen("update_active_inventory") == 2


def test_an_adjustment_without_an_answer_and_without_a_trace_is_unknown(server: Any, rows: Rows) -> None:
    """It may still be at work: neither success nor failure is claimed, and it is not sent again."""
    cloud = client_of(server, timeout_seconds=0.3)
    cloud.fault("slow", path="update_active_inventory", seconds=3)
    row = stocked(rows)

    with pytest.raises(CommandInDoubtError) as caught:
        cloud.backend.update_inventory(correction(row, adjustment_qty="-3"), actor="ann", key="k-9")

    assert caught.value.details["idempotency_key"] == "k-9"
    assert not caught.value.retryable
    assert cloud.seen("update_active_inventory") <= 1
    cloud.backend.close()


class MeddledCalls(CloudCalls):
    """Calls between which somebody else changes a row of stock."""

    def __init__(self, options: CloudOptions, meddle: Callable[[], None]) -> None:
        super().__init__(options, wait=lambda _: None)
        self._meddle = meddle

    def change(self, path: str, body: Any) -> Any:
        """Somebody is quicker."""
        self._meddle()
        return super().change(path, body)


@pytest.mark.parametrize("wanted", [-3, -7], ids=["to what we wanted", "to something else"])
def test_another_users_change_is_not_taken_for_ours(server: Any, rows: Rows, wanted: int) -> None:
    """The cloud fails, and somebody else has changed the stock meanwhile: nobody can know, and it is not sent again."""
    row = stocked(rows)
    target = f"{Decimal(row['curr_qty']) + wanted:.3f}"
    warehouse = server.server.warehouse
    calls = MeddledCalls(
        options_of(server), lambda: warehouse.change("inventory", row["id"], "somebody", curr_qty=target)
    )
    cloud = Cloud(server, CloudBackend(calls), calls)
    cloud.fault("server_error", path="update_active_inventory", times=5)

    with pytest.raises(CommandInDoubtError):
        cloud.backend.update_inventory(correction(row, adjustment_qty="-3"), actor="ann", key="k")
    assert cloud.seen("update_active_inventory") == 1
    cloud.backend.close()


def test_a_success_that_is_false_is_a_failure(cloud: Cloud, rows: Rows) -> None:
    """HTTP 200 with success False: nothing was done, and that is said."""
    row = stocked(rows)
    cloud.fault("refused", path="update_active_inventory")

    with pytest.raises(ConflictError, match="could not be processed"):
        cloud.backend.update_inventory(correction(row, adjustment_qty=1), actor="ann", key=None)
    assert rows("inventory", id=str(row["id"]))[0]["curr_qty"] == row["curr_qty"]


def test_quarantined_stock_cannot_be_corrected_there(cloud: Cloud, rows: Rows) -> None:
    """What no documented call does is refused with what to do instead."""
    with pytest.raises(InvalidMessageError, match="active stock"):
        cloud.backend.update_inventory(
            correction(stocked(rows), adjustment_qty=1, quarantined=True), actor="ann", key=None
        )


def test_a_user_of_another_facility_may_not(server: Any, rows: Rows) -> None:
    """What the cloud refuses by 403 is forbidden, and not tried again."""
    cloud = client_of(server, user="narrow")
    row = next(row for row in rows("inventory", facility_id__code="DC01") if row["location_id"])

    with pytest.raises((ForbiddenError, NotFoundError)):
        cloud.backend.update_inventory(correction(row, adjustment_qty=1), actor="ann", key=None)
    assert cloud.waits == []
    cloud.backend.close()
