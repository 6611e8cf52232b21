"""Commands on Oracle WMS Cloud: done once, told exactly, and looked up when the answer is lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from flext_pipelines.errors import (
    CommandInDoubtError,
    ConflictError,
    FlextError,
    ForbiddenError,
    InsufficientStockError,
    InvalidMessageError,
    NotFoundError,
    OutcomeUnknownError,
    OverReceiptError,
    ShipmentClosedError,
    UnavailableError,
)
from flext_pipelines.wms.cloud.backend import CloudBackend
from flext_pipelines.wms.cloud.calls import CloudCalls
from flext_pipelines.wms.cloud.options import CloudOptions
from flext_pipelines.wms.requests import (
    OutcomeAsked,
    ReceiptLine,
    ReceiptRequest,
    ShipmentClosing,
    ShipmentLine,
    ShipmentRequest,
    StockCorrection,
)
from tests.oracle_listener import closed_port
from tests.wms.cloud.conftest import Cloud, client_of, options_of

Rows = Callable[..., list[dict[str, Any]]]


def stocked(rows: Rows) -> dict[str, Any]:
    """A row of stock with some on hand that is not allocated."""
    return next(
        row for row in rows("inventory")
        if row["location_id"] and Decimal(row["curr_qty"]) - Decimal(row["allocated_qty"]) > 10
    )  # fmt: skip


def correction(row: dict[str, Any], **more: Any) -> StockCorrection:
    """A correction of a row of stock."""
    given = {
        "item_code": row["item_id"]["key"], "location_barcode": row["location_id"]["key"],
        "facility_code": row["facility_id"]["key"], "reason_code": "COUNT", **more,
    }  # fmt: skip
    return StockCorrection(**given)


def expected_shipment(rows: Rows) -> tuple[str, str, list[dict[str, Any]]]:
    """An inbound shipment that nothing has come of: its number, its facility, its lines."""
    header = next(row for row in rows("ib_shipment") if row["rcvd_ts"] is None)
    return (
        header["shipment_nbr"],
        header["facility_id"]["key"],
        rows("ib_shipment_dtl", ib_shipment_id=str(header["id"])),
    )


def receipt(rows: Rows, **more: Any) -> ReceiptRequest:
    """A receipt of the first line of an expected shipment, into a location of its facility."""
    number, facility, lines = expected_shipment(rows)
    location = rows("location", facility_id__code=facility)[0]["barcode"]
    line = {"item_code": lines[0]["item_id"]["key"], "qty": lines[0]["shipped_qty"], "batch_nbr": "B-TEST"}
    given = {"shipment_nbr": number, "location_barcode": location, "lines": [line], **more}
    return ReceiptRequest(**given)


# Corrections


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


# Receipts


def test_a_receipt_makes_a_container_and_counts(cloud: Cloud, rows: Rows) -> None:
    """What came stands in the shipment's line and in a container that the key numbers."""
    request = receipt(rows)

    done = cloud.backend.process_receipt(request, actor="ann", key="truck-7")

    (line,) = done.lines
    assert line.received == line.expected == request.lines[0].qty
    assert not done.replayed
    assert done.shipment_nbr == request.shipment_nbr
    known = cloud.backend.outcome(OutcomeAsked(key="truck-7"))
    assert (known.performed, known.command, known.actor) == (True, "ProcessReceipt", "mock")


def test_a_receipt_that_is_sent_twice_with_a_key_is_done_once(cloud: Cloud, rows: Rows) -> None:
    """The second answer says that it is a repetition."""
    request = receipt(rows)

    first = cloud.backend.process_receipt(request, actor="ann", key="truck-7")
    second = cloud.backend.process_receipt(request, actor="ann", key="truck-7")

    assert second.replayed
    assert second.lines == first.lines
    assert cloud.seen("iblpn/receive") == 1


def test_a_key_with_another_payload_is_refused(cloud: Cloud, rows: Rows) -> None:
    """The container of the key holds something else."""
    request = receipt(rows)
    cloud.backend.process_receipt(request, actor="ann", key="truck-7")
    other = request.model_copy(update={"lines": (request.lines[0].model_copy(update={"qty": Decimal(1)}),)})

    with pytest.raises(ConflictError, match="other contents"):
        cloud.backend.process_receipt(other, actor="ann", key="truck-7")


@pytest.mark.parametrize("kind", ["lost", "dropped", "html", "truncated", "server_error", "unavailable"])
def test_a_receipt_survives_a_broken_answer(cloud: Cloud, rows: Rows, kind: str) -> None:
    """Whether the work was done before the answer broke or not at all: it is done once."""
    request = receipt(rows)
    cloud.fault(kind, path="iblpn/receive")

    done = cloud.backend.process_receipt(request, actor="ann", key="truck-7")

    assert done.lines[0].received == request.lines[0].qty
    assert len(rows("inventory", batch_number_id__batch_nbr="B-TEST")) == 1


@pytest.mark.parametrize(
    ("key", "expected"), [("truck-7", OutcomeUnknownError), (None, CommandInDoubtError)], ids=["key", "no key"]
)
def test_a_receipt_that_never_gets_an_answer_is_unknown(
    cloud: Cloud, rows: Rows, key: str | None, expected: type[FlextError]
) -> None:
    """With a key it may be sent again, because it would be found; without one somebody has to look."""
    request = receipt(rows)
    cloud.fault("dropped", path="iblpn", times=99)

    with pytest.raises(expected):
        cloud.backend.process_receipt(request, actor="ann", key=key)


def test_a_receipt_sent_again_after_an_unknown_outcome_is_found(cloud: Cloud, rows: Rows) -> None:
    """The first sending was done, though nobody heard of it: the second tells so."""
    request = receipt(rows)
    cloud.fault("lost", path="iblpn/receive")
    cloud.fault("dropped", path="container_nbr=", after=1, times=99)
    with pytest.raises(OutcomeUnknownError):
        cloud.backend.process_receipt(request, actor="ann", key="truck-7")
    cloud.running.server.faults.clear()

    done = cloud.backend.process_receipt(request, actor="ann", key="truck-7")

    assert done.replayed
    assert done.lines[0].received == request.lines[0].qty
    assert cloud.seen("iblpn/receive") == 1


def test_damaged_and_expired_goods_go_into_a_container_of_their_own(cloud: Cloud, rows: Rows) -> None:
    """They are marked for quality control, and the answer says why."""
    number, _, lines = expected_shipment(rows)
    item, half = lines[0]["item_id"]["key"], Decimal(lines[0]["shipped_qty"]) / 2
    half = half.quantize(Decimal("0.001"))
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=2)
    request = receipt(rows, shipment_nbr=number, lines=[
        {"item_code": item, "qty": half, "batch_nbr": "B-GOOD"},
        {"item_code": item, "qty": Decimal("0.5"), "condition": "damaged", "batch_nbr": "B-BAD"},
        {"item_code": item, "qty": Decimal("0.25"), "expiry_date": yesterday, "batch_nbr": "B-OLD"},
    ])  # fmt: skip
    assert half >= 1

    done = cloud.backend.process_receipt(request, actor="ann", key="truck-7")

    assert [line.quarantine_reason for line in done.lines] == [None, "damaged", "expired"]
    flags = {row["container_nbr"].endswith("-QC"): row["marked_for_qc_flg"] for row in rows("iblpn")}
    assert flags == {False: False, True: True}


def test_more_than_expected_is_refused_unless_tolerated(cloud: Cloud, rows: Rows) -> None:
    """Over-receipt is judged per item before anything is sent."""
    request = receipt(rows)
    more = request.lines[0].model_copy(update={"qty": request.lines[0].qty + Decimal("0.001")})

    with pytest.raises(OverReceiptError) as caught:
        cloud.backend.process_receipt(request.model_copy(update={"lines": (more,)}), actor="ann", key=None)
    assert caught.value.details["item_code"] == request.lines[0].item_code
    assert not cloud.seen("iblpn/receive")


def test_a_whole_shipment_is_received_without_lines(cloud: Cloud, rows: Rows) -> None:
    """Everything that is still expected comes, and the shipment is closed."""
    request = receipt(rows, lines=[])

    done = cloud.backend.process_receipt(request, actor="ann", key=None)

    assert done.closed
    assert all(line.received == line.expected for line in done.lines)
    with pytest.raises(ShipmentClosedError):
        cloud.backend.process_receipt(request, actor="ann", key=None)


def test_a_whole_shipment_survives_a_lost_answer(cloud: Cloud, rows: Rows) -> None:
    """The shipment is verified: that is the answer."""
    cloud.fault("lost", path="receive_entire_shipment")

    done = cloud.backend.process_receipt(receipt(rows, lines=[]), actor="ann", key=None)

    assert done.closed
    assert cloud.seen("receive_entire_shipment") == 1


def test_a_blind_receipt_makes_the_shipment(cloud: Cloud, rows: Rows) -> None:
    """A purchase order that nobody announced becomes a shipment."""
    request = receipt(rows, shipment_nbr=None, po_nbr="PO-NEW-1")

    done = cloud.backend.process_receipt(request, actor="ann", key="truck-8")

    assert done.po_nbr == "PO-NEW-1"
    assert done.lines[0].expected is None
    assert done.lines[0].received == request.lines[0].qty


def test_an_unknown_shipment_is_not_found(cloud: Cloud, rows: Rows) -> None:
    """A number of nothing is told before anything is sent."""
    with pytest.raises(NotFoundError, match="IB-NONE"):
        cloud.backend.process_receipt(receipt(rows, shipment_nbr="IB-NONE"), actor="ann", key=None)


def test_closing_early_is_not_in_the_documents(cloud: Cloud, rows: Rows) -> None:
    """What no documented call does is refused with what to do instead."""
    with pytest.raises(InvalidMessageError, match="closes a shipment"):
        cloud.backend.process_receipt(receipt(rows, close=True), actor="ann", key=None)


def test_the_company_must_be_known(server: Any, rows: Rows) -> None:
    """Neither the request nor the settings say which: the error names both ways."""
    cloud = client_of(server, company=None)

    with pytest.raises(InvalidMessageError) as caught:
        cloud.backend.process_receipt(receipt(rows), actor="ann", key=None)
    assert "FLEXT_WMS_CLOUD_COMPANY" in caught.value.instruction
    cloud.backend.close()


# Outbound


def order_of(rows: Rows, status: int) -> dict[str, Any]:
    """An order of a status."""
    return rows("order_hdr", status_id=str(status))[0]


def test_a_packed_order_leaves(cloud: Cloud, rows: Rows) -> None:
    """Its containers are shipped, and the shipment that the cloud makes is named."""
    order = order_of(rows, 30)
    request = ShipmentRequest(order_nbr=order["order_nbr"], ship=True, policy="partial")

    done = cloud.backend.create_shipment(request, actor="ann", key=None)

    assert done.order_nbr == order["order_nbr"]
    assert all(line.shipped == line.allocated for line in done.lines)
    assert done.shipment_nbr in {row["shipment_nbr"] for row in rows("ob_shipment", order_id=str(order["id"]))}
    with pytest.raises(ShipmentClosedError):
        cloud.backend.create_shipment(request, actor="ann", key=None)


@pytest.mark.parametrize("kind", ["lost", "dropped", "html", "truncated", "server_error"])
def test_a_container_leaves_once_whatever_becomes_of_the_answer(cloud: Cloud, rows: Rows, kind: str) -> None:
    """A broken answer is looked up by the container's status."""
    order = order_of(rows, 30)
    cloud.fault(kind, path="ship_oblpn")

    done = cloud.backend.create_shipment(
        ShipmentRequest(order_nbr=order["order_nbr"], ship=True, policy="partial"), actor="ann", key=None
    )

    assert sum(line.shipped for line in done.lines) > 0
    assert len(rows("ob_shipment", order_id=str(order["id"]))) == 1


def test_a_refusal_of_the_stage_interface_inside_a_success_is_told(cloud: Cloud, rows: Rows) -> None:
    """HTTP 200, success False: the words of the interface are the reason."""
    cloud.fault("refused", path="ship_oblpn")

    with pytest.raises(ConflictError, match="not available"):
        cloud.backend.create_shipment(
            ShipmentRequest(order_nbr=order_of(rows, 30)["order_nbr"], ship=True, policy="partial"),
            actor="ann", key=None,
        )  # fmt: skip


def test_an_order_without_packed_containers_cannot_leave(cloud: Cloud, rows: Rows) -> None:
    """The cloud picks and packs itself; the advice says so."""
    with pytest.raises(ConflictError, match="no packed container"):
        cloud.backend.create_shipment(
            ShipmentRequest(order_nbr=order_of(rows, 20)["order_nbr"], ship=True, policy="partial"),
            actor="ann", key=None,
        )  # fmt: skip


def test_all_or_nothing_needs_everything_allocated(cloud: Cloud, rows: Rows) -> None:
    """An order that is allocated in part does not leave in part unasked."""
    order = order_of(rows, 0)

    with pytest.raises(InsufficientStockError, match="lacks"):
        cloud.backend.create_shipment(ShipmentRequest(order_nbr=order["order_nbr"], ship=True), actor="ann", key=None)


def test_the_cloud_allocates_by_itself(cloud: Cloud, rows: Rows) -> None:
    """Asking for an allocation of an order that is there is refused with the way that there is."""
    with pytest.raises(InvalidMessageError, match="waves"):
        cloud.backend.create_shipment(ShipmentRequest(order_nbr=order_of(rows, 0)["order_nbr"]), actor="ann", key=None)


def new_order(rows: Rows, number: str = "NEW-1") -> ShipmentRequest:
    """An order that the cloud does not know, with two lines."""
    items = [row["code"] for row in rows("item")[:2]]
    lines = tuple(ShipmentLine(seq_nbr=n, item_code=code, qty=Decimal(n)) for n, code in enumerate(items, start=1))
    return ShipmentRequest(order_nbr=number, facility_code="DC01", lines=lines, policy="partial")


def test_a_new_order_comes_in_by_the_stage_interface(cloud: Cloud, rows: Rows) -> None:
    """It is there afterwards, with its lines, and carries the key."""
    done = cloud.backend.create_shipment(new_order(rows), actor="ann", key="erp-77")

    assert [line.requested for line in done.lines] == [Decimal(1), Decimal(2)]
    assert not done.complete
    assert len(rows("order_hdr", order_nbr="NEW-1")) == 1
    assert cloud.backend.outcome(OutcomeAsked(key="erp-77")).command == "CreateShipment"


@pytest.mark.parametrize("kind", ["lost", "dropped", "html", "truncated", "server_error"])
def test_a_new_order_comes_in_once_whatever_becomes_of_the_answer(cloud: Cloud, rows: Rows, kind: str) -> None:
    """The order is looked up by its number and its key."""
    cloud.fault(kind, path="init_stage_interface")

    done = cloud.backend.create_shipment(new_order(rows), actor="ann", key="erp-77")

    assert done.order_nbr == "NEW-1"
    assert len(rows("order_hdr", order_nbr="NEW-1")) == 1


def test_a_new_order_sent_twice_with_its_key_is_found(cloud: Cloud, rows: Rows) -> None:
    """The second answer says that it is a repetition."""
    cloud.backend.create_shipment(new_order(rows), actor="ann", key="erp-77")

    assert cloud.backend.create_shipment(new_order(rows), actor="ann", key="erp-77").replayed
    assert cloud.seen("init_stage_interface") == 1


def test_markup_in_a_number_stays_text(cloud: Cloud, rows: Rows) -> None:
    """XML is written, not joined: angle brackets, quotes and ampersands come through as they are."""
    number = """A<b>&"'; DROP--"""

    done = cloud.backend.create_shipment(new_order(rows, number), actor="ann", key=None)

    assert done.order_nbr == number
    assert len(rows("order_hdr", order_nbr=number)) == 1


def test_an_unknown_item_in_a_new_order_is_the_interfaces_word(cloud: Cloud) -> None:
    """What it says inside HTTP 200 reaches the user."""
    request = ShipmentRequest(
        order_nbr="NEW-2", facility_code="DC01", lines=(ShipmentLine(seq_nbr=1, item_code="NO-SUCH", qty=Decimal(1)),)
    )

    with pytest.raises(ConflictError, match="NO-SUCH is invalid"):
        cloud.backend.create_shipment(request, actor="ann", key=None)


def test_an_unknown_order_without_items_is_not_found(cloud: Cloud) -> None:
    """Nothing says what it would be of."""
    with pytest.raises(NotFoundError, match="SO-NONE"):
        cloud.backend.create_shipment(ShipmentRequest(order_nbr="SO-NONE"), actor="ann", key=None)


def test_a_container_is_closed_by_its_number(cloud: Cloud, rows: Rows) -> None:
    """CloseShipment of a packed container lets it leave; once more, and it has left already."""
    container = rows("oblpn", status_id="50")[0]

    done = cloud.backend.close_shipment(ShipmentClosing(shipment_nbr=container["container_nbr"]), actor="ann", key=None)

    assert done.order_nbr == container["order_id"]["key"]
    with pytest.raises(ShipmentClosedError):
        cloud.backend.close_shipment(ShipmentClosing(shipment_nbr=container["container_nbr"]), actor="ann", key=None)


@pytest.mark.parametrize(
    ("closing", "expected"),
    [
        (ShipmentClosing(shipment_nbr="NONE"), NotFoundError),
        (ShipmentClosing(shipment_nbr="OB00000001"), ShipmentClosedError),
        (ShipmentClosing(shipment_nbr="OB00000001", action="cancel"), InvalidMessageError),
    ],
)
def test_what_cannot_be_closed_says_why(cloud: Cloud, closing: ShipmentClosing, expected: type[FlextError]) -> None:
    """Unknown, gone, or not in the documents."""
    with pytest.raises(expected):
        cloud.backend.close_shipment(closing, actor="ann", key=None)


def test_a_user_of_another_facility_may_not(server: Any, rows: Rows) -> None:
    """What the cloud refuses by 403 is forbidden, and not tried again."""
    cloud = client_of(server, user="narrow")
    row = next(row for row in rows("inventory", facility_id__code="DC01") if row["location_id"])

    with pytest.raises((ForbiddenError, NotFoundError)):
        cloud.backend.update_inventory(correction(row, adjustment_qty=1), actor="ann", key=None)
    assert cloud.waits == []
    cloud.backend.close()


def test_the_stage_interface_needs_a_right(server: Any, rows: Rows) -> None:
    """can_run_ws_stage_interface is what the advice names."""
    cloud = client_of(server, user="narrow", facility="DC02")
    request = new_order(rows).model_copy(update={"facility_code": "DC02"})

    with pytest.raises(ForbiddenError) as caught:
        cloud.backend.create_shipment(request, actor="ann", key=None)
    assert "can_run_ws_stage_interface" in caught.value.instruction
    cloud.backend.close()


def test_an_outcome_that_the_cloud_cannot_know_is_not_made_up(cloud: Cloud) -> None:
    """No trace of a key proves nothing about stock corrections."""
    with pytest.raises(OutcomeUnknownError):
        cloud.backend.outcome(OutcomeAsked(key="never-seen"))


def test_nothing_is_sent_when_the_cloud_cannot_be_reached(server: Any, rows: Rows) -> None:
    """A refused connection did nothing, and says so."""
    cloud = client_of(server, url=f"http://127.0.0.1:{closed_port()}/mock")

    with pytest.raises(UnavailableError):
        cloud.backend.process_receipt(receipt(rows), actor="ann", key="k")
    assert cloud.waits
    cloud.backend.close()


def test_receipt_lines_may_name_barcodes(cloud: Cloud, rows: Rows) -> None:
    """The cloud receives by barcode; a code is turned into one, a barcode is taken as it is."""
    request = receipt(rows)
    item = rows("item", code=str(request.lines[0].item_code))[0]
    line = ReceiptLine(item_barcode=item["item_barcode"], qty=request.lines[0].qty, batch_nbr="B-TEST")

    done = cloud.backend.process_receipt(request.model_copy(update={"lines": (line,)}), actor="ann", key=None)

    assert done.lines[0].item_code == item["code"]
