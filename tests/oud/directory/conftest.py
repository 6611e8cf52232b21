"""Both servers as targets, empty, and the files of a migration of the sample."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from flext_pipelines.oud.directory.target import DirectoryTarget
from tests.ldap_servers import SUFFIX, Ds389, Slapd
from tests.oud.directory.sample import write_files

COUNT = 400


def target_of(server: Ds389 | Slapd, **fields: object) -> DirectoryTarget:
    """A server as a target, bound as its root user, with little patience."""
    given: dict[str, object] = {
        "url": server.url, "bind_dn": server.root_dn, "password": SecretStr(server.password),
        "timeout_seconds": 5, "connect_seconds": 2, "patience_seconds": 20, **fields,
    }  # fmt: skip
    return DirectoryTarget.model_validate(given)


@pytest.fixture
def ds389(ds389_instance: Ds389) -> Iterator[Ds389]:
    """389 Directory Server with nothing but the entry of its suffix."""
    ds389_instance.clear()
    yield ds389_instance
    ds389_instance.clear()


@pytest.fixture(params=["slapd", "ds389"])
def server(request: pytest.FixtureRequest) -> Ds389 | Slapd:
    """Each of the servers."""
    found: Ds389 | Slapd = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def target(server: Ds389 | Slapd) -> DirectoryTarget:
    """The server as a target."""
    return target_of(server)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The files of a migration."""
    return write_files(tmp_path_factory.mktemp("migrated"), COUNT)


@pytest.fixture
def rooted(server: Ds389 | Slapd) -> DirectoryTarget:
    """The server as a target that holds the entry of its suffix; an empty slapd holds not even that."""
    if isinstance(server, Slapd):
        server.run("ldapadd", ldif=f"dn: {SUFFIX}\nobjectClass: domain\ndc: example\n")
    return target_of(server)
