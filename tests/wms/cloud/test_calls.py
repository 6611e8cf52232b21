"""Calls over real HTTP: repeated with measure, refused in words, never with a secret in sight."""

from __future__ import annotations

import datetime as dt
import logging
import time
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from flext_pipelines.errors import (
    ConfigError,
    FlextError,
    ForbiddenError,
    InvalidMessageError,
    TimedOutError,
    UnavailableError,
)
from flext_pipelines.settings import Settings
from flext_pipelines.wms.cloud.calls import CloudCalls, retry_after
from flext_pipelines.wms.cloud.failures import STATUSES
from flext_pipelines.wms.cloud.options import cloud_options
from flext_pipelines.wms.cloud.pages import read_all
from flext_pipelines.wms.mock_server.making import make_server
from flext_pipelines.wms.mock_server.serving import Running, running
from tests.wms.cloud.conftest import PASSWORD, Cloud, client_of, options_of

if TYPE_CHECKING:
    from pathlib import Path


def test_throttling_is_waited_out(cloud: Cloud) -> None:
    """429 with Retry-After: as long as it asks, then the answer."""
    cloud.fault("too_many", times=2, retry_after="3", path="company")

    assert cloud.calls.read("company/") is not None
    assert cloud.waits == [3.0, 3.0]


def test_patience_has_an_end(cloud: Cloud) -> None:
    """After the last repetition the error says what the cloud said."""
    cloud.fault("too_many", times=9, path="company")

    with pytest.raises(UnavailableError, match="too many"):
        cloud.calls.read("company/")
    assert len(cloud.waits) == 2


def test_a_wait_beyond_our_patience_is_not_begun(cloud: Cloud) -> None:
    """Asked to be left alone for an hour, we leave it alone, and say so at once."""
    cloud.fault("unavailable", retry_after="3600", path="company")

    with pytest.raises(UnavailableError, match="3600") as caught:
        cloud.calls.read("company/")
    assert cloud.waits == []
    assert caught.value.details["retry_after"] == 3600


@pytest.mark.parametrize("kind", ["server_error", "unavailable", "dropped", "lost", "truncated", "html"])
def test_reading_is_repeated_after_what_may_pass(cloud: Cloud, kind: str) -> None:
    """A failure, a broken connection, half an answer or a web page in between does not end a reading."""
    cloud.fault(kind, path="company")

    assert cloud.calls.read("company/") is not None
    assert len(cloud.waits) == 1


@pytest.mark.parametrize(
    ("kind", "expected", "says"),
    [
        ("unauthorised", ConfigError, "FLEXT_WMS_CLOUD_PASSWORD"),
        ("forbidden", ForbiddenError, "eligible"),
        ("html", UnavailableError, "browser"),
        ("truncated", UnavailableError, "browser"),
        ("server_error", UnavailableError, "support"),
        ("refused", UnavailableError, "later"),
    ],
)
def test_an_answer_that_is_none_becomes_ours(cloud: Cloud, kind: str, expected: type[FlextError], says: str) -> None:
    """Each has its error, with advice that names what to do."""
    cloud.fault(kind, times=9, path="company")

    with pytest.raises(expected) as caught:
        cloud.calls.read("company/")
    assert says in caught.value.instruction


def test_a_slow_answer_is_a_time_out(server: Running) -> None:
    """Nothing waits for ever."""
    cloud = client_of(server, timeout_seconds=0.2, retries=0)
    cloud.fault("slow", seconds=2, path="company")

    with pytest.raises(TimedOutError) as caught:
        cloud.calls.read("company/")
    assert "FLEXT_WMS_CLOUD_TIMEOUT_SECONDS" in caught.value.instruction
    cloud.backend.close()


def test_wrong_credentials_are_not_tried_again(server: Running) -> None:
    """Wrong passwords lock accounts."""
    cloud = client_of(server, password=SecretStr("wrong-horse"))

    with pytest.raises(ConfigError) as caught:
        cloud.calls.read("company/")
    assert cloud.seen("company") == 1
    assert "wrong-horse" not in str(caught.value)
    cloud.backend.close()


def test_a_wrong_filter_is_refused_with_the_clouds_words(cloud: Cloud) -> None:
    """400: field and reason come through."""
    with pytest.raises(InvalidMessageError, match="no field nothing"):
        cloud.calls.read("company/", {"nothing": "1"})


def test_every_status_has_words() -> None:
    """Those that the documents name are told apart."""
    assert {400, 401, 403, 404, 409, 429} <= set(STATUSES)


def test_a_page_that_comes_twice_ends_a_reading(cloud: Cloud) -> None:
    """However the cloud says it: reading all rows ends with an error, not never."""
    cloud.fault("repeat", path="order_dtl", after=1)

    with pytest.raises(UnavailableError, match="same page"):
        list(read_all(cloud.calls, "order_dtl", {"ordering": "id"}))


def test_every_row_is_read_once(cloud: Cloud) -> None:
    """600 lines in pages of 500."""
    ids = [row["id"] for row in read_all(cloud.calls, "order_dtl", {"ordering": "id"})]

    assert len(ids) == len(set(ids)) == 600


# OAuth2


def token_client(server: Running, **more: Any) -> Cloud:
    """A client that logs in by OAuth2."""
    return client_of(
        server, user="", password=None, token_url=f"{server.url}/oauth2/v1/token", client_id="mock",
        client_secret=SecretStr(PASSWORD), **more,
    )  # fmt: skip


def test_one_token_serves_many_calls(server: Running) -> None:
    """It is fetched once, by the client's credentials."""
    cloud = token_client(server)

    for _ in range(3):
        assert cloud.calls.read("company/") is not None

    assert cloud.seen("oauth2") == 1
    assert {one.scheme for one in server.server.seen if "company" in one.path} == {"bearer"}
    cloud.backend.close()


def test_a_token_that_ended_is_renewed(server: Running) -> None:
    """A refused token is replaced once, and the call goes through."""
    cloud = token_client(server)
    cloud.calls.read("company/")
    server.server.gate.revoke_tokens()

    assert cloud.calls.read("company/") is not None
    assert cloud.seen("oauth2") == 2
    cloud.backend.close()


def test_a_token_is_renewed_before_it_ends(server: Running) -> None:
    """A short-lived one is not used up to its last moment, so that no call is refused."""
    server.server.gate.token_seconds = 1
    cloud = token_client(server)
    cloud.calls.read("company/")
    time.sleep(0.6)

    cloud.calls.read("company/")

    assert cloud.seen("oauth2") == 2
    assert 401 not in {one.status for one in server.server.seen}
    cloud.backend.close()


def test_a_wrong_client_is_a_wrong_setting(server: Running) -> None:
    """The token endpoint refuses: the advice names the client's settings, not the secret."""
    cloud = client_of(
        server, user="", password=None, token_url=f"{server.url}/oauth2/v1/token", client_id="mock",
        client_secret=SecretStr("wrong-horse"),
    )  # fmt: skip

    with pytest.raises(ConfigError) as caught:
        cloud.calls.read("company/")
    assert "FLEXT_WMS_CLOUD_CLIENT_SECRET" in caught.value.instruction
    assert "wrong-horse" not in str(caught.value)
    cloud.backend.close()


def test_a_token_endpoint_that_is_none_is_said_so(server: Running) -> None:
    """A URL that answers with something else than a token."""
    cloud = client_of(
        server, user="", password=None, token_url=f"{server.control_url}/health", client_id="mock",
        client_secret=SecretStr(PASSWORD),
    )  # fmt: skip

    with pytest.raises(ConfigError):
        cloud.calls.read("company/")
    cloud.backend.close()


# TLS


def test_a_certificate_of_its_own_authority_is_trusted_by_file(tmp_path: Path) -> None:
    """FLEXT_WMS_CLOUD_CA_FILE is what makes a site's own authority known."""
    made = make_server(password=SecretStr(PASSWORD))
    with running(made, folder=tmp_path, certificate_for="127.0.0.1") as server:
        cloud = client_of(server, ca_file=server.authority)
        assert cloud.calls.read("company/") is not None
        cloud.backend.close()


def test_a_certificate_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    """Nothing is sent to who cannot prove who it is, and it is not tried again."""
    made = make_server(password=SecretStr(PASSWORD))
    with running(made, folder=tmp_path, certificate_for="127.0.0.1") as server:
        cloud = client_of(server)
        with pytest.raises(ConfigError, match="prove who it is"):
            cloud.calls.read("company/")
        assert cloud.waits == []
        assert not server.server.seen
        cloud.backend.close()


def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    """A name that does not match is as good as no certificate."""
    made = make_server(password=SecretStr(PASSWORD))
    with running(made, folder=tmp_path, certificate_for="another.example") as server:
        cloud = client_of(server, ca_file=server.authority)
        with pytest.raises(ConfigError, match="prove who it is"):
            cloud.calls.read("company/")
        assert not server.server.seen
        cloud.backend.close()


# Secrets and settings


def test_no_secret_is_in_any_log(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    """With every logger at its most talkative, neither password, secret nor token is written."""
    caplog.set_level(logging.DEBUG)
    clients = [client_of(server), token_client(server), client_of(server, password=SecretStr("wrong-horse"))]
    for client in clients:
        client.fault("server_error", path="company")
        try:
            client.calls.read("company/")
            client.calls.legacy("get_next_numbers", {"counter_code": "X"}, change=True)
        except FlextError as error:
            caplog.records.append(logging.makeLogRecord({"msg": f"{error} {error.details}"}))
        client.backend.close()

    written = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    tokens = list(server.server.gate._tokens)
    assert caplog.records
    assert tokens
    for secret in (PASSWORD, "wrong-horse", *tokens):
        assert secret not in written


def test_options_print_no_secret(server: Running) -> None:
    """What can be printed of the options is masked."""
    options = options_of(server)

    assert PASSWORD not in repr(options)
    assert PASSWORD not in options.model_dump_json()


def test_the_settings_make_the_options(tmp_path: Path) -> None:
    """Each setting arrives."""
    settings = Settings(
        home=tmp_path, wms_cloud_url="https://x.wms.ocs.oraclecloud.com/t/", wms_cloud_user="u",
        wms_cloud_password=SecretStr("p"), wms_cloud_company="C", wms_cloud_facility="F",
    )  # fmt: skip

    options = cloud_options(settings)

    assert options.url == "https://x.wms.ocs.oraclecloud.com/t"
    assert (options.user, options.company, options.facility) == ("u", "C", "F")
    assert options.secrets == ("p",)


GOOD: dict[str, Any] = {
    "wms_cloud_url": "https://x.example/t",
    "wms_cloud_user": "u",
    "wms_cloud_password": SecretStr("p"),
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"wms_cloud_url": None}, "FLEXT_WMS_CLOUD_URL"),
        ({"wms_cloud_url": "http://x.example/t"}, "in the clear"),
        ({"wms_cloud_url": "ftp://x.example/t"}, "not an address"),
        ({"wms_cloud_url": "x.example"}, "not an address"),
        ({"wms_cloud_url": "https://u:hunter2@x.example/t"}, "holds a user or a password"),
        ({"wms_cloud_user": ""}, "neither"),
        ({"wms_cloud_password": None}, "neither"),
        ({"wms_cloud_token_url": "https://i.example/t", "wms_cloud_client_id": "c",
          "wms_cloud_client_secret": SecretStr("s")}, "both"),
        ({"wms_cloud_ca_file": "/no/such/file.pem"}, "no file"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused_at_once(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    """Before anything is sent, with the name of the setting and without a password."""
    with pytest.raises(ConfigError, match=says) as caught:
        cloud_options(Settings(home=tmp_path, **{**GOOD, **change}))
    assert "hunter2" not in str(caught.value)


def test_retry_after_is_a_number_or_a_date() -> None:
    """RFC 9110, 10.2.3; what is neither is passed over."""
    in_a_minute = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60)

    assert retry_after("7") == 7
    assert retry_after("") is None
    assert retry_after("soon") is None
    assert retry_after("-5") is None
    assert 55 < (retry_after(format_datetime(in_a_minute, usegmt=True)) or 0) <= 60
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0


def test_threads_may_share_a_client(cloud: Cloud) -> None:
    """Eight readers at once get eight answers."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: cloud.calls.read("company/"), range(16)))

    assert all(found)


def test_nothing_is_sent_when_a_client_is_made(server: Running) -> None:
    """Opening a backend connects to nothing."""
    calls = CloudCalls(options_of(server))

    assert not server.server.seen
    calls.close()
