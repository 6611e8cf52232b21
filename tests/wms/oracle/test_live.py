"""A live Oracle Database: what no stand-in can show. Runs when ``FLEXT_TEST_ORACLE_URL`` is set.

The user of that URL needs CREATE SESSION, CREATE TABLE and a quota; its schema must hold no tables of our names. The
facts of ``test_same_*`` and ``test_statements`` run on it too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from flext_pipelines.errors import ConfigError, ConflictError, RecordError, TimedOutError
from flext_pipelines.wms.database import DatabaseBackend
from flext_pipelines.wms.engine import EngineOptions, beginning, open_engine
from flext_pipelines.wms.oracle.connection import OracleOptions
from flext_pipelines.wms.requests import HealthAsked
from tests.wms.oracle.conftest import LIVE_URL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flext_pipelines.errors import FlextError

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(not LIVE_URL, reason="FLEXT_TEST_ORACLE_URL names no live Oracle; docs/oracle.md says more"),
]

SCRATCH = sa.Table(
    "flext_scratch", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("code", sa.String(5), nullable=False), sa.Column("qty", sa.Numeric(5, 2)),
    sa.Column("parent", sa.Integer, sa.ForeignKey("flext_scratch.id")),
)  # fmt: skip


@pytest.fixture
def live() -> Iterator[sa.Engine]:
    """The live database with a table for trying things out."""
    engine = open_engine(SecretStr(LIVE_URL))
    SCRATCH.create(engine)
    yield engine
    SCRATCH.drop(engine)
    engine.dispose()


def test_the_session_reckons_in_utc(live: sa.Engine) -> None:
    """Whatever the database's own zone and decimal sign are."""
    with live.connect() as connection:
        assert connection.scalar(sa.text("SELECT SESSIONTIMEZONE FROM DUAL")) == "+00:00"
        assert connection.scalar(sa.text("SELECT TO_CHAR(1.5) FROM DUAL")) == "1.5"


@pytest.mark.parametrize(
    ("row", "expected", "code"),
    [
        ({"id": 1, "code": "b"}, ConflictError, "ORA-00001"),
        ({"id": 2, "code": None}, RecordError, "ORA-01400"),
        ({"id": 2, "code": ""}, RecordError, "ORA-01400"),
        ({"id": 2, "code": "too long"}, RecordError, "ORA-12899"),
        ({"id": 2, "code": "b", "qty": 12345}, RecordError, "ORA-01438"),
        ({"id": 2, "code": "b", "parent": 9}, ConflictError, "ORA-02291"),
    ],
)
def test_a_refused_row_is_our_error(
    live: sa.Engine, row: dict[str, object], expected: type[FlextError], code: str
) -> None:
    """The real database's words fall to the verdicts of the table."""
    with beginning(live) as connection:
        connection.execute(SCRATCH.insert(), {"id": 1, "code": "a"})

    with pytest.raises(expected) as caught, beginning(live) as connection:
        connection.execute(SCRATCH.insert(), row)
    assert caught.value.details["code"] == code


def test_a_wrong_password_is_a_wrong_setting() -> None:
    """ORA-01017, once: the account of the test is not locked by it."""
    url = sa.make_url(LIVE_URL).set(password="certainly-wrong").render_as_string(hide_password=False)

    with pytest.raises(ConfigError) as caught, beginning(open_engine(SecretStr(url))):
        pass
    assert caught.value.details["code"] == "ORA-01017"


def test_a_long_statement_is_ended() -> None:
    """The call time-out reaches the server, and the session can be used afterwards."""
    engine = open_engine(SecretStr(LIVE_URL), EngineOptions(call_seconds=1), OracleOptions(call_seconds=1))
    slow = sa.text("SELECT COUNT(*) FROM all_objects a, all_objects b, all_objects c")

    with pytest.raises(TimedOutError), beginning(engine) as connection:
        connection.execute(slow)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1 FROM DUAL")) == 1
    engine.dispose()


def test_health_names_the_release(live_url: SecretStr) -> None:
    """The version is what the server says."""
    backend = DatabaseBackend(open_engine(live_url))

    found = backend.health(HealthAsked(deep=True))

    assert found.healthy, found.problems
    assert str(found.version).startswith("oracle ")
    backend.close()
