"""A whole migration loaded into a running 389 Directory Server, and compared with what it should be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner

import flext_pipelines
from flext_pipelines.cli.main import flext
from flext_pipelines.oud.directory.verify import verify
from flext_pipelines.oud.migration.migrate import migrate
from flext_pipelines.oud.migration.outcome import report_in
from flext_pipelines.oud.migration.plan import MigrationPlan
from tests.ldap_servers import ROOT_DN, Ds389
from tests.oud import oid_sample
from tests.oud.directory.conftest import target_of

pytestmark = [pytest.mark.process, pytest.mark.ldap]

ENTRIES = 300
_DEFINITIONS = ("attributeTypes", "objectClasses", "matchingRules", "ldapSyntaxes")


@pytest.fixture
def ds389(ds389_instance: Ds389) -> Iterator[Ds389]:
    """The server, emptied before and after."""
    ds389_instance.clear()
    yield ds389_instance
    ds389_instance.clear()


def exported(folder: Path) -> list[str]:
    """An export with its schema and root policy, and the options that name them."""
    oid_sample.write_export(folder / "export.ldif", ENTRIES, latin_1=False)
    (folder / "schema.ldif").write_bytes(oid_sample.SCHEMA)
    (folder / "root.ldif").write_bytes(oid_sample.ROOT_POLICY)
    return [
        str(folder / "export.ldif"), "--schema", str(folder / "schema.ldif"), "--root-policy",
        str(folder / "root.ldif"), "--base-dn", oid_sample.BASE, "--out", str(folder / "out"), "--flavour", "389",
        "--here", "--json",
    ]  # fmt: skip


def test_a_migration_loads_a_server_and_finds_it_as_it_should_be(ds389: Ds389, tmp_path: Path) -> None:
    """With --to every entry and every aci value is taken by the server, and the comparison finds no difference."""
    words = ["oud", "migrate", *exported(tmp_path), "--to", ds389.url, "--bind-dn", ROOT_DN]
    words += ["--rules", str(Path(flext_pipelines.__file__).parent / "oud" / "rules" / "389.yaml")]
    schema = ds389.run("ldapsearch", "-LLL", "-b", "cn=schema", "-s", "base", "(objectClass=*)", *_DEFINITIONS)
    (tmp_path / "389.ldif").write_text(schema)
    words += ["--owned-schema", str(tmp_path / "389.ldif")]
    (tmp_path / "password").write_text(ds389.password)
    words += ["--bind-password-file", str(tmp_path / "password")]

    ran = CliRunner(env={"FLEXT_HOME": str(tmp_path / "home")}).invoke(flext, words, standalone_mode=False)

    if ran.exception is not None:
        raise ran.exception
    answers = json.loads(ran.stdout)
    assert answers["load"]["rejected"] == 0, answers["load"]["reasons"]
    assert answers["verify"]["equal"], answers["verify"]["findings"]
    assert answers["verify"]["expected"] == answers["migration"]["counters"]["processed"]
    assert cast("int", ran.return_value) == 2  # passwords of schemes that nobody knows need new ones
    report = report_in(tmp_path / "out")
    assert report.proof.probes > 10_000
    assert report.proof.gained == 0
    files = sorted((tmp_path / "out").glob("0[1-4]-*.ldif"))
    subjects = [oid_sample.person_dn(number) for number in (0, 3, 8)]
    rights = verify(files, target_of(ds389), effective_rights=60, subjects=subjects).rights
    assert rights is not None
    assert rights.asked > 5_000
    assert rights.differing == 0, rights.differences[:5]


def test_every_aci_of_the_sample_is_taken_by_389(ds389: Ds389, tmp_path: Path) -> None:
    """The server refuses none of the values that the phase of access control writes."""
    exported(tmp_path)
    made = migrate(
        MigrationPlan(
            export=tmp_path / "export.ldif", base_dn=oid_sample.BASE, out=tmp_path / "out", flavour="389", probes=0,
            root_policy=tmp_path / "root.ldif",
        )
    )  # fmt: skip
    text = "".join(path.read_text() for path in sorted((tmp_path / "out").glob("04-*.ldif")))
    values = [line for record in text.split("\n\n") if record for line in record.replace("\n ", "").split("\n")[3:-1]]

    for value in values:
        assert value.startswith("aci: ")
        ds389.modify(f"dn: {oid_sample.BASE}\nchangetype: modify\nadd: aci\n{value}\n")

    assert made.complete
    assert len(values) > 10
