"""Facts about looking at a server before a load: what would fail, or grant too much, is told; nothing is changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from flext_pipelines.errors import ForbiddenError
from flext_pipelines.oud.directory.diagnose import diagnose_target
from flext_pipelines.oud.directory.reports import DirectoryDiagnosis
from flext_pipelines.oud.directory.target import DirectoryTarget
from tests.ldap_servers import SUFFIX, Ds389, Slapd
from tests.oud.directory.conftest import target_of

pytestmark = [pytest.mark.ldap, pytest.mark.process, pytest.mark.xdist_group("389")]


def codes(diagnosis: DirectoryDiagnosis, severity: str) -> list[str]:
    return [one.code for one in diagnosis.findings if one.severity == severity]


def everything(server: Ds389 | Slapd) -> str:
    """What the server holds, its configuration included where it shows it."""
    found = (
        server.run("ldapsearch", "-LLL", "-b", SUFFIX, "*", "+", dn=server.root_dn) if isinstance(server, Ds389) else ""
    )
    return found + server.run("ldapsearch", "-LLL", "-b", "", "-s", "base", "*", dn=server.root_dn)


def test_a_server_that_fits_has_no_error(target: DirectoryTarget, files: list[Path]) -> None:
    """Its product, suffixes and the size of what shall be loaded are told."""
    found = diagnose_target(target, files)

    assert codes(found, "error") == []
    assert found.naming_contexts == (SUFFIX,)
    assert found.product.startswith(("OpenLDAP", "389"))
    assert any("entries shall be loaded" in one.text for one in found.findings)


def test_what_the_server_will_not_take_is_listed(target: DirectoryTarget, tmp_path: Path) -> None:
    """A suffix that it does not hold, attributes and classes that it does not know, schemes that nobody does."""
    path = tmp_path / "odd.ldif"
    path.write_text(
        f"dn: cn=a,{SUFFIX}\nobjectClass: orclUser\ncn: a\norclIsEnabled: ENABLED\nuserPassword: {{MD4}}abc=\n\n"
        "dn: cn=b,o=elsewhere\nobjectClass: person\nsn: x\ncn: b\n"
    )

    found = diagnose_target(target, [path])

    texts = {one.code: one.text for one in found.findings}
    assert {"no_suffix", "unknown_schema", "unknown_schemes"} <= set(codes(found, "error"))
    assert "o=elsewhere" in texts["no_suffix"]
    assert "MD4" in texts["unknown_schemes"]
    assert any("orclisenabled" in one.text for one in found.findings)
    assert any("orcluser" in one.text for one in found.findings)
    assert all(one.advice for one in found.findings if one.severity == "error")


def test_schema_that_is_loaded_with_the_files_is_known(target: DirectoryTarget, tmp_path: Path) -> None:
    """What a 99-user.ldif among the files defines is no error."""
    schema, entry = tmp_path / "99-user.ldif", tmp_path / "a.ldif"
    schema.write_text("dn: cn=schema\nobjectClass: top\nattributeTypes: ( 1.2.3 NAME 'orclIsEnabled' )\n")
    entry.write_text(f"dn: cn=a,{SUFFIX}\nobjectClass: person\nsn: x\ncn: a\norclIsEnabled: ENABLED\n")

    assert codes(diagnose_target(target, [schema, entry]), "error") == []


def test_a_read_only_server_is_told(ds389: Ds389, files: list[Path]) -> None:
    """By its configuration, before anything is sent."""
    ds389.modify("dn: cn=config\nchangetype: modify\nreplace: nsslapd-readonly\nnsslapd-readonly: on\n")
    try:
        found = diagnose_target(target_of(ds389), files)
    finally:
        ds389.modify("dn: cn=config\nchangetype: modify\nreplace: nsslapd-readonly\nnsslapd-readonly: off\n")

    assert codes(found, "error") == ["read_only"]


def test_what_anybody_sees_is_told(ds389: Ds389) -> None:
    """An ``aci`` for everybody shows in what a connection without a login gets."""
    before = diagnose_target(target_of(ds389))
    ds389.modify(
        f"dn: {SUFFIX}\nchangetype: modify\nadd: aci\n"
        'aci: (targetattr="*")(version 3.0; acl "open"; allow (read, search) userdn="ldap:///anyone";)\n'
    )

    after = diagnose_target(target_of(ds389))

    assert "anonymous_sees" not in codes(before, "warning")
    assert "anonymous_sees" in codes(after, "warning")


def test_nothing_is_changed(server: Ds389 | Slapd, files: list[Path]) -> None:
    """Not a byte of what the server shows."""
    before = everything(server)

    diagnose_target(target_of(server), files)

    assert everything(server) == before


def test_a_wrong_password_is_an_error(server: Ds389 | Slapd) -> None:
    """A diagnosis that saw nothing would look like a good one."""
    with pytest.raises(ForbiddenError):
        diagnose_target(target_of(server, password=SecretStr("wrong")))


GLOBAL = (
    '(targetattr!="userPassword||authPassword")(version 3.0; acl "Anonymous read access"; '
    'allow (read,search,compare) userdn="ldap:///anyone";)'
)


def test_a_global_aci_that_lets_everybody_read_is_an_error(ds389: Ds389) -> None:
    """As OUD has one by default, where its documents put it; planted here, for want of an OUD."""
    handler = "cn=Access Control Handler,cn=config"
    ds389.modify(
        f"dn: {handler}\nchangetype: add\nobjectClass: top\nobjectClass: extensibleObject\n"
        f"cn: Access Control Handler\nds-cfg-global-aci: {GLOBAL}\n"
    )
    try:
        found = diagnose_target(target_of(ds389))
    finally:
        ds389.modify(f"dn: {handler}\nchangetype: delete\n")

    assert codes(found, "error") == ["anonymous_read"]
    assert found.findings[0].advice == f"dsconfig set-access-control-handler-prop --remove global-aci:'{GLOBAL}'"
