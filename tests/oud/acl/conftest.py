"""A running 389 Directory Server with the small directory of ``policies`` in it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.ldap_servers import Ds389, LdapServerMissingError, ds389_server
from tests.oud.acl.policies import BASE, ENTRIES


@pytest.fixture(scope="session")
def ds389() -> Iterator[Ds389]:
    """The server, started when the first test of this process needs it. In CI it must be there."""
    try:
        with ds389_server() as server:
            for entry in ENTRIES:
                if entry.dn != BASE:
                    lines = [f"{name}: {value}" for name, values in entry.attributes.items() for value in values]
                    known = [line for line in lines if "orcl" not in line]
                    surname = ["sn: x"] if "person" in entry.values("objectclass") else []
                    record = [f"dn: {entry.dn}", "changetype: add", "objectClass: extensibleObject", *surname, *known]
                    server.modify("\n".join(record) + "\n")
            yield server
    except LdapServerMissingError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
