"""Statements on a PostgreSQL connection of psycopg, sent several at a time through its libpq layer.

A cursor of psycopg works out anew for each statement how it is to be sent, and waits for each answer. Here the text of
a statement and the order of its values are known once, it is prepared when a session first meets it, and what has no
answer that somebody needs (writes, BEGIN) waits until the next question or the COMMIT and goes out with it, in libpq's
pipeline mode: a transaction has as many round trips as it has questions, and one for its end.

A refusal is raised as psycopg's own error at the next question or at the COMMIT, which is then not performed; a note
on it gives the statement that was refused.

Sessions keep what they have prepared: a pooler that lends a server connection for one transaction only must translate
the names (PgBouncer does, where its ``max_prepared_statements`` is not 0).

What belongs here: sending, reading answers, settings of sessions. What does not: any statement, what an error means.
"""

from __future__ import annotations

import hashlib
import select
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection, Error
    from psycopg.pq.abc import PGconn, PGresult
    from sqlalchemy import URL, ClauseElement

    Values = Sequence[bytes | bytearray | memoryview | None]

_BEGIN, _COMMIT, _ROLLBACK = b"BEGIN", b"COMMIT", b"ROLLBACK"
_REFUSED = {6, 7, 11}
"""libpq's statuses of an answer that is an error: nonfatal, fatal, and not tried because of one before it."""
_END = 10
"""libpq's status of the end of a pipeline."""
_UNPREPARED = "26000"
"""A statement is no longer prepared: psycopg itself, for one, sends DEALLOCATE ALL after some of its rollbacks."""
_UNFIT = "0A000"
"""A prepared statement's answer would have other types than when it was prepared: a table was changed meanwhile."""
_CANCEL_SECONDS = 2.0
_ALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
"""A server that vanished is noticed after a minute; by the defaults of Linux after 15 minutes to two hours."""


def session_arguments(url: URL, ours: Mapping[str, object]) -> dict[str, object]:
    """With what libpq opens a session; what the URL says of it wins.

    Whoever waited for a row goes on with what it is then: a stricter isolation, as a database may have it by default,
    would refuse him instead.

    Args:
        url: Of the database.
        ours: The server's settings for the session; no spaces in them.
    """
    named = " ".join(f"-c {name}={value}" for name, value in ours.items())
    theirs = url.query.get("options", ())
    given = (theirs,) if isinstance(theirs, str) else theirs
    options = " ".join((named, r"-c default_transaction_isolation=read\ committed", *given))
    return {"options": options, **{name: value for name, value in _ALIVE.items() if name not in url.query}}


class Numbered(NamedTuple):
    """A statement with numbered parameters.

    Attributes:
        name: Under which sessions prepare it; made of the text, so that it means no other statement in any process.
        text: SQL with ``$1``, ``$2``, ...
        order: The names of the values.
        constants: The values that are part of the statement.
    """

    name: bytes
    text: bytes
    order: tuple[str, ...]
    constants: Mapping[str, object]


def numbered(statement: ClauseElement) -> Numbered:
    """A statement of SQLAlchemy Core, compiled for PostgreSQL."""
    from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

    dialect: Any = PGDialect_psycopg
    compiled = cast("Any", statement.compile(dialect=dialect(paramstyle="numeric_dollar")))
    constants = {name: value for name, value in compiled.params.items() if value is not None}
    text = str(compiled).encode()
    name = b"flext_" + hashlib.sha256(text).hexdigest()[:32].encode()
    return Numbered(name, text, tuple(compiled.positiontup or ()), constants)


class Pipelined:
    """A connection that keeps statements back until an answer is needed. One thread at a time.

    Args:
        connection: Open; what else is done with it must not be in the midst of one of our transactions.
    """

    __slots__ = ("_connection", "_formats", "_known", "_pgconn", "_transformer", "_waiting")

    def __init__(self, connection: Connection[Any]) -> None:
        from psycopg.adapt import PyFormat, Transformer

        self._connection = connection
        self._pgconn: PGconn = connection.pgconn
        self._transformer = Transformer(connection)
        self._formats = [PyFormat.TEXT] * 32
        self._known: set[bytes] = set()
        self._waiting: list[tuple[bytes, bytes, Values]] = []

    def begin(self) -> None:
        """Begin a transaction, with the first statement that is sent."""
        self._waiting.append((b"", _BEGIN, ()))

    def send(self, statement: Numbered, values: Mapping[str, object]) -> None:
        """A statement whose answer nobody needs; it goes out with the next one that somebody does."""
        self._waiting.append((statement.name, statement.text, self._dumped(statement, values)))

    def rows(self, statement: Numbered, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """What a statement selects.

        Raises:
            psycopg.Error: This one or one before it was refused, or the connection is lost.
        """
        self.send(statement, values)
        result = self._flush()
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)

    def alone(self, statement: Numbered, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """What a statement selects that is a transaction of its own.

        Raises:
            psycopg.Error: It was refused, or the connection is lost.
        """
        from psycopg.errors import InvalidSqlStatementName

        try:
            return self.rows(statement, values)
        except InvalidSqlStatementName:  # not performed; now it is prepared anew
            return self.rows(statement, values)

    def changed(self, statement: Numbered, values: Mapping[str, object]) -> int:
        """How many rows a statement changes.

        Raises:
            psycopg.Error: This one or one before it was refused, or the connection is lost.
        """
        self.send(statement, values)
        return self._flush().command_tuples or 0

    def commit(self) -> None:
        """Send what waits, and keep it all; nothing where nothing was sent.

        Raises:
            psycopg.Error: A statement was refused, and nothing was kept; or the connection is lost, and only the
                database knows.
        """
        from psycopg.errors import InFailedSqlTransaction

        if len(self._waiting) == 1 and self._waiting[0][1] is _BEGIN:
            self._waiting.clear()
            return
        self._waiting.append((b"", _COMMIT, ()))
        if self._flush().command_status != _COMMIT:
            message = "the transaction was undone: a statement of it had been refused"
            raise InFailedSqlTransaction(message)

    def rollback(self) -> None:
        """Drop what waits, and undo what was sent; a connection that cannot even do that is closed."""
        from psycopg import Error
        from psycopg.pq import TransactionStatus

        self._waiting.clear()
        if self._connection.closed or self._pgconn.transaction_status == TransactionStatus.IDLE:
            return
        self._waiting.append((b"", _ROLLBACK, ()))
        with suppress(Error):
            self._flush()

    def _dumped(self, statement: Numbered, values: Mapping[str, object]) -> Values:
        """Values as text: which type each has is known to the server from where it stands."""
        if statement.constants:
            values = {**statement.constants, **values}
        wanted = [values[name] for name in statement.order]
        if len(wanted) > len(self._formats):
            self._formats = self._formats[:1] * (2 * len(wanted))
        return self._transformer.dump_sequence(wanted, self._formats[: len(wanted)])

    def _flush(self) -> PGresult:
        """Send all that waits; the answer to the last of it."""
        waiting, self._waiting = self._waiting, []
        pgconn = self._pgconn
        answers = _Answers(pgconn)
        try:
            pgconn.enter_pipeline_mode()
            sent = self._put(waiting)
            answers.read(sent, self._known)
            pgconn.exit_pipeline_mode()
        except BaseException as cause:  # lost, or interrupted in the midst of it: nobody can go on with it
            self._abandon()
            if answers.refusal is not None and isinstance(cause, Exception):
                raise self._error(answers) from cause  # what a server says before it hangs up
            raise
        if answers.refusal is not None:
            error = self._error(answers)
            if error.sqlstate == _UNPREPARED:
                self._known.intersection_update(name for name, _ in sent)  # what this pipeline itself has prepared
            elif error.sqlstate == _UNFIT:
                self._connection.close()
            raise error
        return answers.last

    def _put(self, waiting: Sequence[tuple[bytes, bytes, Values]]) -> list[tuple[bytes, bytes]]:
        """Hand statements to libpq; for each answer to come the name that it prepares, if it does, and the text."""
        pgconn, known = self._pgconn, self._known
        sent: list[tuple[bytes, bytes]] = []
        fresh: set[bytes] = set()
        for name, text, values in waiting:
            if not name:
                pgconn.send_query_params(text, None)
            else:
                if name not in known and name not in fresh:
                    pgconn.send_prepare(name, text)
                    sent.append((name, text))
                    fresh.add(name)
                pgconn.send_query_prepared(name, values)
            sent.append((b"", text))
        pgconn.pipeline_sync()
        return sent

    def _abandon(self) -> None:
        from psycopg import Error

        try:
            with suppress(Error):
                self._connection.cancel_safe(timeout=_CANCEL_SECONDS)
        finally:  # also where somebody presses Ctrl-C once more
            self._connection.close()

    @staticmethod
    def _error(answers: _Answers) -> Error:
        from psycopg.errors import error_from_result

        assert answers.refusal is not None
        error = error_from_result(answers.refusal)
        error.add_note(f"The statement that was refused: {answers.refused.decode()}")
        return error


class _Answers:
    """The answers to one pipeline, as they come.

    Attributes:
        last: The last one.
        refusal: The first that is an error.
        refused: The text of its statement.
    """

    __slots__ = ("_pgconn", "_poll", "last", "refusal", "refused")

    last: PGresult

    def __init__(self, pgconn: PGconn) -> None:
        self._pgconn = pgconn
        self._poll = select.poll()
        self.refusal: PGresult | None = None
        self.refused = b""

    def read(self, sent: Sequence[tuple[bytes, bytes]], known: set[bytes]) -> None:
        """Read them all; names whose statement is prepared now go into ``known``."""
        pgconn = self._pgconn
        self._poll.register(pgconn.socket, select.POLLIN | select.POLLOUT)
        while pgconn.flush():  # a server that answers while we send waits until it is read
            if self._poll.poll()[0][1] & ~select.POLLOUT:
                pgconn.consume_input()
        self._poll.modify(pgconn.socket, select.POLLIN)
        for name, text in sent:
            found = self._next()
            if found is None:
                raise _lost()
            if found.status in _REFUSED:
                self._refuse(found, text)
            elif name:
                known.add(name)
            else:
                self.last = found
            self._next()  # each answer has an end
        self._read_end(sent[-1][1])

    def _read_end(self, text: bytes) -> None:
        """The end of the pipeline, at which the server commits what no BEGIN stands before, or refuses to."""
        end = self._next()
        if end is not None and end.status in _REFUSED:
            self._refuse(end, text)
            self._next()
            end = self._next()
        if end is None or end.status != _END:
            raise _lost()

    def _refuse(self, answer: PGresult, text: bytes) -> None:
        if self.refusal is None:
            self.refusal, self.refused = answer, text

    def _next(self) -> PGresult | None:
        pgconn = self._pgconn
        while pgconn.is_busy():
            self._poll.poll()
            pgconn.consume_input()
        return pgconn.get_result()


def _lost() -> BaseException:
    from psycopg import OperationalError

    return OperationalError("the connection ended before the server had answered")
