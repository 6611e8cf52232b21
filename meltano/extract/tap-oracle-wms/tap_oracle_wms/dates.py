"""Start and end dates as settings give them, and times as the API and the state take them."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final
from zoneinfo import ZoneInfo

from singer_columnar.errors import SettingsError

_RELATIVE: Final = re.compile(r"(today|yesterday)(?:-(\d+)([dw]))?", re.IGNORECASE)


def parse_date(text: str, setting: str, timezone: str, now: dt.datetime) -> dt.datetime:
    """Read a start or end date.

    Args:
        text: ISO 8601, or ``today``, ``yesterday``, ``today-7d``, ``today-2w``.
        setting: The setting's name, for the error.
        timezone: IANA name of the zone of a date without one.
        now: The present, aware.

    Returns:
        The moment, in UTC.

    Raises:
        SettingsError: It is none.
    """
    zone = ZoneInfo(timezone)
    relative = _RELATIVE.fullmatch(text.strip())
    if relative:
        day, count, unit = relative.groups()
        midnight = dt.datetime.combine(now.astimezone(zone).date(), dt.time.min, zone)
        back = int(count or 0) * (7 if (unit or "d").lower() == "w" else 1) + (day.lower() == "yesterday")
        return (midnight - dt.timedelta(days=back)).astimezone(dt.UTC)
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise SettingsError(
            f"{setting} {text!r} is not a date", "Give it as 2024-01-31, 2024-01-31T06:00:00Z, yesterday or today-7d."
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(dt.UTC)


def for_request(moment: dt.datetime) -> str:
    """A moment as a filter takes it: with its offset, as the REST guide recommends, so that no zone is guessed."""
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")


def for_state(moment: dt.datetime) -> str:
    """A moment as a bookmark holds it."""
    return moment.astimezone(dt.UTC).isoformat()
