"""Who we are to the cloud: a user and a password, or a token that is fetched and renewed."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import httpx

from flext_pipelines.errors import ConfigError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Generator

    from flext_pipelines.wms.cloud.options import CloudOptions

_EARLY_SECONDS = 30.0
"""A token is renewed before it ends, so that it does not end on its way."""
_USUAL_SECONDS = 300.0
"""Life of a token whose server does not say (RFC 6749, 5.1: ``expires_in`` is recommended only)."""


def credentials(options: CloudOptions) -> httpx.Auth:
    """What puts itself into every request."""
    if options.token_url:
        return ClientToken(options)
    assert options.password is not None
    return httpx.BasicAuth(options.user, options.password.get_secret_value())


class ClientToken(httpx.Auth):
    """OAuth2 client credentials (RFC 6749, 4.4): one token for all threads, renewed when it ends or is refused."""

    requires_response_body = True

    def __init__(self, options: CloudOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send with a token; a token that is refused is renewed, once."""
        token = yield from self._valid()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._forget(token)
            token = yield from self._valid()
            request.headers["Authorization"] = f"Bearer {token}"
            yield request

    def _valid(self) -> Generator[httpx.Request, httpx.Response, str]:
        with self._lock:
            if self._token and time.monotonic() < self._until:
                return self._token
        response = yield self._asking()
        response.read()
        return self._taken(response)

    def _forget(self, token: str) -> None:
        with self._lock:
            if self._token == token:
                self._token = ""

    def _asking(self) -> httpx.Request:
        options = self._options
        assert options.token_url is not None
        assert options.client_secret is not None
        form = {"grant_type": "client_credentials"} | ({"scope": options.scope} if options.scope else {})
        request = httpx.Request("POST", options.token_url, data=form, headers={"Accept": "application/json"})
        basic = httpx.BasicAuth(options.client_id, options.client_secret.get_secret_value())
        return next(basic.auth_flow(request))

    def _taken(self, response: httpx.Response) -> str:
        place = str(self._options.token_url)
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or response.status_code == 429:
            raise UnavailableError(
                f"The token endpoint {place} does not answer as it should (HTTP {response.status_code})",
                "Try again later",
                {"url": place, "status": response.status_code},
            )
        if response.status_code != httpx.codes.OK:
            raise ConfigError(
                f"The token endpoint {place} refuses the OAuth2 client (HTTP {response.status_code})",
                "Check FLEXT_WMS_CLOUD_CLIENT_ID, FLEXT_WMS_CLOUD_CLIENT_SECRET and FLEXT_WMS_CLOUD_SCOPE",
                {"url": place, "status": response.status_code},
            )
        token, seconds = _token_in(response)
        if not token:
            raise ConfigError(
                f"What the token endpoint {place} answers is no token",
                "Check FLEXT_WMS_CLOUD_TOKEN_URL",
                {"url": place},
            )
        with self._lock:
            self._token = token
            self._until = time.monotonic() + max(seconds - _EARLY_SECONDS, seconds / 2)
        return token


def _token_in(response: httpx.Response) -> tuple[str, float]:
    try:
        body = response.json()
    except ValueError:
        return "", 0.0
    token = body.get("access_token") if isinstance(body, dict) else None
    seconds = body.get("expires_in") if isinstance(body, dict) else None
    return (
        token if isinstance(token, str) else "",
        float(seconds) if isinstance(seconds, (int, float)) and seconds > 0 else _USUAL_SECONDS,
    )
