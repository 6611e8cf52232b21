"""Receipts on Oracle WMS Cloud: a container each, numbered by the key, found when the answer is lost."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from flext_pipelines.errors import (
    CommandInDoubtError,
    ConflictError,
    FlextError,
    InvalidMessageError,
    NotFoundError,
    OutcomeUnknownError,
    OverReceiptError,
    ShipmentClosedError,
    UnavailableError,
)
from flext_pipelines.wms.requests import (
    OutcomeAsked,
    ReceiptLine,
)
from tests.oracle_listener import closed_port
from tests.wms.cloud.asking import Rows, expected_shipment, receipt
from tests.wms.cloud.conftest import Cloud, client_of


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


def test_receipt_lines_may_name_barcodes(cloud: Cloud, rows: Rows) -> None:
    """The cloud receives by barcode; a code is turned into one, a barcode is taken as it is."""
    request = receipt(rows)
    item = rows("item", code=str(request.lines[0].item_code))[0]
    line = ReceiptLine(item_barcode=item["item_barcode"], qty=request.lines[0].qty, batch_nbr="B-TEST")

    done = cloud.backend.process_receipt(request.model_copy(update={"lines": (line,)}), actor="ann", key=None)

    assert done.lines[0].item_code == item["code"]


def test_nothing_is_sent_when_the_cloud_cannot_be_reached(server: Any, rows: Rows) -> None:
    """A refused connection did nothing, and says so."""
    cloud = client_of(server, url=f"http://127.0.0.1:{closed_port()}/mock")

    with pytest.raises(UnavailableError):
        cloud.backend.process_receipt(receipt(rows), actor="ann", key="k")
    assert cloud.waits
    cloud.backend.close()
