"""Who we are to the server: a user with a password, or an OAuth 2 client with tokens that run out."""

from __future__ import annotations

import base64
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from singer_columnar.errors import SettingsError

from tap_oracle_wms.errors import AccessDeniedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_EARLY_SECONDS = 60
"""A token is renewed so many seconds before it runs out, that no request finds it expired on its way."""


class Credentials(Protocol):
    """Gives the ``Authorization`` header."""

    def header(self) -> str:
        """Its value for the next request."""
        ...

    def renew(self, refused: str) -> bool:
        """Whether there is another value to try, after the server has refused one."""
        ...


class BasicCredentials:
    """User name and password."""

    def __init__(self, username: str, password: str) -> None:
        self._header = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()

    def header(self) -> str:
        """Always the same."""
        return self._header

    def renew(self, refused: str) -> bool:
        """No other password will come."""
        del refused
        return False


class OAuthCredentials:
    """Tokens by client credentials, shared by all threads.

    Args:
        fetch: Gets a fresh answer of the token endpoint.
    """

    def __init__(self, fetch: Callable[[], Mapping[str, Any]]) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._header = ""
        self._until = 0.0

    def header(self) -> str:
        """The token, renewed when it has run out or is about to."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._take()
            return self._header

    def renew(self, refused: str) -> bool:
        """Get another token, unless another thread has one already; a fresh one that is refused is refused for good."""
        with self._lock:
            if self._header == refused:
                self._take()
            return self._header != refused

    def _take(self) -> None:
        answer = self._fetch()
        token = answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise AccessDeniedError(
                "The token endpoint answered without an access_token", "Check oauth_token_url and oauth_scope."
            )
        lasts = float(answer.get("expires_in") or 300)
        self._until = time.monotonic() + max(lasts - _EARLY_SECONDS, lasts / 2)
        self._header = f"Bearer {token}"


def check_settings(config: Mapping[str, Any]) -> None:
    """Make sure that the settings say who we are.

    Raises:
        SettingsError: One is missing.
    """
    oauth = config.get("auth_method", "basic") == "oauth2"
    needed = ("oauth_token_url", "oauth_client_id", "oauth_client_secret") if oauth else ("username", "password")
    missing = [name for name in needed if not config.get(name)]
    if missing:
        raise SettingsError(
            f"auth_method {'oauth2' if oauth else 'basic'} needs {' and '.join(missing)}",
            "Set it, a secret by its environment variable: "
            + ", ".join(f"TAP_ORACLE_WMS_{name.upper()}" for name in missing),
        )
