"""Many records on one connection: a window of requests at once, in the order that a tree needs, through failures.

An entry waits until the one above it is settled, and so does a second change of the same entry; everything else goes
together, so that the time to the server counts once a window and not once a record. When the connection is lost, or
nothing is answered in time, all that was at work is in doubt: it is asked again on a new connection, for as long as the
patience lasts. Only codes that may pass are tried again (``result_codes``).

What belongs here: order, window, retries. What does not: one record (``operations``), files and journal (``load``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from flext_pipelines.errors import EntryRefusedError, FlextError, TimedOutError
from flext_pipelines.oud.directory.connection import Directory
from flext_pipelines.oud.directory.operations import Operation, Settled
from flext_pipelines.oud.directory.result_codes import TIMEOUT, Answer, work_error
from flext_pipelines.values import Progress

if TYPE_CHECKING:
    from flext_pipelines.oud.directory.journal import Place
    from flext_pipelines.oud.directory.target import DirectoryTarget

WINDOW = 64
_MOST_BYTES = 1 << 20
"""On the wire at once; more of big entries would only fill buffers."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
_MOST_LOSSES = 3
"""A record that ends the connection so often, alone, is the reason."""


class Pipeline:
    """Sends operations and gives each to ``settle`` when it is settled.

    Args:
        target: Where to.
        settle: Called with each operation, once.
        on_progress: Called when something is tried again.
        window: Requests at once.

    Attributes:
        directory: The connection of the moment.
        retries: How often something was tried again.
    """

    def __init__(
        self,
        target: DirectoryTarget,
        settle: Callable[[Operation, Settled], None],
        on_progress: Callable[[Progress], None],
        window: int = WINDOW,
    ) -> None:
        self.directory = Directory(target)
        self.retries = 0
        self._target = target
        self._settle = settle
        self._on_progress = on_progress
        self._window = window
        self._narrow = False
        self._expect_there = False
        self._at_work: dict[int, Operation] = {}
        self._waiting: list[tuple[float, Operation]] = []
        self._keys: set[bytes] = set()
        self._bytes = 0
        self._last_answer = time.monotonic()

    def close(self) -> None:
        """Close the connection."""
        self.directory.close()

    def submit(self, operation: Operation) -> None:
        """Send one operation as soon as it may be.

        Raises:
            FlextError: The server is gone for longer than the patience lasts, or refuses the account.
        """
        if operation.alone:
            self.drain()
        while self._is_full(operation) or any(key in self._keys for key in operation.touched):
            self._pump()
        if self._expect_there:
            operation.look_first()
        self._keys.add(operation.key)
        self._bytes += operation.size
        self._send(operation)
        if operation.alone:
            self.drain()

    def drain(self) -> None:
        """Wait until everything is settled.

        Raises:
            FlextError: As with ``submit``.
        """
        while self._keys:
            self._pump()

    def awaits_before(self, place: Place) -> bool:
        """Whether a request of a record before this place has no answer yet."""
        return any(operation.place < place for operation in self._at_work.values())

    def _is_full(self, operation: Operation) -> bool:
        if not self._keys:
            return False
        return (
            self._narrow
            or len(self._at_work) + len(self._waiting) >= self._window
            or self._bytes + operation.size > _MOST_BYTES
        )

    def _send(self, operation: Operation) -> None:
        try:
            self._at_work[operation.send(self.directory)] = operation
        except EntryRefusedError as error:
            self._done(operation, Settled(None, error))
        except FlextError as error:
            if not error.retryable:
                raise
            self._connect_again(error, operation)

    def _pump(self) -> None:
        """Take one answer, or send what has waited long enough."""
        now = time.monotonic()
        due = [one for one in self._waiting if one[0] <= now]
        if due and not (self._narrow and self._at_work):
            waited = due[0]
            self._waiting.remove(waited)
            self._send(waited[1])
            return
        seconds = self._target.timeout_seconds
        if self._waiting:
            seconds = min(seconds, max(0.0, min(moment for moment, _ in self._waiting) - now)) if not due else seconds
        if not self._at_work:
            time.sleep(seconds)
            return
        try:
            answer = self.directory.next_answer(seconds)
        except FlextError as error:
            if not error.retryable:
                raise
            self._connect_again(error)
            return
        if answer is not None:
            self._take(answer)
        elif not self._waiting:
            self._connect_again(work_error(Answer(-1, TIMEOUT), self._target.url, "loading"))

    def _take(self, answer: Answer) -> None:
        operation = self._at_work.pop(answer.number, None)
        if operation is None:
            return
        self._last_answer = time.monotonic()
        if answer.verdict == "work":
            raise work_error(answer, self._target.url, f"does not take {operation.dn!r}",
                             bind_dn=self._target.bind_dn)  # fmt: skip
        if answer.verdict == "transient":
            self._try_later(operation, answer)
            return
        try:
            settled = operation.take(answer, self.directory)
        except FlextError as error:  # it asks for the server's schema
            if not error.retryable:
                raise
            self._connect_again(error, operation)
            return
        if settled is None:
            self._send(operation)
        else:
            self._done(operation, settled)

    def _done(self, operation: Operation, settled: Settled) -> None:
        self._keys.discard(operation.key)
        self._bytes -= operation.size
        self._narrow = False
        if operation.was_there is not None:
            self._expect_there = operation.was_there
        self._settle(operation, settled)

    def _try_later(self, operation: Operation, answer: Answer) -> None:
        now = time.monotonic()
        operation.failed_since = operation.failed_since or now
        if now - operation.failed_since >= self._target.patience_seconds:
            raise work_error(answer, self._target.url, f"does not take {operation.dn!r}", bind_dn=self._target.bind_dn)
        pause = min(_FIRST_PAUSE * 2**operation.attempts, _LONGEST_PAUSE)
        operation.attempts += 1
        self.retries += 1
        if operation.attempts in {1, 5}:
            self._on_progress(Progress(kind="warning", text=f"{operation.dn}: {answer.said}; it is tried again"))
        self._waiting.append((now + pause, operation))

    def _connect_again(self, error: FlextError, *unsent: Operation) -> None:
        """Another connection, and everything that was at work is asked again, one by one at first."""
        if isinstance(error, TimedOutError) and time.monotonic() - self._last_answer > self._target.patience_seconds:
            raise error
        self.directory.close()
        doubtful = [*self._at_work.values(), *unsent]
        self._at_work.clear()
        self._on_progress(Progress(kind="warning", text=f"{error.reason}; connecting again"))
        self._connect()
        self.retries += 1
        if len(doubtful) == 1 and not isinstance(error, TimedOutError):
            doubtful[0].losses += 1
        self._narrow = True
        for operation in doubtful:
            operation.restart()
            if operation.losses >= _MOST_LOSSES:
                self._done(operation, Settled(None, _ends_connections(operation), held=True))
            else:
                self._waiting.append((0.0, operation))

    def _connect(self) -> None:
        deadline = time.monotonic() + self._target.patience_seconds
        pause = _FIRST_PAUSE
        while True:
            try:
                self.directory = Directory(self._target, like=self.directory)
            except FlextError as again:
                # A server that just goes down can end a handshake, too; its certificate was good before.
                may_pass = again.retryable or again.details.get("tls")
                if not may_pass or time.monotonic() + pause > deadline:
                    raise
            else:
                return
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _ends_connections(operation: Operation) -> EntryRefusedError:
    return EntryRefusedError(
        f"The server closes the connection each time it is sent this record of {operation.size:,} bytes",
        "Is it larger than the server takes? 389: nsslapd-maxbersize; OUD: max-request-size; slapd: "
        "sockbuf_max_incoming_auth",
        {"dn": operation.dn, "bytes": operation.size},
    )
