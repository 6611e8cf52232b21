"""Where a directory is, and who binds there how.

What belongs here: the values of a connection, judged before anything connects. What does not: connecting.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from flext_pipelines.values import Value

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class DirectoryTarget(Value):
    """A directory server and the account that works on it.

    Attributes:
        url: ``ldap://host:port``, ``ldaps://host:port`` or ``ldapi://`` with an escaped path.
        bind_dn: Who binds; empty is anonymous.
        password: Of that account; never shown.
        start_tls: Upgrade an ``ldap://`` connection before the password is sent.
        ca_file: Certificates of authorities that are trusted instead of the system's.
        check_certificate: Whether the server must prove who it is.
        timeout_seconds: The longest wait for one answer.
        connect_seconds: The longest wait for a connection.
        patience_seconds: How long a server that does not answer is tried again.
    """

    url: str
    bind_dn: str = ""
    password: SecretStr | None = None
    start_tls: bool = False
    ca_file: Path | None = None
    check_certificate: bool = True
    timeout_seconds: float = Field(default=60, gt=0)
    connect_seconds: float = Field(default=10, gt=0)
    patience_seconds: float = Field(default=120, ge=0)

    @field_validator("url")
    @classmethod
    def _is_ldap_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"ldap", "ldaps", "ldapi"} or not parts.netloc:
            message = "a directory is ldap://host:port, ldaps://host:port or ldapi://%2Fpath%2Fof%2Fsocket"
            raise ValueError(message)
        if "@" in parts.netloc or parts.query or parts.path not in {"", "/"}:
            message = "the URL holds host and port only; the account is bind_dn, its password is never part of a URL"
            raise ValueError(message)
        return url.rstrip("/")

    @model_validator(mode="after")
    def _fits(self) -> DirectoryTarget:
        if self.start_tls and not self.url.startswith("ldap://"):
            message = "start_tls goes with ldap://"
            raise ValueError(message)
        return self

    @property
    def secured(self) -> bool:
        """Whether nobody on the way can read the password: TLS, a socket file, or this machine's loopback."""
        return self.start_tls or not self.url.startswith("ldap://") or urlsplit(self.url).hostname in LOOPBACK
