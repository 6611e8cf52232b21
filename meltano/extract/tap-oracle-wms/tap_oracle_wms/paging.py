"""The pages of one window, to the end: by cursors or by numbers, with a guard against a server that goes in circles."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tap_oracle_wms.client import next_params
from tap_oracle_wms.errors import AnswerMalformedError, PageRepeatedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from tap_oracle_wms.client import Params, WmsClient
    from tap_oracle_wms.rows import Row
    from tap_oracle_wms.windows import Key, Window

PAGED: Final = "paged"
_MOST_RESTARTS: Final = 1000


@dataclass(frozen=True)
class PageRequest:
    """What all requests for the pages of an entity have in common.

    Attributes:
        entity: The entity.
        params: Page size and mode, context and filters, wanted fields.
        mode: ``paged`` or ``sequenced``.
        zone: Zone of date-times without one.
    """

    entity: str
    params: Params
    mode: str
    zone: ZoneInfo


@dataclass
class _Guard:
    """Knows the pages that came, and refuses one that comes again."""

    where: str
    links: set[str] = field(default_factory=lambda: {"/"})
    pages: set[int] = field(default_factory=set)

    def check(self, rows: list[Row], params: Params | None) -> None:
        ids = hash(tuple(row.get("id") for row in rows))
        if ids in self.pages:
            raise self._repeated("the same rows as a page before")
        self.pages.add(ids)
        place = "" if params is None else f"{params.get('cursor', '')}/{params.get('page', '')}"
        if place in self.links:
            raise self._repeated("a link to a page that was read before")
        if params is not None:
            self.links.add(place)

    def _repeated(self, what: str) -> PageRepeatedError:
        return PageRepeatedError(
            f"{self.where}, page {len(self.pages) + 1}: the server sent {what}; reading on would never end",
            "Set page_mode to the other mode; if it stays so, report it to the server's owner.",
        )


def read_pages(client: WmsClient, request: PageRequest, window: Window) -> Iterator[list[Row]]:
    """The window's pages in order, none of them empty.

    Raises:
        PageRepeatedError: A page came again.
        AnswerMalformedError: A row without id or key.
    """
    if request.mode == PAGED:
        yield from _by_number(client, request, window)
    else:
        yield from _by_cursor(client, request, window)


def _by_cursor(client: WmsClient, request: PageRequest, window: Window) -> Iterator[list[Row]]:
    guard = _Guard(f"Entity '{request.entity}'")
    params: Params | None = {**request.params, **window.params()}
    while params is not None:
        answer = client.page(request.entity, params)
        rows = answer.body["results"] if answer else []
        if not rows or answer is None:
            return
        following = next_params(params, answer.body.get("next_page"))
        guard.check(rows, following)
        yield rows
        params = following


def _by_number(client: WmsClient, request: PageRequest, window: Window) -> Iterator[list[Row]]:
    """Page after page; when the number of rows changes, places have shifted: start anew after the last key."""
    rest, guard = window, _Guard(f"Entity '{request.entity}'")
    for _ in range(_MOST_RESTARTS):
        params: Params | None = {**request.params, **rest.params()}
        total, last = None, None
        while params is not None:
            answer = client.page(request.entity, params)
            if answer is None or not answer.body["results"]:
                params = None
                if total is not None and last is not None:
                    break  # the page was there when its link was made: rows have gone meanwhile
                return
            count = answer.body.get("result_count")
            if total is not None and count != total:
                break
            total, rows = count, answer.body["results"]
            following = next_params(params, answer.body.get("next_page"))
            guard.check(rows, following)
            yield rows
            last, params = key_of(rows[-1], window.field, request), following
        else:
            return
        if last is not None:
            rest, guard = rest.after(last), _Guard(guard.where)
    raise PageRepeatedError(
        f"Entity '{request.entity}' changes quicker than its pages can be read",
        "Set page_mode to sequenced, which changes do not disturb.",
    )


def key_of(row: Row, field_name: str, request: PageRequest) -> Key:
    """The key of a row.

    Raises:
        AnswerMalformedError: It has none.
    """
    value: Any = row.get(field_name)
    try:
        if field_name == "id":
            return int(value)
        moment = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise AnswerMalformedError(
            f"A row of entity '{request.entity}' (id {row.get('id')}) has no usable '{field_name}'",
            "Read the entity in full: name it in full_table_entities.",
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=request.zone)).astimezone(dt.UTC)
