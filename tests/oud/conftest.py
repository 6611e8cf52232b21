"""Directory servers that several rooms of the tests use.

What belongs here: one server of a kind for each worker of a test session. What does not: what is in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.ldap_servers import Ds389, LdapServerMissingError, Slapd, ds389_server, slapd_server


@pytest.fixture(scope="session")
def ds389_instance() -> Iterator[Ds389]:
    """389 Directory Server, started when the first test of this process needs it. Clear it before and after."""
    try:
        with ds389_server() as server:
            yield server
    except LdapServerMissingError as error:
        missing(error)


@pytest.fixture
def slapd() -> Iterator[Slapd]:
    """An OpenLDAP server of this test alone; it starts in a tenth of a second."""
    try:
        with slapd_server() as server:
            yield server
    except LdapServerMissingError as error:
        missing(error)


def missing(error: LdapServerMissingError) -> None:
    """Skip with the name of what is not there; in CI it must be."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(error))
    pytest.skip(str(error))
