"""Exceptions of python-oracledb and SQLAlchemy become ours, with the code that says most and without a secret."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import quote

import oracledb
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from oracledb.errors import _create_err, _Error

from flext_pipelines.errors import (
    ConfigError,
    ConflictError,
    FlextError,
    InternalError,
    NotFoundError,
    RecordError,
    StorageFullError,
    TimedOutError,
    UnavailableError,
)
from flext_pipelines.wms.oracle.failures import finding, translate

PLACE = "oracle+oracledb://wms:***@db:1521"


def database_error(code: int, text: str) -> oracledb.DatabaseError:
    """The exception that python-oracledb raises for an error packet of the database."""
    error = _Error(f"ORA-{code:05}: {text}", code=code)
    kind: Any = error.exc_type
    raised: oracledb.DatabaseError = kind(error)
    return raised


def driver_error(number: int, context: str = "", **names: Any) -> Exception:
    """The exception that python-oracledb raises for itself."""
    error = _create_err(number, context, **names)
    kind: Any = error.exc_type
    raised: Exception = kind(error)
    return raised


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (1, 'unique constraint (WMS.UQ_ITEM_CODE) violated on table WMS.ITEM', ConflictError),
        (1403, "no data found", NotFoundError),
        (12899, 'value too large for column "WMS"."ITEM"."CODE" (actual: 60, maximum: 50)', RecordError),
        (1653, "unable to extend table WMS.INVENTORY by 128 in tablespace USERS", StorageFullError),
        (60, "deadlock detected while waiting for resource", UnavailableError),
        (936, "missing expression", InternalError),
        (20017, "WMS: the period is closed", ConflictError),
    ],
)  # fmt: skip
def test_an_error_packet_becomes_ours(code: int, text: str, expected: type[FlextError]) -> None:
    """What the database says stays readable, with its code and without the driver's help links."""
    error = translate(database_error(code, text), PLACE)

    assert type(error) is expected
    assert text in error.reason
    assert "Help:" not in error.reason
    assert error.details["code"] == f"ORA-{code:05}"
    assert error.details["database"] == PLACE
    assert error.instruction


def test_a_lost_connection_is_named_by_what_the_database_said() -> None:
    """python-oracledb puts DPY-4011 above ORA-03113; the second says more, and the session is known to be lost."""
    raised = database_error(3113, "end-of-file on communication channel")
    assert str(raised).startswith("DPY-4011")

    error = translate(raised, PLACE)

    assert isinstance(error, UnavailableError)
    assert error.details["code"] == "ORA-03113"
    assert error.details["session_lost"] is True


def test_the_inner_error_counts_not_the_frames_around_it() -> None:
    """A full tablespace inside a recursive statement inside a trigger is a full tablespace."""
    text = (
        "error occurred at recursive SQL level 1\nORA-01653: unable to extend table WMS.LOG by 8 in tablespace USERS\n"
        "ORA-06512: at \"WMS.AUDIT_TRG\", line 4\nORA-04088: error during execution of trigger 'WMS.AUDIT_TRG'"
    )

    error = translate(database_error(604, text), PLACE)

    assert isinstance(error, StorageFullError)
    assert error.details["code"] == "ORA-01653"


def test_a_frame_alone_counts() -> None:
    """When nothing stands below a wrapper, the wrapper is what we know."""
    assert finding(database_error(604, "error occurred at recursive SQL level 1")).code == "ORA-00604"


def test_a_call_that_took_too_long_is_a_time_out() -> None:
    """DPY-4024 is our call time-out: the advice names the setting."""
    error = translate(driver_error(4024, timeout=300_000), PLACE)

    assert isinstance(error, TimedOutError)
    assert "FLEXT_WMS_CALL_TIMEOUT_SECONDS" in error.instruction


def test_an_error_of_the_name_service_is_a_wrong_host() -> None:
    """python-oracledb lets the resolver's OSError through as it is."""
    error = translate(socket.gaierror(-2, "Name or service not known"), PLACE)

    assert isinstance(error, ConfigError)
    assert error.details["code"] == "ORA-12545"


def test_sqlalchemys_wrapping_hides_nothing_and_tells_nothing() -> None:
    """Inside SQLAlchemy's exception the driver's is judged; statement and parameters stay out of the message."""
    inner = database_error(1438, "value larger than specified precision allowed for this column")
    wrapped = sa.exc.DBAPIError.instance(
        "INSERT INTO item (code) VALUES (:code)", {"code": "private-value"}, inner, oracledb.Error, dialect=None
    )
    assert isinstance(wrapped, sa.exc.IntegrityError)

    error = translate(wrapped, PLACE)

    assert isinstance(error, RecordError)
    assert "private-value" not in str(error)
    assert "INSERT" not in str(error)


def test_a_pool_without_a_free_connection_is_a_time_out() -> None:
    """SQLAlchemy's own TimeoutError has no code; it is named all the same."""
    error = translate(sa.exc.TimeoutError("QueuePool limit of size 5 overflow 0 reached"), PLACE)

    assert isinstance(error, TimedOutError)
    assert "FLEXT_WMS_POOL_SIZE" in error.instruction


def test_our_own_errors_pass() -> None:
    """What a gateway raised already is not wrapped again."""
    ours = NotFoundError("no such order")

    assert translate(ours, PLACE) is ours


def test_an_exception_of_nobody_is_a_fault_of_ours() -> None:
    """A KeyError in the middle of a statement is no failure of the database."""
    assert isinstance(translate(KeyError("x"), PLACE), InternalError)


@pytest.mark.parametrize("password", ["hunter2", "a/b@c d%", 'pä"ss'])
def test_no_password_in_the_message(password: str) -> None:
    """A password that the driver repeats is masked, also as a URL spells it."""
    url = sa.URL.create("oracle+oracledb", "wms", password, "db").render_as_string(hide_password=False)
    spelled = url.removeprefix("oracle+oracledb://wms:").removesuffix("@db")
    text = f'invalid connect descriptor "wms/{password}@db" of {url} {quote(password)}'

    error = translate(driver_error(4017, context=text, data=password), PLACE, [password])

    assert password not in str(error)
    assert spelled not in str(error)
    assert quote(password) not in str(error)


def test_a_value_that_looks_like_a_code_is_no_code() -> None:
    """A column's text that names ORA-00001 within a line does not decide."""
    raised = database_error(12899, 'value too large for column "ORA-00001: x" (actual: 60, maximum: 50)')

    assert finding(raised).code == "ORA-12899"


@given(st.text(max_size=200))
def test_any_text_becomes_an_error_of_ours(text: str) -> None:
    """Whatever an exception says, translating it neither fails nor loses it."""
    for error in (oracledb.DatabaseError(text), oracledb.InterfaceError(), OSError(text), RuntimeError(text)):
        ours = translate(error, PLACE)
        assert isinstance(ours, FlextError)
        assert ours.instruction
