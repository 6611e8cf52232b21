"""Answers: bodies of JSON, XML and errors, and the broken ones that faults ask for; and the bodies of requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from pydantic_core import to_json
from starlette.responses import Response

from flext_pipelines.wms.mock_server.problems import InvalidRequestError, RequestError
from flext_pipelines.wms.mock_server.representation import as_xml

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from flext_pipelines.wms.mock_server.entities import Plain
    from flext_pipelines.wms.mock_server.faults import Fault

STATUS_FAULTS = {
    "too_many": (429, "TOO_MANY_REQUESTS", "Request was throttled."),
    "server_error": (500, "SERVER_ERROR", "An unhandled error occurred."),
    "unavailable": (503, "UNAVAILABLE", "The service is temporarily unavailable."),
    "unauthorised": (401, "AUTHENTICATION_ERROR", "Invalid username/password."),
    "forbidden": (403, "PERMISSION_DENIED", "User lacks permission."),
}
LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Sign In</title></head><body><h1>Sign In</h1></body></html>"


class BrokenResponse(Response):
    """Announces more bytes than it sends, or sends nothing: uvicorn then closes the connection."""

    def __init__(self, content: bytes, *, media_type: str | None, lost: bool) -> None:
        super().__init__(content[: len(content) // 2], media_type=media_type)
        self._lost = lost
        self.headers["content-length"] = str(len(content) + 1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  Starlette's shape
        """Send half of it, then close the connection."""
        if not self._lost:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self.body, "more_body": True})
        scope["mock.close"]()


async def json_body(request: Request) -> dict[str, Plain]:
    """The JSON object of a request.

    Raises:
        InvalidRequestError: It is none, or not called one.
    """
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise InvalidRequestError({"content-type": "application/json is wanted"})
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise InvalidRequestError({"body": "Not valid JSON"}) from None
    if not isinstance(body, dict):
        raise InvalidRequestError({"body": "An object is wanted"})
    return body


async def form_body(request: Request) -> dict[str, str]:
    """The fields of a form."""
    return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))


def json_answer(content: Plain, status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(to_json(content), status_code=status, media_type="application/json")


def xml_answer(content: bytes) -> Response:
    """An answer in XML."""
    return Response(content, media_type="application/xml")


def error_answer(request: Request, error: RequestError) -> Response:
    """The documented error body, as JSON or, where XML is spoken, XML."""
    headers = {"WWW-Authenticate": 'Basic realm="api"'} if error.status == 401 else {}
    if request.query_params.get("format") == "xml" or "/wms/api/" in request.url.path:
        content, kind = as_xml("error", error.body()), "application/xml"
        return Response(content, status_code=error.status, media_type=kind, headers=headers)
    return Response(to_json(error.body()), status_code=error.status, media_type="application/json", headers=headers)


def failing_answer(fault: Fault) -> Response:
    """The answer of a fault that is a status."""
    status, code, message = STATUS_FAULTS[fault.kind]
    after = fault.retry_after or ("1" if fault.kind == "too_many" else "")
    body = to_json({"reference": "", "code": code, "message": message})
    headers = {"Retry-After": after} if after else {}
    return Response(body, status_code=status, media_type="application/json", headers=headers)
