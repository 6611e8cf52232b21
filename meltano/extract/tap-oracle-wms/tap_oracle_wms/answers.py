"""What an answer or a broken connection says: documented or not, why, when, and how long to wait."""

from __future__ import annotations

import datetime as dt
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import requests

_SHOWN_BODY: Final = 300
_DEEPEST: Final = 20


def documented(response: requests.Response) -> bool:
    """Whether a 404 is the API's own: it has a JSON body; that of a wrong path is a web page."""
    return "json" in response.headers.get("Content-Type", "")


def words_of(response: requests.Response) -> str:
    """What the server said about a refusal, on one line."""
    try:
        body = response.json()
    except ValueError:
        return ""
    if not isinstance(body, dict):
        return ""
    said = " ".join(str(body[name]) for name in ("message", "error", "details") if body.get(name))
    return f": {said[:_SHOWN_BODY]}" if said else ""


def clock(response: requests.Response) -> dt.datetime | None:
    """The server's time when it answered; None when it did not say."""
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(dt.UTC)
    except (KeyError, TypeError, ValueError):
        return None


def retry_after(response: requests.Response, otherwise: float) -> float:
    """Seconds to wait: Retry-After is a number of seconds or a date (RFC 9110, 10.2.3)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return otherwise
    return max(0.0, (moment - (clock(response) or dt.datetime.now(dt.UTC))).total_seconds())


def innermost(error: BaseException) -> str:
    """The cause at the bottom, which says what happened; the layers above repeat addresses of objects."""
    for _ in range(_DEEPEST):
        inner = error.__cause__ or error.__context__ or getattr(error, "reason", None)
        if inner is None and error.args and isinstance(error.args[0], BaseException):
            inner = error.args[0]
        if not isinstance(inner, BaseException):
            break
        error = inner
    return f"{type(error).__name__}: {error}".split(" (_ssl")[0]
