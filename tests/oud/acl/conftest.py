"""A running 389 Directory Server with the small directory of ``policies`` in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ldap_servers import Ds389
from tests.oud.acl.policies import BASE, ENTRIES


@pytest.fixture(scope="module")
def ds389(ds389_instance: Ds389) -> Iterator[Ds389]:
    """The server with the entries of the policies, for the tests of one module."""
    ds389_instance.clear()
    for entry in ENTRIES:
        if entry.dn != BASE:
            lines = [f"{name}: {value}" for name, values in entry.attributes.items() for value in values]
            known = [line for line in lines if line != "objectclass: orcluser"]  # any attribute, but no such class
            surname = ["sn: x"] if "person" in entry.values("objectclass") else []
            record = [f"dn: {entry.dn}", "changetype: add", "objectClass: extensibleObject", *surname, *known]
            ds389_instance.modify("\n".join(record) + "\n")
    yield ds389_instance
    ds389_instance.clear()
