"""Faults on demand: what a real server does on a bad day, for requests that ask for it or that a test chooses.

A request asks by the header ``X-Mock-Fault: too_many; times=2; retry_after=1``. A process that sets no headers is met
by the control endpoint: ``POST /mock/faults`` puts a fault into a queue that later requests meet.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flext_pipelines.wms.mock_server.problems import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER = "x-mock-fault"

FaultKind = Literal[
    "too_many",  # 429 with Retry-After
    "server_error",  # 500
    "unavailable",  # 503, with Retry-After when asked for
    "unauthorised",  # 401
    "forbidden",  # 403
    "slow",  # the answer comes after so many seconds
    "truncated",  # a whole HTTP answer whose JSON ends in the middle
    "dropped",  # the connection ends in the middle of the answer
    "html",  # a login page, with status 200
    "repeat",  # the next page of a collection is the same page again
    "refused",  # success False, with status 200; nothing is done
    "lost",  # the work is done, then the connection ends without an answer
    "changed",  # rows change once the page is sent
    "deleted",  # rows are deleted once the page is sent
]
KINDS: tuple[str, ...] = get_args(FaultKind)


class Fault(BaseModel):
    """One fault, and which requests it meets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind = Field(description="What goes wrong.")
    times: int = Field(default=1, ge=1, description="How many requests it meets.")
    after: int = Field(default=0, ge=0, description="How many fitting requests pass before.")
    path: str = Field(default="", description="Part of the path and query of the requests it meets; empty: all.")
    method: str = Field(default="", description="HTTP method of the requests it meets; empty: all.")
    seconds: float = Field(default=1.0, ge=0, description="How long `slow` waits.")
    retry_after: str = Field(default="", description="Retry-After of `too_many` (1 by default) and `unavailable`.")
    rows: int = Field(default=1, ge=1, description="How many rows `changed` and `deleted` take.")


class Faults:
    """The queue of faults."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[list[object]] = deque()

    def add(self, faults: Sequence[Fault]) -> None:
        """Let later requests meet them."""
        with self._lock:
            self._waiting.extend([fault, fault.after, fault.times] for fault in faults)

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._waiting.clear()

    @property
    def waiting(self) -> int:
        """Faults that no request has met to their end."""
        return len(self._waiting)

    def next(self, method: str, target: str, header: str) -> Fault | None:
        """What a request meets: what its header asks for, else the first of the queue that fits.

        Raises:
            InvalidRequestError: The header asks for something that is no fault.
        """
        if header:
            return parse_fault(header)
        with self._lock:
            for entry in self._waiting:
                fault, after, times = entry
                assert isinstance(fault, Fault)
                assert isinstance(after, int)
                assert isinstance(times, int)
                if fault.path not in target or fault.method not in {"", method}:
                    continue
                if after:
                    entry[1] = after - 1
                    return None
                if times == 1:
                    self._waiting.remove(entry)
                else:
                    entry[2] = times - 1
                return fault
        return None


def parse_fault(text: str) -> Fault:
    """A fault from the header's value: ``kind; option=value; ...``.

    Raises:
        InvalidRequestError: It is no fault.
    """
    kind, *options = (part.strip() for part in text.split(";"))
    values = dict(option.partition("=")[::2] for option in options if option)
    try:
        return Fault.model_validate({"kind": kind, **values})
    except ValidationError as error:
        raise InvalidRequestError({HEADER: str(error.errors(include_input=False)[0]["msg"])}) from None
