"""Reading one entity: where to start, where to end, in which windows, and each window's pages as chunks."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from singer_columnar.errors import SettingsError
from singer_columnar.pump import Pump

from tap_oracle_wms.catalog import KEY, EntityPlan
from tap_oracle_wms.dates import parse_date
from tap_oracle_wms.paging import PAGED, PageRequest, key_of, read_pages
from tap_oracle_wms.progress import Bookmark, FullRead, stored_bookmark, stored_resume
from tap_oracle_wms.settings import DEFAULT_OVERLAP_MINUTES, DEFAULT_PAGE
from tap_oracle_wms.windows import Key, Window, split

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from singer_columnar.chunk import Chunk
    from singer_columnar.stopping import StopSignal

    from tap_oracle_wms.client import Params, WmsClient
    from tap_oracle_wms.columns import EntityColumn
    from tap_oracle_wms.rows import Converter

_TICK: Final = dt.timedelta(microseconds=1)
_QUEUE_PAGES: Final = 6


@dataclass(frozen=True)
class _End:
    """One end of an entity's rows.

    Attributes:
        key: The key of the row there.
        rows: How many rows there are in all; None when nobody counted.
        clock: The server's time.
    """

    key: Key
    rows: int | None
    clock: dt.datetime | None


class _WindowPart:
    """One window, read by one thread."""

    def __init__(self, read: Callable[[Window], Generator[Chunk]], window: Window) -> None:
        self._read = read
        self._window = window

    def __str__(self) -> str:
        return "window"

    def items(self) -> Generator[Chunk]:
        """The window's pages."""
        return self._read(self._window)

    def cancel(self) -> None:
        """A request that is under way cannot be cut short; the thread ends with it."""


class EntityRead:
    """One read of one entity.

    Args:
        client: Asks the server.
        config: The tap's settings.
        plan: What to read.
        columns: The columns wanted.
        stop: Ends the reading.
        limit: Most rows to read, or None.
    """

    def __init__(
        self,
        client: WmsClient,
        config: Mapping[str, Any],
        plan: EntityPlan,
        columns: Sequence[EntityColumn],
        stop: StopSignal,
        limit: int | None = None,
    ) -> None:
        from tap_oracle_wms.rows import Converter

        self._client, self._config, self._plan, self._stop, self._limit = client, config, plan, stop, limit
        zone = str(config.get("timezone") or "UTC")
        try:
            self._zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise SettingsError(f"timezone {zone!r} is no zone", "Give an IANA name such as Europe/Lisbon.") from None
        self._converter: Converter = Converter(columns, zone)
        self._page_size = int(config.get("page_size") or DEFAULT_PAGE)
        self._mode = str(config.get("page_mode") or "sequenced")
        self._parallel = int(config.get("concurrency") or 1)
        self._request = PageRequest(plan.name, self._params(columns), self._mode, self._zone)
        self.windows: Sequence[Window] = ()

    def _params(self, columns: Sequence[EntityColumn]) -> Params:
        """What every request for rows says: page, wanted fields, context, filters of the settings."""
        config, plan = self._config, self._plan
        params = {"page_mode": self._mode, "page_size": str(self._page_size)}
        wanted = {column.path[0] for column in columns}
        if wanted < {column.path[0] for column in plan.columns.values()}:
            params["fields"] = ",".join(sorted(wanted))
        for context in plan.contexts:
            code = config.get(context.replace("_id", "_code"))
            if code:
                params[f"{context}__code"] = str(code)
        through = (config.get("facility_filters") or {}).get(plan.name)
        if through and config.get("facility_code"):
            params[through] = str(config["facility_code"])
        return params | {name: str(value) for name, value in (config.get("filters") or {}).get(plan.name, {}).items()}

    # Where to start and end

    def begin(self, state: Mapping[str, Any]) -> Bookmark | FullRead:
        """Find the ends, and cut what lies between into windows.

        Returns:
            The progress, at its start.
        """
        key = self._plan.replication_key
        return self._begin_full(state) if key is None else self._begin_incremental(key, state)

    def _begin_incremental(self, key: str, state: Mapping[str, Any]) -> Bookmark:
        config, now = self._config, dt.datetime.now(dt.UTC)
        zone = self._zone.key
        bookmark = stored_bookmark(state, key, now)
        start = bookmark
        if start is None and config.get("start_date"):
            start = parse_date(str(config["start_date"]), "start_date", zone, now)
        elif start is not None:
            minutes = config.get("overlap_minutes")
            overlap = dt.timedelta(minutes=DEFAULT_OVERLAP_MINUTES if minutes is None else minutes)
            # A bookmark near the year 1 has nothing before it.
            start = start - overlap if start > dt.datetime.min.replace(tzinfo=dt.UTC) + overlap else start
        end = None
        if config.get("end_date"):
            end = parse_date(str(config["end_date"]), "end_date", zone, now) - _TICK
        # The last row of now ends the read: what changes meanwhile belongs to the next run, or this one never ends.
        top = self._end(Window(key, start, end, falling=True))
        progress = Bookmark(key, bookmark, top.clock if top else None)
        if top is not None:
            self.windows = self._cut(Window(key, start, top.key), top)
        return progress

    def _begin_full(self, state: Mapping[str, Any]) -> FullRead:
        top = self._end(Window(KEY, None, None, falling=True))
        if top is None or not isinstance(top.key, int):  # no rows; an id is a number
            return FullRead(top=0)
        resume = stored_resume(state)
        if resume is None:
            self.windows = self._cut(Window(KEY, None, top.key, falling=True), top)
            return FullRead(top=top.key)
        below, above = resume
        fresh = [Window(KEY, above + 1, top.key, falling=True)] if top.key > above else []
        self.windows = [*fresh, *self._cut(Window(KEY, None, below - 1, falling=True), None)]
        return FullRead(top=above, below=below)

    def _end(self, window: Window) -> _End | None:
        """The first row of a window, in its order; with a count where that helps to cut it."""
        counted = self._parallel > 1 or self._mode == PAGED
        mode = PAGED if counted else "sequenced"
        params = {**self._request.params, **window.params(), "page_size": "1", "page_mode": mode}
        params["fields"] = ",".join(sorted({KEY, window.field}))
        answer = self._client.page(self._plan.name, params)
        if answer is None or not answer.body["results"]:
            return None
        rows = answer.body.get("result_count") if counted else None
        key = key_of(answer.body["results"][0], window.field, self._request)
        return _End(key, rows if isinstance(rows, int) else None, answer.clock)

    def _cut(self, window: Window, top: _End | None) -> Sequence[Window]:
        if self._parallel == 1 or window.high is None:
            return [window]
        if top is None:
            top = self._end(window)
        if top is None or top.rows is None or top.rows <= self._page_size:
            return [] if top is None else [window]
        low = window.low
        bottom = None if low is not None else self._end(Window(window.field, None, window.high))
        if bottom is not None:
            low = bottom.key
        return [window] if low is None else split(window, low, top.rows, self._page_size)

    # Reading

    def pump(self) -> Pump[Chunk]:
        """The chunks of all windows, in their order."""
        parts = [_WindowPart(self._chunks, window) for window in self.windows]
        return Pump(parts, self._stop, self._parallel, _QUEUE_PAGES)

    def _chunks(self, window: Window) -> Generator[Chunk]:
        left = self._limit
        for rows in read_pages(self._client, self._request, window):
            page = rows if left is None else rows[:left]
            yield self._converter.chunk(page)
            if left is not None:
                left -= len(page)
                if left <= 0:
                    return
