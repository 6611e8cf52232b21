"""Where the cloud is, and who we are there."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from flext_pipelines.errors import ConfigError
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from flext_pipelines.settings import Settings


class CloudOptions(Value):
    """How Oracle WMS Cloud is reached.

    Attributes:
        url: ``https://<instance>.wms.ocs.oraclecloud.com/<tenant>``, without a slash at its end.
        user: User of basic authentication; empty with OAuth2.
        password: Password of that user.
        token_url: OAuth2 token endpoint.
        client_id: OAuth2 client.
        client_secret: Secret of the OAuth2 client.
        scope: OAuth2 scope to ask for.
        facility: Facility of requests that name none, by code.
        company: Company of requests that name none, by code.
        timeout_seconds: Longest wait for one answer.
        retries: How often a call that may be repeated is repeated.
        retry_wait_seconds: Longest wait before one repetition.
        ca_file: Certificates to trust instead of the system's.
    """

    url: str
    user: str = ""
    password: SecretStr | None = None
    token_url: str | None = None
    client_id: str = ""
    client_secret: SecretStr | None = None
    scope: str = ""
    facility: str | None = None
    company: str | None = None
    timeout_seconds: float = 60
    retries: int = 3
    retry_wait_seconds: float = 60
    ca_file: Path | None = None

    @property
    def place(self) -> str:
        """Where it is, for people: no user, no password."""
        return self.url

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be seen."""
        given = (self.password, self.client_secret)
        return tuple(secret.get_secret_value() for secret in given if secret is not None and secret.get_secret_value())


def cloud_options(settings: Settings) -> CloudOptions:
    """The options of the settings ``FLEXT_WMS_CLOUD_*``.

    Raises:
        ConfigError: An address is missing or may not be used, or it is not said who we are.
    """
    if not settings.wms_cloud_url:
        raise ConfigError(
            "FLEXT_WMS_BACKEND is cloud, but FLEXT_WMS_CLOUD_URL is not set",
            "Set it to https://<instance>.wms.ocs.oraclecloud.com/<tenant>; `flext wms mock-server` is one to try with",
        )
    options = CloudOptions(
        url=_address("FLEXT_WMS_CLOUD_URL", settings.wms_cloud_url),
        user=settings.wms_cloud_user,
        password=settings.wms_cloud_password,
        token_url=_address("FLEXT_WMS_CLOUD_TOKEN_URL", settings.wms_cloud_token_url)
        if settings.wms_cloud_token_url
        else None,
        client_id=settings.wms_cloud_client_id,
        client_secret=settings.wms_cloud_client_secret,
        scope=settings.wms_cloud_scope,
        facility=settings.wms_cloud_facility,
        company=settings.wms_cloud_company,
        timeout_seconds=settings.wms_cloud_timeout_seconds,
        retries=settings.wms_cloud_retries,
        retry_wait_seconds=settings.wms_cloud_retry_wait_seconds,
        ca_file=settings.wms_cloud_ca_file,
    )
    _check_credentials(options)
    if options.ca_file is not None and not options.ca_file.is_file():
        raise ConfigError(
            f"FLEXT_WMS_CLOUD_CA_FILE names {options.ca_file}, which is no file",
            "Name a file of certificates in PEM, or leave the setting out to trust the system's",
        )
    return options


def _check_credentials(options: CloudOptions) -> None:
    basic = bool(options.user) and options.password is not None
    token = bool(options.token_url) and bool(options.client_id) and options.client_secret is not None
    if basic == token:
        what = "both a user and an OAuth2 client" if basic else "neither a user nor an OAuth2 client in full"
        raise ConfigError(
            f"The settings of Oracle WMS Cloud give {what}",
            "Set FLEXT_WMS_CLOUD_USER and FLEXT_WMS_CLOUD_PASSWORD, or FLEXT_WMS_CLOUD_TOKEN_URL, "
            "FLEXT_WMS_CLOUD_CLIENT_ID and FLEXT_WMS_CLOUD_CLIENT_SECRET",
        )


def _address(name: str, text: str) -> str:
    """A URL that a password may travel to."""
    parts = urlsplit(text)
    if parts.username or parts.password:
        raise ConfigError(
            f"{name} holds a user or a password", "Put them into FLEXT_WMS_CLOUD_USER and FLEXT_WMS_CLOUD_PASSWORD"
        )
    if parts.query or parts.fragment or not parts.hostname or parts.scheme not in {"https", "http"}:
        raise ConfigError(
            f"{name} is not an address: {text}", "Write https://<instance>.wms.ocs.oraclecloud.com/<tenant>"
        )
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ConfigError(
            f"{name} is http: passwords would travel in the clear", "Write https://; http is for loopback only"
        )
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
