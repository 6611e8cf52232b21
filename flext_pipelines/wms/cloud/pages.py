"""Pages of a collection, in sequence, to the end, and never the same one twice.

``page_mode=sequenced`` gives no counts but a link to the next page. Of that link only the cursor is taken: where our
credentials go is decided by the settings, not by an answer.

What belongs here: reading pages, and cursors of our own around the cloud's. What does not: which rows.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit

from flext_pipelines.errors import CursorRefusedError, DataDamagedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flext_pipelines.values import Value
    from flext_pipelines.wms.cloud.calls import CloudCalls, Row

LARGEST_PAGE = 1_250
"""Most rows of a page (wms.md 3.1)."""


class Page(NamedTuple):
    """Some rows.

    Attributes:
        rows: The rows.
        following: Where the next page begins; empty on the last one.
    """

    rows: list[Row]
    following: str


class Place(NamedTuple):
    """Where a search stands.

    Attributes:
        cursor: Of the cloud: ``cursor=...``, where its page begins; empty for the first.
        passed: Rows of that page that were given out before.
        size: Rows of its pages.
        given: Of what the next rows are added up to: how much was given out before.
    """

    cursor: str
    passed: int
    size: int
    given: int = 0


def read_page(calls: CloudCalls, entity: str, query: Mapping[str, str], cursor: str = "", size: int = 500) -> Page:
    """One page of an entity.

    Raises:
        UnavailableError: The link to the next page leads to this one: reading on would never end.
        DataDamagedError: It is no page.
    """
    name, _, value = cursor.partition("=")
    given = {**query, "page_mode": "sequenced", "page_size": str(size)} | ({name: value} if cursor else {})
    body = calls.read(f"{entity}/", given)
    if body is None:
        return Page([], "")
    rows = body.get("results")
    if not isinstance(rows, list):
        raise DataDamagedError(
            f"What Oracle WMS Cloud gives for {entity} is no page: it has no results",
            "Check FLEXT_WMS_CLOUD_URL: its version may be another",
            {"url": calls.options.place, "path": entity},
        )
    following = _following(calls, entity, given, body.get("next_page"))
    if following and following == cursor:
        raise repeated(calls, entity)
    return Page([row for row in rows if isinstance(row, dict)], following)


def read_all(calls: CloudCalls, entity: str, query: Mapping[str, str]) -> Iterator[Row]:
    """Every row of a search.

    Raises:
        UnavailableError: A page came twice.
    """
    cursor, seen, first_ids = "", {""}, set[object]()
    while True:
        page = read_page(calls, entity, query, cursor)
        if page.rows:
            first = page.rows[0].get("id")
            if first is not None and first in first_ids:
                raise repeated(calls, entity)
            first_ids.add(first)
        yield from page.rows
        if not page.following:
            return
        if page.following in seen:
            raise repeated(calls, entity)
        seen.add(page.following)
        cursor = page.following


def _following(calls: CloudCalls, entity: str, asked: Mapping[str, str], link: object) -> str:
    """``cursor=...`` of the link to the next page, or ``page=...`` of a server that counts; empty without a link."""
    if not isinstance(link, str) or not link:
        return ""
    given = parse_qs(urlsplit(link).query)
    found = next((f"{name}={given[name][0]}" for name in ("cursor", "page") if given.get(name)), "")
    if not found and given and all(asked.get(name) == values[0] for name, values in given.items()):
        raise repeated(calls, entity)
    if not found:
        raise DataDamagedError(
            f"The link to the next page of {entity} says neither cursor nor page",
            "Check FLEXT_WMS_CLOUD_URL: its version may be another",
            {"url": calls.options.place, "path": entity},
        )
    return found


def repeated(calls: CloudCalls, entity: str) -> UnavailableError:
    """The error for a page that comes twice."""
    return UnavailableError(
        f"Oracle WMS Cloud ({calls.options.place}) gives the same page of {entity} again: reading on would never end",
        "Try again; if it stays so, tell Oracle's support, with a narrower search as a way around",
        {"url": calls.options.place, "path": entity},
    )


def sealed(request: Value, place: Place) -> str:
    """A cursor for the caller: where the search stands, and which search it is."""
    content = json.dumps([fingerprint(request), *place])
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def opened(request: Value, cursor: str | None, size: int) -> Place:
    """Where a search goes on.

    Raises:
        CursorRefusedError: The cursor is not ours, or belongs to another search.
    """
    if cursor is None:
        return Place("", 0, size)
    try:
        mark, inner, passed, pages, given = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place = Place(str(inner), int(passed), int(pages), int(given))
    except (binascii.Error, ValueError, TypeError):
        mark, place = "", Place("", -1, 0)
    if mark != fingerprint(request) or min(place.passed, place.given) < 0 or not 1 <= place.size <= LARGEST_PAGE:
        raise CursorRefusedError(
            "The cursor is not one that this search has given",
            "Give `next_cursor` of the page before, with the same filters and sort",
            {"problems": [{"field": "cursor", "reason": "not of this search"}]},
        )
    return place


def fingerprint(request: Value) -> str:
    """What tells one search from another: everything but the page."""
    asked = request.model_dump_json(exclude={"cursor", "limit"})
    return hashlib.sha256(asked.encode()).hexdigest()[:16]
