"""The HTTP application: which path is answered by what, and the faults around it."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flext_pipelines.wms.mock_server.answers import (
    LOGIN_PAGE,
    STATUS_FAULTS,
    BrokenResponse,
    error_answer,
    failing_answer,
    form_body,
    json_answer,
    json_body,
    xml_answer,
)
from flext_pipelines.wms.mock_server.auth import Gate, User, check_facility
from flext_pipelines.wms.mock_server.entities import ENTITIES, Plain, describe
from flext_pipelines.wms.mock_server.faults import HEADER, Fault, Faults
from flext_pipelines.wms.mock_server.operations import Operations
from flext_pipelines.wms.mock_server.problems import (
    NoRowsError,
    RequestError,
    WrongMethodError,
)
from flext_pipelines.wms.mock_server.query import Page, Query, Selections, entity_of, parse_query
from flext_pipelines.wms.mock_server.representation import Representation, as_xml, values_list
from flext_pipelines.wms.mock_server.stage import StageInterface, answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from flext_pipelines.wms.mock_server.warehouse import Warehouse

API = "/wms/lgfapi/v10/entity"
_FAULTS = TypeAdapter(list[Fault])


@dataclass(frozen=True)
class Seen:
    """One request that came in. No credentials are kept, only their kind.

    Attributes:
        method: HTTP method.
        path: Path below the tenant.
        query: Query string.
        status: The status it was answered by.
        fault: The fault it met, or nothing.
        scheme: How it was authenticated: basic, bearer or nothing.
        at_once: How many requests were under way when it came, itself included.
        seconds: How long it took.
    """

    method: str
    path: str
    query: str
    status: int
    fault: str
    scheme: str
    at_once: int
    seconds: float


@dataclass
class MockServer:
    """One server: its rows, its users, and how it behaves.

    Attributes:
        warehouse: The rows.
        gate: Who may log in.
        tenant: First part of every path, as in ``/tenant/wms/lgfapi/v10/entity/``.
        latency_seconds: How long every answer takes at least.
        zone: The offset that date-times are shown in; None shows them without one.
        stage_delay_seconds: How long asynchronous stage data wait.
        over_receipt_percent: How much more than was shipped may be received.
        faults: The faults that requests will meet.
        seen: The last requests, oldest first.
    """

    warehouse: Warehouse
    gate: Gate
    tenant: str = "mock"
    latency_seconds: float = 0.0
    zone: dt.tzinfo | None = None
    stage_delay_seconds: float = 0.1
    over_receipt_percent: float = 0
    faults: Faults = field(default_factory=Faults)
    seen: deque[Seen] = field(default_factory=lambda: deque(maxlen=20_000))

    def __post_init__(self) -> None:
        self._selections = Selections(self.warehouse)
        self._operations = Operations(self.warehouse, self.over_receipt_percent)
        self._stage = StageInterface(self.warehouse, self.stage_delay_seconds)
        self._under_way = 0

    def app(self) -> ASGIApp:
        """The ASGI application."""
        routed = self._routed()

        async def closing(scope: Scope, receive: Receive, send: Send) -> None:
            # uvicorn's own ``send`` knows the connection; further in, Starlette has wrapped it.
            transport = getattr(getattr(send, "__self__", None), "transport", None)
            await routed({**scope, "mock.close": transport.close if transport else bool}, receive, send)

        return closing

    def _routed(self) -> Starlette:
        below = f"/{self.tenant}"
        entity = f"{below}{API}"
        return Starlette(
            routes=[
                *_both(f"{entity}", self._answering(self._entities)),
                *_both(f"{entity}/{{entity}}/describe", self._answering(self._describe)),
                *_both(f"{entity}/{{entity}}", self._answering(self._collection)),
                *_both(f"{entity}/{{entity}}/{{what}}", self._answering(self._one_or_operation)),
                *_both(f"{entity}/{{entity}}/{{what:int}}/{{operation}}", self._answering(self._operation_on_one)),
                *_both(f"{below}/wms/api/entity/{{entity}}/{{key}}", self._answering(self._inquiry)),
                *_both(f"{below}/wms/api/entity/{{entity}}/{{key}}/.{{format}}", self._answering(self._inquiry)),
                *_both(f"{below}/wms/api/{{call}}", self._answering(self._legacy)),
                *_both(f"{below}/oauth2/v1/token", self._answering(self._token)),
                Route("/mock/faults", self._control_faults, methods=["POST", "DELETE"]),
                Route("/mock/requests", self._control_requests, methods=["GET", "DELETE"]),
                Route("/mock/touch", self._control_touch, methods=["POST"]),
                Route("/mock/tokens", self._control_tokens, methods=["DELETE"]),
                Route("/mock/health", _healthy),
            ]
        )

    # Around every answer

    def _answering(
        self, handler: Callable[[Request, Fault | None], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            began = time.perf_counter()
            self._under_way += 1
            at_once, fault, response = self._under_way, None, Response(status_code=500)
            try:
                target = f"{request.url.path}?{request.url.query}"
                fault = self.faults.next(request.method, target, request.headers.get(HEADER, ""))
                self._stage.settle()  # what has waited long enough in the stage tables is there for every reader
                if self.latency_seconds:
                    await asyncio.sleep(self.latency_seconds)
                response = await self._with_fault(request, fault, handler)
            except RequestError as error:
                response = error_answer(request, error)
            finally:
                self._under_way -= 1
                self._note(request, fault, response.status_code, at_once, time.perf_counter() - began)
            return response

        return answer

    async def _with_fault(
        self, request: Request, fault: Fault | None, handler: Callable[[Request, Fault | None], Awaitable[Response]]
    ) -> Response:
        kind = fault.kind if fault else ""
        if fault and kind in STATUS_FAULTS:
            return failing_answer(fault)
        if fault and kind == "slow":
            await asyncio.sleep(fault.seconds)
        response = await handler(request, fault)
        if kind == "html":
            return Response(LOGIN_PAGE, media_type="text/html")
        if kind == "truncated":
            return Response(bytes(response.body)[: len(response.body) * 2 // 3], media_type=response.media_type)
        if kind in {"dropped", "lost"}:
            return BrokenResponse(bytes(response.body), media_type=response.media_type, lost=kind == "lost")
        return response

    def _note(self, request: Request, fault: Fault | None, status: int, at_once: int, seconds: float) -> None:
        scheme = request.headers.get("authorization", "").partition(" ")[0].lower()
        path = request.url.path.removeprefix(f"/{self.tenant}")
        kind = fault.kind if fault else ""
        self.seen.append(Seen(request.method, path, request.url.query, status, kind, scheme, at_once, seconds))

    def _user(self, request: Request) -> User:
        return self.gate.user_of(request.headers.get("authorization", ""))

    def _root(self, request: Request) -> str:
        return f"{request.url.scheme}://{request.url.netloc}/{self.tenant}{API}"

    # lgfapi

    async def _entities(self, request: Request, fault: Fault | None) -> Response:
        del fault
        self._user(request)
        _only(request, "GET")
        return json_answer({name: f"{self._root(request)}/{name}" for name in sorted(ENTITIES)})

    async def _describe(self, request: Request, fault: Fault | None) -> Response:
        del fault
        self._user(request)
        _only(request, "GET")
        return json_answer(describe(entity_of(request.path_params["entity"])))

    async def _collection(self, request: Request, fault: Fault | None) -> Response:
        user = self._user(request)
        entity = entity_of(request.path_params["entity"])
        _only(request, "GET")
        given = dict(request.query_params)
        if user.facilities and "facility_id" in entity.by_name:
            if "facility_id__code" in given:
                check_facility(user, given["facility_id__code"])
            given.setdefault("facility_id__code__in", ",".join(sorted(user.facilities)))
        query = parse_query(entity, given)
        page = self._selections.page(query)
        body = self._page_body(request, query, page, repeat=fault is not None and fault.kind == "repeat")
        if fault is not None and fault.kind in {"changed", "deleted"}:
            self.warehouse.touch(entity.name, fault.rows, "somebody", remove=fault.kind == "deleted")
        if fault is not None and fault.kind == "refused":
            return json_answer({"success": False, "error": "Request could not be processed."})
        if query.given.get("format") == "xml":
            return Response(as_xml(entity.name, body), media_type="application/xml")
        return json_answer(body)

    def _page_body(self, request: Request, query: Query, page: Page, *, repeat: bool) -> dict[str, Plain]:
        root = self._root(request)
        show = self._showing(request, query.entity.name)
        path = f"{root}/{query.entity.name}/"
        rows = [show(row) for row in page.rows]
        given = {name: text for name, text in dict(request.query_params).items() if name not in {"page", "cursor"}}

        def link(**place: str) -> str:
            return f"{path}?{urlencode({**given, **place})}"

        if query.sequenced:
            here = link(cursor=query.cursor) if query.cursor else link()
            following = link(cursor=page.cursor) if page.more else None
            return {"next_page": here if repeat else following, "previous_page": None, "results": rows}
        following = link(page=str(query.page + 1)) if page.more else None
        total = page.total or 0
        return {
            "result_count": total,
            "page_count": -(-total // query.page_size),
            "page_nbr": query.page,
            "next_page": link(page=str(query.page)) if repeat else following,
            "previous_page": link(page=str(query.page - 1)) if query.page > 1 else None,
            "results": rows,
        }

    def _showing(self, request: Request, name: str) -> Callable[[dict[str, Plain]], dict[str, Plain]]:
        given = request.query_params
        if given.get("values_list"):
            return values_list(ENTITIES[name], self.warehouse, given["values_list"])
        wanted = tuple(one for one in given.get("fields", "").split(",") if one)
        return Representation(ENTITIES[name], self.warehouse, self._root(request), wanted, self.zone).show

    async def _one_or_operation(self, request: Request, fault: Fault | None) -> Response:
        user = self._user(request)
        entity, what = entity_of(request.path_params["entity"]), str(request.path_params["what"])
        if what.isdecimal():
            if request.method == "PATCH" and entity.name == "order_hdr":
                row = self._operations.patch_order(user, int(what), await json_body(request))
            else:
                _only(request, "GET")
                found = self.warehouse.get(entity.name, int(what))
                if found is None:
                    raise NoRowsError
                row = found
            return json_answer(self._showing(request, entity.name)(row))
        if request.method != "POST":
            raise WrongMethodError(f"Method {request.method} is not allowed.")
        body = await json_body(request)
        if fault is not None and fault.kind == "refused":
            return json_answer({"success": False, "error": "Request could not be processed."})
        match entity.name, what:
            case "iblpn", "receive":
                return json_answer(self._showing(request, "iblpn")(self._operations.receive(user, body)))
            case "ib_shipment", "receive_entire_shipment":
                return json_answer(self._operations.receive_entire_shipment(user, body))
            case "location", "update_active_inventory":
                self._operations.update_active_inventory(user, None, body)
                return Response(status_code=204)
        raise NoRowsError(f"{entity.name} has no operation {what}")

    async def _operation_on_one(self, request: Request, fault: Fault | None) -> Response:
        user = self._user(request)
        _only(request, "POST")
        entity, operation = request.path_params["entity"], request.path_params["operation"]
        if (entity, operation) != ("location", "update_active_inventory"):
            raise NoRowsError(f"{entity} has no operation {operation}")
        body = await json_body(request)
        if fault is not None and fault.kind == "refused":
            return json_answer({"success": False, "error": "Request could not be processed."})
        self._operations.update_active_inventory(user, request.path_params["what"], body)
        return Response(status_code=204)

    # The legacy API, tokens and control

    async def _legacy(self, request: Request, fault: Fault | None) -> Response:
        user = self._user(request)
        form = {**request.query_params, **await form_body(request)}
        if fault is not None and fault.kind == "refused":
            return xml_answer(answer("Request failed", success=False, errors=["The interface is not available"]))
        try:
            return xml_answer(self._stage.call(request.path_params["call"], user, form))
        except KeyError:
            raise NoRowsError(f"There is no API '{request.path_params['call']}'") from None

    async def _inquiry(self, request: Request, fault: Fault | None) -> Response:
        del fault
        self._user(request)
        entity, key = request.path_params["entity"], request.path_params["key"]
        try:
            row = self._stage.inquire(entity, key)
        except KeyError:
            raise NoRowsError(f"Entity '{entity}' is not supported") from None
        if row is None:
            raise NoRowsError
        shown = {name: value for name, value in row.items() if value not in {None, ""}}
        if request.path_params.get("format") == "json":
            return json_answer(shown)
        return xml_answer(as_xml(entity, shown))

    async def _token(self, request: Request, fault: Fault | None) -> Response:
        del fault
        _only(request, "POST")
        return json_answer(self.gate.token(request.headers.get("authorization", ""), await form_body(request)))

    async def _control_faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.faults.clear()
            return Response(status_code=204)
        given = json.loads(await request.body())
        try:
            faults = _FAULTS.validate_python(given if isinstance(given, list) else [given])
        except ValidationError as error:
            return json_answer({"problems": error.errors(include_input=False, include_url=False)}, 400)
        self.faults.add(faults)
        return Response(status_code=204)

    async def _control_requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.seen.clear()
            return Response(status_code=204)
        return json_answer([vars(one) for one in self.seen])

    async def _control_touch(self, request: Request) -> Response:
        given = json.loads(await request.body())
        touched = self.warehouse.touch(
            str(given["entity"]), int(given.get("rows", 1)), "somebody", remove=bool(given.get("remove", False))
        )
        return json_answer({"ids": touched})

    async def _control_tokens(self, request: Request) -> Response:
        del request
        self.gate.revoke_tokens()
        return Response(status_code=204)


def _both(path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> tuple[Route, Route]:
    """The path without and with a slash at its end: both are documented."""
    methods = ["GET", "POST", "PATCH", "DELETE"]
    return Route(path, endpoint, methods=methods), Route(f"{path}/", endpoint, methods=methods)


def _only(request: Request, method: str) -> None:
    if request.method != method and not (method == "GET" and request.method == "HEAD"):
        raise WrongMethodError(f"Method {request.method} is not allowed.")


async def _healthy(request: Request) -> Response:
    del request
    return json_answer({"status": "ok"})
