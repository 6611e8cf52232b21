"""The client of the lgfapi: one request at a time per thread, retried where that can help, refused where it cannot.

A session of ``requests`` belongs to one thread, so every thread has its own. What the server says about waiting (429)
holds for all of them: see ``_Throttle``.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec
import requests
from singer_columnar.errors import SettingsError, TapError

from tap_oracle_wms.answers import clock, documented, innermost, retry_after, words_of
from tap_oracle_wms.credentials import BasicCredentials, Credentials, OAuthCredentials, check_settings
from tap_oracle_wms.errors import (
    AccessDeniedError,
    AnswerMalformedError,
    CertificateError,
    EntityMissingError,
    RequestRefusedError,
    ServerFailedError,
    ThrottledError,
    UnreachableError,
)
from tap_oracle_wms.settings import DEFAULT_RETRY_AFTER

if TYPE_CHECKING:
    import datetime as dt
    import decimal
    import logging
    from collections.abc import Callable, Mapping

    from singer_columnar.stopping import StopSignal

API: Final = "wms/lgfapi/v10/entity"
_LONGEST_WAIT: Final = 60.0
_CONNECT_SECONDS: Final = 30.0

Params = dict[str, str]


@dataclass(frozen=True)
class Answer:
    """A JSON object that the server sent.

    Attributes:
        body: The object.
        clock: The server's time when it answered, or None when it did not say.
    """

    body: dict[str, Any]
    clock: dt.datetime | None


class _Throttle:
    """Until when nobody may ask, because the server said so."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0

    def hold(self, seconds: float) -> None:
        with self._lock:
            self._until = max(self._until, time.monotonic() + seconds)

    def wait(self, stop: StopSignal) -> None:
        while (rest := self._until - time.monotonic()) > 0:
            stop.sleep(rest)


class _TryAgainError(Exception):
    """Inside this module only: a failure that may pass, as the error to raise when it does not."""

    def __init__(self, error: TapError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


class WmsClient:
    """Asks the server of the settings.

    Args:
        config: The tap's settings.
        stop: Ends all waiting.
        logger: Where retries are told of.

    Raises:
        SettingsError: The settings do not say where, or as whom.
    """

    def __init__(self, config: Mapping[str, Any], stop: StopSignal, logger: logging.Logger) -> None:
        parts = urlsplit(str(config.get("base_url") or ""))
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise SettingsError(
                "base_url is not the address of a server",
                "Give it as https://instance.wms.ocs.oraclecloud.com/tenant, without a query.",
            )
        if parts.username or parts.password:
            raise SettingsError("base_url holds credentials", "Move them to the settings username and password.")
        check_settings(config)
        if config.get("ca_file") and not Path(str(config["ca_file"])).is_file():
            raise SettingsError("ca_file does not exist", "Name a file of certificate authorities in PEM form.")
        self._root = f"{parts.geturl().rstrip('/')}/{API}"
        self._config = config
        self._stop = stop
        self._logger = logger
        self._throttle = _Throttle()
        self._local = threading.local()
        self._decoder = msgspec.json.Decoder(float_hook=_decimal)
        # With each request: a session's own is overruled by REQUESTS_CA_BUNDLE.
        self._verify: str | bool = str(config["ca_file"]) if config.get("ca_file") else True
        self._credentials = self._make_credentials()

    def _make_credentials(self) -> Credentials:
        if self._config.get("auth_method", "basic") == "oauth2":
            return OAuthCredentials(self._fetch_token)
        return BasicCredentials(self._config["username"], self._config["password"])

    # Asking

    def entities(self) -> list[str]:
        """The names of all entities, sorted."""
        answer = self._retried("the list of entities", lambda: self._get(self._root + "/", {}, "the list of entities"))
        if answer is None:
            raise SettingsError(
                f"There is no WMS at {self._root}/ (HTTP 404)", "Check base_url, its last part is the tenant."
            )
        listed = answer.body.get("results", answer.body)
        return sorted(one if isinstance(one, str) else str(one.get("name")) for one in listed)

    def describe(self, entity: str) -> dict[str, Any]:
        """The metadata of an entity.

        Raises:
            EntityMissingError: The server does not know it.
        """
        where = f"the metadata of entity '{entity}'"
        answer = self._retried(where, lambda: self._get(f"{self._root}/{entity}/describe/", {}, where))
        if answer is None:
            raise EntityMissingError(
                f"The server does not know entity '{entity}' (HTTP 404)",
                "Correct the setting entities, or run discovery again (with Meltano: --refresh-catalog).",
            )
        return answer.body

    def page(self, entity: str, params: Params) -> Answer | None:
        """One page of an entity's rows; None when there is no row (the server's 404).

        Raises:
            TapError: The server refuses, or fails more often than retries are allowed.
        """
        where = f"entity '{entity}'"
        answer = self._retried(where, lambda: self._get(f"{self._root}/{entity}/", params, where))
        if answer is not None and not isinstance(answer.body.get("results"), list):
            raise AnswerMalformedError(
                f"The answer for {where} has no list of results", "Check base_url; a proxy may answer in its place."
            )
        return answer

    def _retried(self, where: str, ask: Callable[[], Answer | None]) -> Answer | None:
        most = int(self._config.get("max_retries", 5))
        wait = float(self._config.get("backoff_seconds", 1))
        for attempt in range(most + 1):
            self._throttle.wait(self._stop)
            try:
                return ask()
            except _TryAgainError as failure:
                if attempt == most:
                    raise failure.error from failure
                seconds = min(wait * 2**attempt, _LONGEST_WAIT) if failure.wait is None else failure.wait
                self._logger.warning(
                    "Reading %s failed, trying again in %.1f s (%d of %d): %s",
                    where, seconds, attempt + 1, most, failure.error.reason,
                )  # fmt: skip
                if failure.wait is None:
                    self._stop.sleep(seconds)
        raise AssertionError("unreachable")

    def _get(self, url: str, params: Params, where: str) -> Answer | None:
        header = self._credentials.header()
        response = self._send(url, params, where, header)
        if response.status_code == 401 and self._credentials.renew(header):
            response = self._send(url, params, where, self._credentials.header())
        if response.status_code == 404 and documented(response):
            return None
        self._check_status(response, where)
        return Answer(self._decoded(response, where), clock(response))

    def _send(self, url: str, params: Params, where: str, header: str) -> requests.Response:
        try:
            return self._session().get(
                url,
                params=params,
                headers={"Authorization": header, "Accept": "application/json"},
                timeout=(_CONNECT_SECONDS, float(self._config.get("timeout", 600))),
                verify=self._verify,
                # A redirect leads to a login page or another host, which must not see the credentials.
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise _explained(error, where, self._root) from error

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            # Without an auth of its own, requests would put what .netrc knows of the host over our header.
            session.auth = _no_auth
            self._local.session = session
        return session

    # Answers

    def _check_status(self, response: requests.Response, where: str) -> None:
        status = response.status_code
        if status == 200:
            return
        said = words_of(response)
        if status == 429:
            seconds = retry_after(response, float(self._config.get("retry_after_seconds", DEFAULT_RETRY_AFTER)))
            self._throttle.hold(seconds)
            error: TapError = ThrottledError(
                f"The server throttles us while reading {where} (HTTP 429)", "Lower concurrency, or raise max_retries."
            )
            raise _TryAgainError(error, wait=seconds)
        if status >= 500:
            error = ServerFailedError(
                f"The server failed while reading {where} (HTTP {status}){said}",
                "Run again later: it goes on from the last STATE that the target stored.",
            )
            after = retry_after(response, -1)
            if after >= 0:
                self._throttle.hold(after)
            raise _TryAgainError(error, wait=after if after >= 0 else None)
        if status in {401, 403}:
            raise AccessDeniedError(
                f"The server does not let us read {where} (HTTP {status}){said}",
                "Check username and password, or the OAuth client."
                if status == 401
                else "Give the user the right to it and eligibility for facility and company, or deselect the stream.",
            )
        if status in {301, 302, 303, 307, 308}:
            raise SettingsError(
                f"The server sends us elsewhere for {where} (HTTP {status})", "Set base_url to where it sends browsers."
            )
        if status == 404:
            raise SettingsError(
                f"Something that is no WMS answered for {where} (HTTP 404)",
                "Check base_url, its last part is the tenant.",
            )
        raise RequestRefusedError(
            f"The server refuses to read {where} (HTTP {status}){said}",
            "Check filters, replication_key and page_size, or run discovery again.",
        )

    def _decoded(self, response: requests.Response, where: str) -> dict[str, Any]:
        try:
            body = self._decoder.decode(response.content)
        except (msgspec.DecodeError, UnicodeError) as error:
            kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
            is_page = response.content.lstrip()[:1] == b"<"
            raise _TryAgainError(
                AnswerMalformedError(
                    f"The answer for {where} is not JSON but {kind}: {'a web page' if is_page else 'cut or damaged'}",
                    "Check base_url and whether a login page or a proxy answers in the server's place."
                    if is_page
                    else "Run again; a proxy or the network cuts answers short.",
                )
            ) from error
        if isinstance(body, list):
            return {"results": body}
        if not isinstance(body, dict):
            raise AnswerMalformedError(f"The answer for {where} is not an object", "Check base_url.")
        if str(body.get("success", "true")).lower() == "false":
            raise RequestRefusedError(
                f"The server refuses to read {where} (success False in HTTP 200){words_of(response)}",
                "Check the user's rights and the settings company_code and facility_code.",
            )
        return body

    def _fetch_token(self) -> Mapping[str, Any]:
        config, where = self._config, "the token endpoint"
        form = {"grant_type": "client_credentials"}
        if config.get("oauth_scope"):
            form["scope"] = str(config["oauth_scope"])
        basic = BasicCredentials(config["oauth_client_id"], config["oauth_client_secret"]).header()

        def ask() -> Answer:
            try:
                response = self._session().post(
                    str(config["oauth_token_url"]), data=form, headers={"Authorization": basic},
                    timeout=_CONNECT_SECONDS, allow_redirects=False, verify=self._verify,
                )  # fmt: skip
            except requests.RequestException as error:
                raise _explained(error, where, str(config["oauth_token_url"])) from error
            if response.status_code in {400, 401, 403, 404}:
                raise AccessDeniedError(
                    f"The token endpoint refuses us (HTTP {response.status_code})",
                    "Check oauth_token_url, oauth_client_id, oauth_client_secret and oauth_scope.",
                )
            self._check_status(response, where)
            return Answer(self._decoded(response, where), None)

        answer = self._retried(where, ask)
        return {} if answer is None else answer.body


def next_params(entity_params: Params, link: object) -> Params | None:
    """The parameters of the next page.

    The link's host and path are left alone, which a proxy may have got wrong, and which would see our credentials.

    Args:
        entity_params: Our own parameters of the page before.
        link: The page's ``next_page``; empty on the last one.

    Returns:
        Our parameters with the link's cursor or page number; None after the last page.
    """
    if not link:
        return None
    given = dict(parse_qsl(urlsplit(str(link)).query))
    place: Params = {name: given[name] for name in ("cursor", "page") if name in given}
    own = {name: value for name, value in entity_params.items() if name not in {"cursor", "page"}}
    return {**own, **place}


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _decimal(text: str) -> decimal.Decimal:
    import decimal

    return decimal.Decimal(text)


def _explained(error: requests.RequestException, where: str, url: str) -> Exception:
    host = urlsplit(url).netloc
    if isinstance(error, requests.exceptions.SSLError):
        return CertificateError(
            f"The certificate of {host} is not one to trust: {innermost(error)}",
            "Check the host in base_url; name a private authority by ca_file.",
        )
    timed_out = isinstance(error, requests.exceptions.Timeout)
    said = "it did not answer in time" if timed_out else innermost(error)
    return _TryAgainError(
        UnreachableError(
            f"{host} could not be read from while reading {where}: {said}",
            "Check base_url and the network; then run again: it goes on from the last STATE that the target stored.",
        )
    )
