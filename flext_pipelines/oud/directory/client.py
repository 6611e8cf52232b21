"""python-ldap, imported when a directory is needed, and what of it is used.

What belongs here: the import, the shape of the library for the type checker, and the options of a new connection.
What does not: binding and asking (``connection``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from flext_pipelines.errors import ConfigError, NotFoundError

if TYPE_CHECKING:
    from types import ModuleType

    from flext_pipelines.oud.directory.target import DirectoryTarget

Values = Sequence[tuple[str, Sequence[bytes]]]
Steps = Sequence[tuple[int, str, Sequence[bytes] | None]]

_TLS_1_2 = 0x303


class LdapClient(Protocol):
    """What is used of python-ldap's ``LDAPObject``. Every method without ``_s`` gives the number of a request."""

    def set_option(self, option: int, value: object, /) -> None:
        """Set one of libldap's options."""

    def simple_bind(self, who: str, cred: str) -> int:
        """Ask to bind."""

    def start_tls_s(self) -> None:
        """Upgrade the connection."""

    def add_ext(self, dn: str, modlist: Values) -> int:
        """Ask to add an entry."""

    def modify_ext(self, dn: str, modlist: Steps) -> int:
        """Ask to modify one."""

    def delete_ext(self, dn: str) -> int:
        """Ask to delete one."""

    def rename(self, dn: str, newrdn: str, newsuperior: str | None, delold: int) -> int:
        """Ask to rename or move one."""

    def search_ext(
        self, base: str, scope: int, filterstr: str, attrlist: Sequence[str] | None, *, serverctrls: object = None
    ) -> int:
        """Ask for entries."""

    def abandon(self, msgid: int) -> None:
        """Forget a request."""

    def result4(self, msgid: int, all: int, timeout: float, add_ctrls: int = 0) -> tuple[Any, ...]:  # noqa: A002  python-ldap's own name
        """Type, data, number, controls ... of the next answer; raises the answer when it is an error."""

    def fileno(self) -> int:
        """The socket."""

    def unbind_ext(self) -> object:
        """Close."""


def library() -> ModuleType:
    """python-ldap.

    Raises:
        ConfigError: It is not installed; says how it is.
    """
    try:
        import ldap
    except ImportError as error:
        raise ConfigError(
            f"A live directory needs python-ldap, which is not installed here ({error})",
            "pip install 'flext-pipelines[oud]'; on Debian, apt-get install gcc python3-dev libldap-dev libsasl2-dev "
            "before that",
            {"package": "python-ldap"},
        ) from None
    return cast("ModuleType", ldap)


def new_client(target: DirectoryTarget) -> LdapClient:
    """A connection with its options set, which connects when it is first used.

    Raises:
        ConfigError: python-ldap is not installed.
        NotFoundError: There is no such file of certificates.
    """
    ldap = library()
    client = cast("LdapClient", ldap.initialize(target.url, bytes_strictness="error"))
    client.set_option(ldap.OPT_PROTOCOL_VERSION, 3)
    client.set_option(ldap.OPT_REFERRALS, 0)
    client.set_option(ldap.OPT_NETWORK_TIMEOUT, target.connect_seconds)
    client.set_option(ldap.OPT_TIMEOUT, target.timeout_seconds)
    client.set_option(ldap.OPT_RESTART, 1)
    client.set_option(ldap.OPT_X_KEEPALIVE_IDLE, 60)
    client.set_option(ldap.OPT_X_KEEPALIVE_PROBES, 3)
    client.set_option(ldap.OPT_X_KEEPALIVE_INTERVAL, max(1, math.ceil(target.timeout_seconds / 3)))
    if target.start_tls or target.url.startswith("ldaps"):
        _set_tls(client, ldap, target.ca_file, check=target.check_certificate)
    return client


def _set_tls(client: LdapClient, ldap: ModuleType, ca_file: Path | None, *, check: bool) -> None:
    if ca_file is not None:
        if not ca_file.is_file():
            raise NotFoundError(f"There is no file {ca_file}", "Check --ca-file", {"file": str(ca_file)})
        client.set_option(ldap.OPT_X_TLS_CACERTFILE, str(ca_file))
    client.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND if check else ldap.OPT_X_TLS_NEVER)
    client.set_option(ldap.OPT_X_TLS_PROTOCOL_MIN, _TLS_1_2)
    client.set_option(ldap.OPT_X_TLS_NEWCTX, 0)  # last: it makes the options above count
