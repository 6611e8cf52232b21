"""Single calls of the cloud: sent, repeated where that is harmless, and understood.

Reading is repeated after whatever may pass. A call that changes something is repeated here only when it certainly did
nothing: the connection was never made, or the answer was 429. Otherwise ``UnansweredError`` says that its outcome must
be looked up.

What belongs here: HTTP. What does not: what the calls mean (``receipts``, ``stock``, ...).
"""

from __future__ import annotations

import datetime as dt
import ssl
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import JsonValue, TypeAdapter

from flext_pipelines.errors import FlextError, TransientError, UnavailableError
from flext_pipelines.wms.cloud.credentials import credentials
from flext_pipelines.wms.cloud.failures import of_status, of_transport, refused_inside, unreadable, what_it_says

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flext_pipelines.wms.cloud.options import CloudOptions

ENTITIES = "/wms/lgfapi/v10/entity"
LEGACY = "/wms/api"

Row = dict[str, JsonValue]
_ROW: TypeAdapter[Row] = TypeAdapter(Row)
_FIRST_WAIT = 0.5
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class UnansweredError(Exception):
    """A call that changes something got no answer that says what came of it.

    Attributes:
        cause: What happened, as an error of ours.
        over: The server has finished with the call; otherwise it may still be at work on it.
    """

    def __init__(self, cause: FlextError, *, over: bool) -> None:
        super().__init__(cause.reason)
        self.cause = cause
        self.over = over


class CloudCalls:
    """A client of one tenant. Threads may share it.

    Args:
        options: Where, and who we are.
        wait: Sleeps; tests give another.
    """

    def __init__(self, options: CloudOptions, *, wait: Callable[[float], None] = time.sleep) -> None:
        self.options = options
        self.wait = wait
        self._client = httpx.Client(
            auth=credentials(options),
            timeout=httpx.Timeout(options.timeout_seconds, connect=min(options.timeout_seconds, 20)),
            verify=_trusted(options),
            follow_redirects=False,
            headers={"User-Agent": "flext-pipelines"},
        )

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def read(self, path: str, query: Mapping[str, str] | None = None) -> Row | None:
        """An object of the API; None for 404, which on a collection means that it has no such rows.

        Raises:
            ConfigError: The user is not known.
            ForbiddenError: The user may not.
            UnavailableError: No answer that can be read, also after repetitions.
        """
        response = self._repeated(self._request("GET", f"{ENTITIES}/{path}", params=query))
        if response is None:
            return None
        return self._object(response)

    def change(self, path: str, body: Mapping[str, JsonValue]) -> Row | None:
        """Send JSON that changes something; None when the answer has no body (204).

        Raises:
            UnansweredError: The outcome must be looked up.
            FlextError: It was refused, or never sent: nothing was done.
        """
        response = self._sent(self._request("POST", f"{ENTITIES}/{path}/", json=dict(body)))
        if response.status_code == httpx.codes.NO_CONTENT or not response.content:
            return None
        try:
            return self._object(response, change=True)
        except TransientError as error:
            raise UnansweredError(error, over=True) from error

    def legacy(self, call: str, form: Mapping[str, str], *, change: bool) -> str:
        """Send a form to the legacy API; its XML answer.

        Raises:
            UnansweredError: The outcome must be looked up (``change`` only).
            FlextError: It was refused, or never sent: nothing was done.
        """
        request = self._request("POST", f"{LEGACY}/{call}/", data=dict(form))
        response = self._sent(request) if change else self._repeated(request)
        if response is None:
            raise UnavailableError(
                f"Oracle WMS Cloud ({self.options.place}) has no call {call}", "Check FLEXT_WMS_CLOUD_URL"
            )
        if not response.text.lstrip().startswith(("<?xml", "<root")):
            error = unreadable(response, self.options.place, "XML")
            if change:
                raise UnansweredError(error, over=True)
            raise error
        return response.text

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, JsonValue] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> httpx.Request:
        return self._client.build_request(method, f"{self.options.url}{path}", params=params, json=json, data=data)

    def _repeated(self, request: httpx.Request) -> httpx.Response | None:
        """The answer to a call that changes nothing; None for 404."""
        attempt = 0
        while True:
            last = attempt == self.options.retries
            try:
                response = self._client.send(request)
            except httpx.HTTPError as error:
                ours = of_transport(error, self.options.place, self.options.secrets)
                if last or not ours.retryable:
                    raise ours from error
                self.pause(attempt)
            else:
                if response.status_code == httpx.codes.NOT_FOUND:
                    return None
                if response.is_success and _is_readable(response):
                    return response
                ours = (
                    unreadable(response, self.options.place, "JSON")
                    if response.is_success
                    else of_status(response, self.options.place, self.options.secrets)
                )
                if last or not ours.retryable:
                    raise ours
                self._wait_as_asked(response, attempt, ours)
            attempt += 1

    def _sent(self, request: httpx.Request) -> httpx.Response:
        """The answer to a call that changes something; repeated only while it certainly did nothing."""
        attempt = 0
        while True:
            last = attempt == self.options.retries
            try:
                response = self._client.send(request)
            except _NEVER_SENT as error:
                ours = of_transport(error, self.options.place, self.options.secrets)
                if last or not ours.retryable:
                    raise _nothing_done(ours) from error
                self.pause(attempt)
            except httpx.HTTPError as error:
                raise UnansweredError(
                    of_transport(error, self.options.place, self.options.secrets), over=False
                ) from error
            else:
                if response.is_success:
                    return response
                ours = of_status(response, self.options.place, self.options.secrets)
                if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                    gateway = response.status_code in {httpx.codes.BAD_GATEWAY, httpx.codes.GATEWAY_TIMEOUT}
                    raise UnansweredError(ours, over=not gateway)
                if last or response.status_code != httpx.codes.TOO_MANY_REQUESTS:
                    raise ours
                self._wait_as_asked(response, attempt, ours)
            attempt += 1

    def _object(self, response: httpx.Response, *, change: bool = False) -> Row:
        try:
            body = _ROW.validate_json(response.content)
        except ValueError:
            raise unreadable(response, self.options.place, "JSON") from None
        failed = body.get("success") in {False, "False", "false"} or _failures(body)
        if failed:
            said = what_it_says(response)
            error = refused_inside(said, self.options.place, self.options.secrets, response.request.url.path)
            raise error if change else UnavailableError(error.reason, "Try again later", error.details)
        return body

    def _pause(self, attempt: int) -> float:
        return float(min(_FIRST_WAIT * 2**attempt, self.options.retry_wait_seconds))

    def pause(self, attempt: int) -> None:
        """Wait before a repetition, twice as long each time."""
        self.wait(self._pause(attempt))

    def _wait_as_asked(self, response: httpx.Response, attempt: int, ours: FlextError) -> None:
        """Wait as long as ``Retry-After`` asks; what it asks beyond our patience ends the attempts."""
        asked = retry_after(response.headers.get("retry-after", ""))
        if asked is not None and asked > self.options.retry_wait_seconds:
            raise UnavailableError(
                f"{ours.reason}; it asks to be left alone for {asked:g} s",
                "Try again then; FLEXT_WMS_CLOUD_RETRY_WAIT_SECONDS is how long we would wait ourselves",
                {**ours.details, "retry_after": asked},
            )
        self.wait(self._pause(attempt) if asked is None else asked)


def _trusted(options: CloudOptions) -> ssl.SSLContext:
    """Whom to trust; nobody where nothing goes over TLS, because reading the system's authorities takes 0.1 s."""
    if not any(str(url).startswith("https:") for url in (options.url, options.token_url)):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return ssl.create_default_context(cafile=str(options.ca_file) if options.ca_file else None)


def retry_after(text: str) -> float | None:
    """Seconds of a ``Retry-After`` header (RFC 9110, 10.2.3): a number, or a date; None when it is neither."""
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return None
    now = dt.datetime.now(dt.UTC)
    return max(0.0, (then.replace(tzinfo=then.tzinfo or dt.UTC) - now).total_seconds())


def _is_readable(response: httpx.Response) -> bool:
    """Whether a body looks like JSON or XML as a whole; what was cut off on its way does not."""
    if "xml" in response.headers.get("content-type", ""):
        return response.text.rstrip().endswith(">")
    try:
        _json(response)
    except ValueError:
        return False
    return True


def _json(response: httpx.Response) -> Any:  # noqa: ANN401  any JSON
    return response.json()


def _failures(body: Row) -> bool:
    count = body.get("failure_count")
    return isinstance(count, int) and count > 0


def _nothing_done(error: FlextError) -> FlextError:
    return type(error)(f"{error.reason}; nothing was done", error.instruction, error.details)
