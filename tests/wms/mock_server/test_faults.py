"""Faults on demand are what they are called; and the server of the command line."""

from __future__ import annotations

import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from pydantic import SecretStr

from flext_pipelines.errors import NotFoundError, UnavailableError
from flext_pipelines.wms.mock_server.faults import HEADER, KINDS
from flext_pipelines.wms.mock_server.making import make_server
from flext_pipelines.wms.mock_server.serving import running
from flext_pipelines.wms.sample import seed

if TYPE_CHECKING:
    from flext_pipelines.settings import Settings
    from flext_pipelines.wms.mock_server.serving import Running

ITEMS = "/item/?page_mode=sequenced&page_size=5"


@pytest.mark.parametrize(
    ("fault", "status"),
    [("too_many", 429), ("server_error", 500), ("unavailable", 503), ("unauthorised", 401), ("forbidden", 403)],
)
def test_a_status_comes_when_it_is_asked_for(client: httpx.Client, fault: str, status: int) -> None:
    """By the header of one request; the next one is answered as ever."""
    assert client.get(ITEMS, headers={HEADER: fault}).status_code == status
    assert client.get(ITEMS).status_code == 200


def test_retry_after_is_what_was_asked_for(client: httpx.Client) -> None:
    """One second, or the text that the test wants."""
    assert client.get(ITEMS, headers={HEADER: "too_many"}).headers["Retry-After"] == "1"
    asked = client.get(ITEMS, headers={HEADER: "unavailable; retry_after=Wed, 21 Oct 2026 07:28:00 GMT"})
    assert asked.headers["Retry-After"] == "Wed, 21 Oct 2026 07:28:00 GMT"


def test_damaged_answers_are_damaged(client: httpx.Client) -> None:
    """JSON that ends in the middle, a page instead, a connection that ends in the middle or without an answer."""
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        client.get(ITEMS, headers={HEADER: "truncated"}).json()
    assert client.get(ITEMS, headers={HEADER: "html"}).headers["content-type"].startswith("text/html")
    for fault in ("dropped", "lost"):
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(ITEMS, headers={HEADER: fault})
    assert client.get(ITEMS, headers={HEADER: "refused"}).json()["success"] is False


def test_a_slow_answer_is_slow(client: httpx.Client) -> None:
    """It comes, but not before."""
    began = time.monotonic()
    assert client.get(ITEMS, headers={HEADER: "slow; seconds=0.3"}).status_code == 200
    assert time.monotonic() - began >= 0.3


def test_a_page_repeats_and_rows_change_behind_it(client: httpx.Client) -> None:
    """``repeat`` links a page to itself, ``changed`` and ``deleted`` happen once the page is out."""
    second = client.get(client.get(ITEMS).json()["next_page"], headers={HEADER: "repeat"}).json()
    assert client.get(second["next_page"]).json()["results"] == second["results"]

    first = client.get("/item/1").json()["mod_ts"]
    client.get(ITEMS, headers={HEADER: "changed; rows=2"})
    assert client.get("/item/1").json()["mod_ts"] > first
    client.get(ITEMS, headers={HEADER: "deleted; rows=1"})
    assert client.get("/item/3").status_code == 404


def test_faults_wait_in_a_queue_for_requests_that_fit(client: httpx.Client, server: Running) -> None:
    """Two times, after one that passes, only for the path that was named."""
    order = {"kind": "server_error", "times": 2, "after": 1, "path": "item/"}
    assert httpx.post(f"{server.control_url}/faults", json=order).status_code == 204

    statuses = [client.get(path).status_code for path in (ITEMS, "/company/", ITEMS, ITEMS, ITEMS)]

    assert statuses == [200, 200, 500, 500, 200]


def test_work_that_was_done_can_lose_its_answer(client: httpx.Client) -> None:
    """``lost``: the container is there, though nobody was told. What a client must be able to find out."""
    barcode = client.get("/item/1").json()["item_barcode"]
    body = {
        "facility_id__code": "DC01", "company_id__code": "ACME", "container_nbr": "L9", "po_nbr": "P9",
        "item_list": [{"item_barcode": barcode, "qty": 1}],
    }  # fmt: skip
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("/iblpn/receive", json=body, headers={HEADER: "lost"})

    assert client.get("/iblpn/", params={"container_nbr": "L9"}).json()["result_count"] == 1


def test_an_unknown_fault_is_refused(client: httpx.Client, server: Running) -> None:
    """So that a test with a slip of the pen does not pass."""
    assert client.get(ITEMS, headers={HEADER: "too_manny"}).status_code == 400
    assert httpx.post(f"{server.control_url}/faults", json={"kind": "nope"}).status_code == 400
    assert len(KINDS) == len(set(KINDS))


def test_requests_are_remembered_without_credentials(client: httpx.Client, server: Running) -> None:
    """Method, path, status, how many at once; of the login only its kind."""
    client.get(ITEMS)

    (seen,) = httpx.get(f"{server.control_url}/requests").json()

    assert (seen["method"], seen["status"], seen["scheme"]) == ("GET", 200, "basic")
    assert "bW9jazptb2Nr" not in str(seen)


def test_a_certificate_matches_its_host_only(tmp_path: Path) -> None:
    """With its authority trusted: the right name is answered, another one is refused by the client."""
    context = None
    for name, good in (("127.0.0.1", True), ("other.example", False)):
        with running(make_server(orders=5), folder=tmp_path / name, certificate_for=name) as started:
            assert started.authority is not None
            context = ssl.create_default_context(cafile=str(started.authority))
            if good:
                assert httpx.get(started.entity_url, auth=("mock", "mock"), verify=context).status_code == 200
            else:
                with pytest.raises(httpx.ConnectError, match="certificate"):
                    httpx.get(started.entity_url, auth=("mock", "mock"), verify=context)


def test_a_taken_port_is_named(server: Running) -> None:
    """No traceback of a socket."""
    port = int(server.url.split(":")[2].split("/")[0])

    with pytest.raises(UnavailableError, match=f"Port {port} of 127"), running(make_server(orders=5), port=port):
        pass


def test_a_database_that_is_not_there_is_not_served(tmp_path: Path) -> None:
    """Nor is it made."""
    with pytest.raises(NotFoundError, match="no such database file"):
        make_server(database=SecretStr(f"sqlite:///{tmp_path / 'nosuch.db'}"))

    assert list(tmp_path.iterdir()) == []


def test_the_tables_of_a_database_are_served(settings: Settings) -> None:
    """What the sample holds comes under the names of the API, with references that lead somewhere."""
    from flext_pipelines.wms.engine import open_engine

    engine = open_engine(settings.wms_database)
    seed(engine, orders=30)
    engine.dispose()
    with (
        running(make_server(database=settings.wms_database)) as started,
        httpx.Client(base_url=started.entity_url, auth=("mock", "mock")) as client,
    ):
        order = client.get("/order_hdr/", params={"order_nbr": "SO00000001"}).json()["results"][0]
        stock = client.get("/inventory/1").json()
        count = client.get("/order_hdr/", params={"page_size": "1"}).json()["result_count"]

    assert count == 30
    assert order["company_id"]["key"] == "ACME"
    assert stock["item_id"]["key"].startswith("ITEM-")
    assert float(stock["curr_qty"]) >= 0
