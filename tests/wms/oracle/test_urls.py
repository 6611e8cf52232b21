"""Which connection a URL and the settings beside it ask for: nothing is dialled here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import oracledb
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from flext_pipelines.errors import ConfigError
from flext_pipelines.wms.oracle.connection import OracleOptions, connect_arguments, open_oracle

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("db/?service_name=S", {"host": "db", "port": 1521, "service_name": "S"}),
        ("db:1600/?service_name=S", {"host": "db", "port": 1600, "service_name": "S"}),
        ("db:1600/SID", {"host": "db", "port": 1600, "sid": "SID"}),
        ("alias", {"dsn": "alias"}),
        ("db:2484/?service_name=S&protocol=tcps",
         {"host": "db", "port": 2484, "service_name": "S", "protocol": "tcps"}),
        ("/?dsn=tcps%3A%2F%2Fdb%3A1522%2FS", {"dsn": "tcps://db:1522/S"}),
        ("db/?service_name=S&retry_count=3&ssl_server_dn_match=false",
         {"host": "db", "port": 1521, "service_name": "S", "retry_count": 3, "ssl_server_dn_match": False}),
    ],
)  # fmt: skip
def test_a_url_says_where_to_connect(rest: str, expected: dict[str, object]) -> None:
    """Service, SID, alias, TLS and a whole connect string are each taken as they are written."""
    arguments = connect_arguments(sa.make_url(f"oracle+oracledb://wms:p%40ss@{rest}"), OracleOptions())

    assert arguments == {"user": "wms", "password": "p@ss", "tcp_connect_timeout": 20, "program": "flext"} | expected
    oracledb.ConnectParams(**{k: v for k, v in arguments.items() if k != "dsn"})  # the driver takes each of them


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("oracle+oracledb://u:hunter2@db/SID?service_name=S", "SID"),
        ("oracle+oracledb://u:hunter2@db/?service_name=S&servce=x", "servce"),
        ("oracle+oracledb://u:hunter2@db/?service_name=S&retry_count=many", "retry_count"),
        ("oracle+oracledb://u:hunter2@/?service_name=S", "host"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused_before_anything_is_dialled(url: str, says: str) -> None:
    """Two targets, unknown options and wrong numbers are faults of the setting, named without the password."""
    with pytest.raises(ConfigError, match=says) as caught:
        open_oracle(sa.make_url(url), OracleOptions())
    assert "hunter2" not in str(caught.value)


def test_the_engine_does_not_know_the_password() -> None:
    """What can be printed of an engine holds no secret."""
    engine = open_oracle(sa.make_url("oracle+oracledb://wms:hunter2@db/?service_name=S"), OracleOptions())

    assert "hunter2" not in engine.url.render_as_string(hide_password=False)


def test_a_wallet_without_its_file_is_said_so(tmp_path: Path) -> None:
    """The auto-login wallet of thick clients is of no use to thin mode; the advice says which file is needed."""
    (tmp_path / "cwallet.sso").write_bytes(b"")

    with pytest.raises(ConfigError, match=r"ewallet\.pem"):
        open_oracle(sa.make_url("oracle+oracledb://u@db/?service_name=S"), OracleOptions(wallet_location=tmp_path))


def test_a_wallet_is_where_aliases_are_looked_for_too(tmp_path: Path) -> None:
    """An unpacked wallet holds tnsnames.ora beside ewallet.pem."""
    (tmp_path / "ewallet.pem").write_text("")

    arguments = connect_arguments(
        sa.make_url("oracle+oracledb://u:p@wms_high"),
        OracleOptions(wallet_location=tmp_path, wallet_password=SecretStr("w")),
    )

    assert arguments["wallet_location"] == arguments["config_dir"] == str(tmp_path)
    assert arguments["wallet_password"] == "w"
    elsewhere = sa.make_url("oracle+oracledb://u:p@wms_high?config_dir=/etc/oracle")
    assert connect_arguments(elsewhere, OracleOptions(wallet_location=tmp_path))["config_dir"] == "/etc/oracle"
