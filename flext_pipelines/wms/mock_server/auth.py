"""Who asks: basic authentication, OAuth 2 bearer tokens, and what the user is eligible for."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flext_pipelines.wms.mock_server.problems import NotAllowedError, NotLoggedInError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

TOKEN_SECONDS = 3600


@dataclass(frozen=True)
class User:
    """Who may log in.

    Attributes:
        name: User name, or OAuth client id.
        password: Password, or OAuth client secret.
        facilities: Codes of the facilities the user is eligible for; empty: all.
        stage_interface: Whether the user may use the stage interface (``can_run_ws_stage_interface``).
    """

    name: str
    password: SecretStr
    facilities: frozenset[str] = frozenset()
    stage_interface: bool = True


@dataclass
class Gate:
    """Checks credentials and hands out tokens.

    Attributes:
        users: Everybody who may log in.
        token_seconds: How long a token is valid.
    """

    users: tuple[User, ...]
    token_seconds: float = TOKEN_SECONDS
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict, repr=False)

    def user_of(self, authorization: str) -> User:
        """The user of an ``Authorization`` header.

        Raises:
            NotLoggedInError: It names nobody, the password is wrong, or the token has expired.
        """
        scheme, _, rest = authorization.partition(" ")
        if scheme.lower() == "bearer":
            name, until = self._tokens.get(rest.strip(), ("", 0.0))
            if time.monotonic() < until:
                return self._named(name)
        elif scheme.lower() == "basic":
            name, password = _basic(rest.strip())
            return self._with_password(name, password)
        raise NotLoggedInError

    def token(self, authorization: str, form: Mapping[str, str]) -> dict[str, object]:
        """The answer of the token endpoint to grants of type ``client_credentials`` and ``password``.

        Raises:
            NotLoggedInError: Unknown client, wrong secret, or another grant type.
        """
        if authorization.lower().startswith("basic "):
            name, password = _basic(authorization[6:].strip())
        else:
            name, password = form.get("client_id", ""), form.get("client_secret", "")
        user = self._with_password(name, password)
        if form.get("grant_type") == "password":
            user = self._with_password(form.get("username", ""), form.get("password", ""))
        elif form.get("grant_type") != "client_credentials":
            raise NotLoggedInError
        made = secrets.token_urlsafe(32)
        self._tokens[made] = (user.name, time.monotonic() + self.token_seconds)
        return {"access_token": made, "token_type": "Bearer", "expires_in": int(self.token_seconds)}

    def revoke_tokens(self) -> None:
        """Make every token invalid, as if its time were over."""
        self._tokens.clear()

    def _with_password(self, name: str, password: str) -> User:
        user = next((one for one in self.users if one.name == name), None)
        known = user.password.get_secret_value() if user else ""
        if user is None or not hmac.compare_digest(known.encode(), password.encode()):
            raise NotLoggedInError
        return user

    def _named(self, name: str) -> User:
        return next(one for one in self.users if one.name == name)


def check_facility(user: User, code: str) -> None:
    """Make sure that the user may work in a facility.

    Raises:
        NotAllowedError: Not in this one.
    """
    if user.facilities and code not in user.facilities:
        raise NotAllowedError(f"User is not eligible for facility '{code}'.")


def _basic(text: str) -> tuple[str, str]:
    try:
        name, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeError):
        raise NotLoggedInError from None
    return name, password
