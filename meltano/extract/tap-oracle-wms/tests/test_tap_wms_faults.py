"""Everything that a server does on a bad day: retried where that can help, said in one line where it cannot."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from singer_columnar.errors import SettingsError, TapError
from tap_running import run, sync
from tap_wms_server import PASSWORD, WmsServer, running_server

from tap_oracle_wms.errors import (
    AccessDeniedError,
    AnswerMalformedError,
    CertificateError,
    PageRepeatedError,
    RequestRefusedError,
    ServerFailedError,
    ThrottledError,
    UnreachableError,
)

PAGES = "item/?page_mode=sequenced&page_size=10&ordering"


def _config(wms: WmsServer, **more: object) -> dict[str, object]:
    return wms.config("item", page_size=10, use_metadata_only=True, **more)


@pytest.mark.parametrize("kind", ["too_many", "server_error", "unavailable", "truncated", "dropped", "html", "lost"])
def test_a_fault_that_passes_costs_no_row(wms: WmsServer, kind: str) -> None:
    """Throttled, failed, cut short, a maintenance page: asked again, and every row comes exactly once."""
    wms.fault(kind, times=2, after=1, path=PAGES, retry_after="0")

    ids = [record["id"] for record in sync(_config(wms)).records]

    assert sorted(ids) == wms.ids("item")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("too_many", ThrottledError, "throttles us"),
        ("server_error", ServerFailedError, "HTTP 500"),
        ("unavailable", ServerFailedError, "HTTP 503"),
        ("truncated", AnswerMalformedError, "cut or damaged"),
        ("html", AnswerMalformedError, "a web page"),
        ("dropped", UnreachableError, "could not be read from"),
    ],
)
def test_a_fault_that_stays_ends_the_run_with_its_name(
    wms: WmsServer, kind: str, error: type[TapError], said: str
) -> None:
    """After as many retries as the setting allows, with what to do next."""
    wms.fault(kind, times=100, path=PAGES, retry_after="0")

    with pytest.raises(error, match=said):
        sync(_config(wms, max_retries=2, concurrency=1))

    assert len(wms.seen(PAGES)) == 3


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("unauthorised", AccessDeniedError, "HTTP 401"),
        ("forbidden", AccessDeniedError, "HTTP 403"),
        ("refused", RequestRefusedError, "success False"),
    ],
)
def test_what_trying_again_cannot_help_is_not_tried_again(
    wms: WmsServer, kind: str, error: type[TapError], said: str
) -> None:
    """Wrong credentials, missing rights, ``success`` False inside HTTP 200: one request, one error."""
    wms.fault(kind, times=100, path=PAGES)

    with pytest.raises(error, match=said):
        sync(_config(wms, concurrency=1))

    assert len(wms.seen(PAGES)) == 1


@pytest.mark.parametrize("mode", ["sequenced", "paged"])
def test_a_page_that_repeats_is_an_error_and_no_endless_loop(wms: WmsServer, mode: str) -> None:
    """The server links a page to itself: the second time it comes, the run ends."""
    wms.fault("repeat", times=1000, path=f"item/?page_mode={mode}&page_size=10&ordering")

    with pytest.raises(PageRepeatedError, match="reading on would never end"):
        sync(_config(wms, page_mode=mode, concurrency=1))


def test_retry_after_holds_for_everybody(wms: WmsServer) -> None:
    """While one window waits because the server said so, no other one asks."""
    wms.fault("too_many", times=1, after=3, path="order_dtl/?page_mode=sequenced", retry_after="1")

    output = sync(wms.config("order_dtl", page_size=20, concurrency=4, use_metadata_only=True))

    assert sorted(record["id"] for record in output.records) == wms.ids("order_dtl")
    seen = wms.seen("order_dtl/?page_mode=sequenced")
    throttled = next(place for place, one in enumerate(seen) if one["status"] == 429)
    assert len(seen) - throttled > 4


def test_a_certificate_is_trusted_only_with_its_authority(tmp_path: Path) -> None:
    """A private authority must be named; without that nothing is read, and nothing is tried again."""
    authority = str(tmp_path / "authority.pem")
    with running_server(
        "--certificate-for", "127.0.0.1", "--certificate-folder", str(tmp_path), "--orders", "10"
    ) as server:
        assert sync(server.config("item", ca_file=authority)).records
        with pytest.raises(CertificateError, match="not one to trust"):
            sync(server.config("item"))


def test_a_certificate_for_another_host_is_refused(tmp_path: Path) -> None:
    """The authority is trusted, but the name in the certificate is not the host's."""
    authority = str(tmp_path / "authority.pem")
    options = ("--certificate-for", "other.example", "--certificate-folder", str(tmp_path), "--orders", "10")
    with (
        running_server(*options) as server,
        pytest.raises(CertificateError, match=r"not valid for '127\.0\.0\.1'"),
    ):
        sync(server.config("item", ca_file=authority))


def test_nobody_there_is_said_with_the_host() -> None:
    """A refused connection names host and port, and is tried as often as allowed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(UnreachableError, match=rf"127\.0\.0\.1:{port} could not be read from"):
        sync({"base_url": f"http://127.0.0.1:{port}/x", "username": "u", "password": "p", "max_retries": 1,
              "backoff_seconds": 0.01})  # fmt: skip


def test_a_wrong_tenant_is_no_empty_warehouse(wms: WmsServer) -> None:
    """A web server's own 404 is not the API's "no rows"."""
    with pytest.raises(SettingsError, match="HTTP 404"):
        sync({**wms.config("item"), "base_url": wms.url.replace("/mock", "/other")})


def test_an_unknown_entity_is_named_with_its_neighbours(wms: WmsServer) -> None:
    """A slip of the pen in ``entities`` shows what was meant."""
    with pytest.raises(SettingsError, match=r"'order_hd'.*Did you mean order_hdr"):
        sync(wms.config("order_hd"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"base_url": "ftp://x"}, "not the address of a server"),
        ({"base_url": "https://user:secret@host/tenant"}, "holds credentials"),
        ({"password": ""}, "needs password"),
        ({"auth_method": "oauth2"}, "needs oauth_token_url and oauth_client_id and oauth_client_secret"),
        ({"timezone": "Mars/Base"}, "is no zone"),
        ({"start_date": "soon"}, "is not a date"),
        ({"ca_file": "/nowhere/ca.pem", "base_url": "https://127.0.0.1:1/x"}, "ca_file does not exist"),
    ],
)
def test_a_wrong_setting_is_named(wms: WmsServer, change: dict[str, object], said: str) -> None:
    """Before anything is read where that is possible, and without its value where that is secret."""
    with pytest.raises(SettingsError, match=said) as raised:
        sync({**wms.config("item"), **change})

    assert "secret@" not in str(raised.value)


def test_oauth_tokens_are_had_renewed_and_used(wms: WmsServer) -> None:
    """By client credentials; a token that was revoked in the middle is renewed once, without a lost row."""
    import requests

    config = {
        **wms.config("item", page_size=10, use_metadata_only=True), "auth_method": "oauth2",
        "oauth_token_url": f"{wms.url}/oauth2/v1/token", "oauth_client_id": "mock", "oauth_client_secret": PASSWORD,
    }  # fmt: skip
    wms.fault("unauthorised", times=1, after=2, path=PAGES)
    requests.delete(f"{wms.control}/tokens", timeout=10)

    output = sync(config)

    assert sorted(record["id"] for record in output.records) == wms.ids("item")
    assert {one["scheme"] for one in wms.seen(PAGES)} == {"bearer"}
    assert len(wms.seen("oauth2")) == 2


@pytest.mark.process
def test_no_secret_is_ever_printed(wms: WmsServer, tmp_path: Path) -> None:
    """Neither by a run that works nor by one that is refused, on either output, at any log level."""
    secret = "hunter2-but-longer"
    ended = run(tmp_path, wms.config("item", password=secret))

    assert ended.code == 1
    assert "AccessDeniedError" in ended.log
    assert secret not in ended.log + ended.output
    assert "Traceback" not in ended.log
