"""A command performed once for its key, and the rows of the keys.

What belongs here: what tests of idempotency keys share. What does not: fixtures (``conftest``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from flext_pipelines.control.idempotency import IdempotencyKeys, Once
from flext_pipelines.control.tables import keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from flext_pipelines.control.engine import ControlDatabase


def run(
    store: IdempotencyKeys,
    perform: Callable[[], str] = lambda: '"done"',
    *,
    key: str = "k",
    message: str = "data.Load",
    payload: str = "{}",
) -> Once:
    return store.run_once(key=key, message=message, payload=payload, perform=perform)


def never() -> str:
    pytest.fail("this must not be performed")


def rows(control: ControlDatabase) -> list[dict[str, object]]:
    with control.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(keys).order_by(keys.c.key)).mappings()]


def hold(control: ControlDatabase, process: str, *, beat: int = 0) -> None:
    """A row as a holder leaves it while at work."""
    import hashlib

    row = {
        "key": "k", "message": "data.Load", "fingerprint": hashlib.sha256(b"data.Load\0{}").hexdigest(),
        "token": "theirs", "process": process, "unfinished": 0, "beat": beat, "begun_at": 1, "ended_at": None,
        "result": None,
    }  # fmt: skip
    with control.writing() as writing:
        writing.execute(sa.insert(keys), row)
