"""Answers that no document describes: told for what they are, never followed elsewhere, never taken for success."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from flext_pipelines.errors import (
    ConfigError,
    ConflictError,
    CursorRefusedError,
    DataDamagedError,
    FlextError,
    UnavailableError,
)
from flext_pipelines.wms.cloud.calls import CloudCalls, UnansweredError
from flext_pipelines.wms.cloud.options import CloudOptions
from flext_pipelines.wms.cloud.pages import Place, opened, read_all, sealed
from flext_pipelines.wms.cloud.records import day, moment, quantity, reference_id, reference_key, whole
from flext_pipelines.wms.cloud.stage import call, stage_order
from flext_pipelines.wms.requests import OrderFilter

Answer = tuple[int, str, str, dict[str, str]]
"""Status, content type, body, further headers."""


@contextmanager
def answering(answer: Callable[[str], Answer]) -> Iterator[tuple[CloudCalls, list[str]]]:
    """A server that gives these answers by path, and a client of it; the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers.get("content-length") or 0))
            status, kind, body, headers = answer(self.path)
            data = body.encode()
            self.send_response(status)
            for name, value in {"content-type": kind, "content-length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _answer  # noqa: N815  the names of http.server

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    calls = CloudCalls(
        CloudOptions(
            url=f"http://127.0.0.1:{server.server_port}/t", user="u", password=SecretStr("correct-horse"), retries=1,
            timeout_seconds=5,
        ),
        wait=lambda _: None,
    )  # fmt: skip
    try:
        yield calls, asked
    finally:
        calls.close()
        server.shutdown()
        thread.join()
        server.server_close()


def always(status: int, kind: str, body: str, **headers: str) -> Callable[[str], Answer]:
    """The same answer to everything."""
    return lambda _: (status, kind, body, headers)


@pytest.mark.parametrize(
    ("answer", "expected", "says"),
    [
        (always(302, "text/html", "", location="https://login.example/signin"), ConfigError, "another address"),
        (always(200, "application/json", "[]"), UnavailableError, "instead of JSON"),
        (always(200, "application/json", "null"), UnavailableError, "instead of JSON"),
        (always(200, "application/json", ""), UnavailableError, "instead of JSON"),
        (always(200, "text/html", "<html>Scheduled maintenance</html>"), UnavailableError, "web page"),
        (always(200, "application/json", "<html></html>"), UnavailableError, "web page"),
        (always(502, "text/html", "<html>Bad gateway</html>"), UnavailableError, "502"),
        (always(418, "application/json", '{"message": "no coffee"}'), FlextError, "no coffee"),
        (always(400, "application/json", '{"details": {"qty": ["wrong", "bad"]}}'), FlextError, "qty: wrong, bad"),
        (always(200, "application/json", '{"success": "False", "message": "not now"}'), UnavailableError, "not now"),
    ],
)  # fmt: skip
def test_a_reading_ends_in_words(answer: Callable[[str], Answer], expected: type[FlextError], says: str) -> None:
    """Whatever comes, it is an error of ours that names it."""
    with answering(answer) as (calls, _), pytest.raises(expected, match=says):
        calls.read("company/")


def test_a_redirection_is_not_followed() -> None:
    """The password goes to the address of the settings and nowhere else."""
    with answering(always(302, "text/html", "", location="/elsewhere")) as (calls, asked):
        with pytest.raises(ConfigError):
            calls.read("company/")
        assert not any("elsewhere" in path for path in asked)


def test_a_link_to_another_host_is_read_here() -> None:
    """Of the link to the next page only the cursor counts."""
    pages = {
        "": {"results": [{"id": 1}], "next_page": "http://evil.example/steal?cursor=two&page_size=1"},
        "two": {"results": [{"id": 2}], "next_page": None},
    }

    def answer(path: str) -> Answer:
        page = pages["two" if "cursor=two" in path else ""]
        return 200, "application/json", json.dumps(page), {}

    with answering(answer) as (calls, asked):
        assert [row["id"] for row in read_all(calls, "company", {})] == [1, 2]
        assert all(path.startswith("/t/wms/lgfapi/v10/entity/company/") for path in asked)


def test_pages_that_are_counted_are_read_too() -> None:
    """A server that does not know sequences says page=2."""

    def answer(path: str) -> Answer:
        last = "page=2" in path
        body = {"results": [{"id": 2 if last else 1}], "next_page": None if last else "http://x/?page=2"}
        return 200, "application/json", json.dumps(body), {}

    with answering(answer) as (calls, _):
        assert [row["id"] for row in read_all(calls, "company", {})] == [1, 2]


@pytest.mark.parametrize(
    ("first", "second"), [("a", "a"), ("a", "b")], ids=["the same link", "another link to the same rows"]
)
def test_pages_in_a_circle_end(first: str, second: str) -> None:
    """A server that goes round and round is found out, by its links or by its rows."""
    links = {"": first, "a": second, "b": "c", "c": "d"}

    def answer(path: str) -> Answer:
        cursor = path.partition("cursor=")[2].partition("&")[0]
        body = {"results": [{"id": 1}], "next_page": f"http://x/?cursor={links[cursor]}"}
        return 200, "application/json", json.dumps(body), {}

    with answering(answer) as (calls, asked):
        with pytest.raises(UnavailableError, match="same page"):
            list(read_all(calls, "company", {}))
        assert len(asked) <= 3


def test_a_link_back_to_the_first_page_is_a_page_that_repeats() -> None:
    """It has no cursor, as the first page has none: reading on would never end, whatever the address."""

    def answer(path: str) -> Answer:
        return 200, "application/json", json.dumps({"results": [{"id": 1}], "next_page": f"http://x{path}"}), {}

    with answering(answer) as (calls, asked):
        with pytest.raises(UnavailableError, match="same page"):
            list(read_all(calls, "company", {"code": "A&B"}))
        assert len(asked) == 1


@pytest.mark.parametrize(
    "body", [{"results": None}, {"rows": []}, {"results": [{"id": 1}], "next_page": "http://x/?offset=2"}]
)
def test_what_is_no_page_is_damaged(body: dict[str, Any]) -> None:
    """No results, or a link that leads nowhere, must not look like the end."""
    with answering(always(200, "application/json", json.dumps(body))) as (calls, _), pytest.raises(DataDamagedError):
        list(read_all(calls, "company", {}))


@pytest.mark.parametrize(
    "body",
    [
        "<root><success>True</success>",
        '<?xml version="1.0"?><!DOCTYPE root [<!ENTITY x "y">]><root><success>True</success></root>',
        '<?xml version="1.0"?><html></html>',
        "<html>Sign in</html>",
        "",
    ],
)
def test_a_change_with_an_odd_answer_is_looked_up(body: str) -> None:
    """Neither success nor failure is read into it; declarations of entities are not even parsed."""
    with answering(always(200, "application/xml", body)) as (calls, _), pytest.raises(UnansweredError) as caught:
        call(calls, "ship_oblpn", {"oblpn_nbr": "1"})
    assert caught.value.over


@pytest.mark.parametrize(
    ("inner", "says"),
    [
        ("<success>False</success><response><errors><error>no such LPN</error></errors></response>", "no such LPN"),
        ("<success>false</success><response><message>closed</message></response>", "closed"),
        ("<success></success>", "does not say why"),
        ("<response/>", "does not say why"),
    ],
)
def test_only_true_is_success(inner: str, says: str) -> None:
    """Everything else inside HTTP 200 is a refusal, with its words."""
    answer = always(200, "application/xml", f"<root>{inner}</root>")
    with answering(answer) as (calls, _), pytest.raises(ConflictError, match=says):
        call(calls, "ship_oblpn", {"oblpn_nbr": "1"})


def test_counted_failures_inside_a_success_are_failures() -> None:
    """``failure_count`` above zero in HTTP 200."""
    body = '{"record_count": 1, "success_count": 0, "failure_count": 1, "details": {"x": "shipment is closed"}}'
    answer = always(200, "application/json", body)
    with answering(answer) as (calls, _), pytest.raises(ConflictError, match="shipment is closed"):
        calls.change("ib_shipment/receive_entire_shipment", {})


@given(number=st.text(max_size=50), code=st.text(max_size=50))
def test_any_text_makes_well_formed_xml(number: str, code: str) -> None:
    """What is written for the stage interface can be read again."""
    from xml.etree import ElementTree

    legal = "".join(letter for letter in number if not "\ud800" <= letter <= "\udfff" and letter not in "\ufffe\uffff")
    text = stage_order({"order_nbr": legal}, [{"item_code": "".join(c for c in code if c.isalnum())}])

    root = ElementTree.fromstring(text)
    found = root.findtext(".//order_nbr") or ""
    assert found.split() == "".join(c for c in legal if c >= " " or c in "\t\n\r").split() or not legal


@settings(max_examples=200)
@given(st.text(max_size=80))
def test_any_cursor_is_ours_or_refused(cursor: str) -> None:
    """No text becomes anything but a place of the same search."""
    request = OrderFilter()

    with pytest.raises(CursorRefusedError):
        opened(request, cursor or "x", 50)


@given(st.text(max_size=60), st.integers(0, 10**6), st.integers(1, 1250), st.integers(0, 1000))
def test_a_sealed_place_is_found_again(cursor: str, passed: int, size: int, done: int) -> None:
    """What is sealed for a search opens for it."""
    place = Place(cursor, passed, size, done)

    assert opened(OrderFilter(), sealed(OrderFilter(), place), 50) == place


@pytest.mark.parametrize(
    ("read", "row"),
    [
        (quantity, {"v": "many"}), (quantity, {"v": "NaN"}), (whole, {"v": "1.5"}), (whole, {"v": None}),
        (moment, {"v": "yesterday"}), (day, {"v": "2026-13-01"}),
    ],
)  # fmt: skip
def test_a_field_of_another_kind_is_damaged(read: Callable[[Any, str], object], row: dict[str, Any]) -> None:
    """It is named with its value, not guessed."""
    with pytest.raises(DataDamagedError, match="v: "):
        read({"id": 7, **row}, "v")


def test_references_are_read_in_each_form() -> None:
    """As an object, as a bare id, and as nothing."""
    assert reference_id({"x": {"id": 3, "key": "K", "url": "u"}}, "x") == 3
    assert reference_id({"x": 3}, "x") == 3
    assert reference_id({"x": None}, "x") is None
    assert reference_key({"x": {"id": 3, "key": "K"}}, "x") == "K"
    assert reference_key({"x": {"id": 3, "key": ""}}, "x") is None
