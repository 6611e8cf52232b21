"""Answers of the cloud that are none become errors of ours: by status, by body, by what broke on the way.

What belongs here: the table and the wording. What does not: repetition (``calls``) and finding out what came of a
command (``performing``).
"""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import httpx

from flext_pipelines.errors import (
    ConfigError,
    ConflictError,
    FlextError,
    ForbiddenError,
    InvalidMessageError,
    NotFoundError,
    TimedOutError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_SAID_MOST = 300
_BY_STATUS: dict[int, tuple[type[FlextError], str, str]] = {
    400: (InvalidMessageError, "refuses the request", "Correct what it names"),
    401: (
        ConfigError,
        "does not know the user or the password",
        "Check FLEXT_WMS_CLOUD_USER and FLEXT_WMS_CLOUD_PASSWORD, or the OAuth2 client; do not try again before",
    ),
    403: (
        ForbiddenError,
        "does not let the user do this",
        "Make the user eligible for the facility and company; the stage interface needs can_run_ws_stage_interface",
    ),
    404: (NotFoundError, "knows no such thing", "Check the number or code, the facility and the company"),
    405: (ConfigError, "does not know the method", "Check FLEXT_WMS_CLOUD_URL: its version may be another"),
    408: (UnavailableError, "waited too long for the request", "Try again later"),
    409: (ConflictError, "refuses, for the state that things are in", "Look how they stand, then decide"),
    413: (InvalidMessageError, "finds the request too large", "Send fewer lines at once"),
    423: (ConflictError, "has locked what is to be changed", "Try again when the other user has finished"),
    429: (UnavailableError, "has had too many requests", "Try again later, or send fewer at once"),
}
_OTHER_4XX = (InvalidMessageError, "refuses the request", "Correct what it names")
_REDIRECT = (
    ConfigError,
    "sends us to another address",
    "Correct FLEXT_WMS_CLOUD_URL; a sign-in page means that the user may not use basic authentication",
)
_5XX = (UnavailableError, "fails", "Try again later; if it stays so, ask Oracle's support with the reference")

STATUSES = tuple(_BY_STATUS)
"""Statuses with words of their own."""


def of_status(response: httpx.Response, place: str, secrets: Iterable[str]) -> FlextError:
    """The error for an answer that is not a success."""
    status = response.status_code
    if status in _BY_STATUS:
        kind, reason, advice = _BY_STATUS[status]
    elif 300 <= status < 400:
        kind, reason, advice = _REDIRECT
    else:
        kind, reason, advice = _OTHER_4XX if status < 500 else _5XX
    said = without(what_it_says(response), secrets)
    details: dict[str, object] = {"url": place, "status": status, "path": response.request.url.path}
    reference = _reference(response)
    if reference:
        details["reference"] = reference
    return kind(f"Oracle WMS Cloud ({place}) {reason} (HTTP {status}{f': {said}' if said else ''})", advice, details)


def of_transport(error: httpx.HTTPError, place: str, secrets: Iterable[str]) -> FlextError:
    """The error for a request that got no answer."""
    said = without(" ".join(str(error).split())[:_SAID_MOST] or type(error).__name__, secrets)
    details: dict[str, object] = {"url": place, "type": type(error).__name__}
    if isinstance(error, httpx.TimeoutException):
        return TimedOutError(
            f"Oracle WMS Cloud ({place}) does not answer in time",
            "Try again later, or raise FLEXT_WMS_CLOUD_TIMEOUT_SECONDS",
            details,
        )
    if _is_about_certificates(error):
        return ConfigError(
            f"Oracle WMS Cloud ({place}) could not prove who it is: {said}",
            "Check the host in FLEXT_WMS_CLOUD_URL; behind a proxy that opens TLS, name its authority in "
            "FLEXT_WMS_CLOUD_CA_FILE. Nothing was sent",
            details,
        )
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.LocalProtocolError)):
        return ConfigError(f"FLEXT_WMS_CLOUD_URL cannot be used ({said})", "Correct it", details)
    return UnavailableError(
        f"Oracle WMS Cloud ({place}) cannot be reached: {said}",
        "Check the network and FLEXT_WMS_CLOUD_URL, then try again",
        details,
    )


def unreadable(response: httpx.Response, place: str, wanted: str) -> FlextError:
    """The error for a success whose body is not what was asked for."""
    kind = response.headers.get("content-type", "nothing").partition(";")[0]
    looks_html = kind == "text/html" or response.text.lstrip()[:1] == "<"
    what = "a web page, such as a sign-in or a maintenance page" if looks_html else "what cannot be read"
    return UnavailableError(
        f"Oracle WMS Cloud ({place}) answers with {what} instead of {wanted}",
        "Open FLEXT_WMS_CLOUD_URL in a browser: correct it, or wait until the maintenance is over",
        {"url": place, "status": response.status_code, "content_type": kind, "path": response.request.url.path},
    )


def refused_inside(said: str, place: str, secrets: Iterable[str], path: str) -> FlextError:
    """The error for ``success: False`` inside HTTP 200."""
    text = without(said, secrets) or "it does not say why"
    return ConflictError(
        f"Oracle WMS Cloud ({place}) refuses: {text}",
        "Correct what it names; nothing was done",
        {"url": place, "status": 200, "path": path},
    )


def what_it_says(response: httpx.Response) -> str:
    """The message and the details of an error body; nothing of a page that is no JSON."""
    try:
        body = response.json()
    except ValueError:
        return _xml_words(response.text) if "xml" in response.headers.get("content-type", "") else ""
    if not isinstance(body, dict):
        return ""
    parts = [str(body[name]) for name in ("message", "error", "error_description") if body.get(name)]
    details = body.get("details")
    if isinstance(details, dict):
        parts += [f"{name}: {_flat(words)}" for name, words in details.items()]
    elif details:
        parts.append(str(details))
    return " / ".join(parts)[:_SAID_MOST]


def without(text: str, secrets: Iterable[str]) -> str:
    """A text with every secret masked, however it is spelled."""
    for secret in secrets:
        for spelling in (secret, quote(secret, safe=""), quote(secret), quote_plus(secret)):
            text = text.replace(spelling, "***") if spelling else text
    return text


def _flat(words: object) -> str:
    return ", ".join(map(str, words)) if isinstance(words, list) else str(words)


def _xml_words(text: str) -> str:
    return " / ".join(word.strip() for word in re.findall(r"<(?:message|error)>([^<]+)</", text))[:_SAID_MOST]


def _reference(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return ""
    return str(body.get("reference") or "") if isinstance(body, dict) else ""


def _is_about_certificates(error: BaseException) -> bool:
    """Whether TLS broke on the way down of causes; httpx keeps OpenSSL's exception only as a cause."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLError):
            return True
        inner = inner.__cause__ or inner.__context__
    return "CERTIFICATE_VERIFY_FAILED" in str(error)
