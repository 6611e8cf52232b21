"""Facts about the judge of a finished folder: it finds each kind of damage that somebody does to one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flext_pipelines.errors import NotFoundError
from flext_pipelines.oud.migration.judge import judge
from tests.oud.migration.exports import BASE, domain, migrated, person, unit

ACI = "orclaci: access to entry by * (browse)"


def changed(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change a file and let the manifest agree, so that only its content gives it away."""
    data = change(path.read_bytes())
    path.write_bytes(data)
    manifest = json.loads((path.parent / "manifest.json").read_bytes())
    for file in manifest["files"]:
        if file["name"] == path.name:
            file |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (path.parent / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A sound result."""
    migrated(tmp_path, [domain(ACI), unit("ou=a"), person("ann", f"ou=a,{BASE}"), person("bob")])
    assert judge(tmp_path / "out").sound
    return tmp_path / "out"


def failed(folder: Path) -> set[str]:
    """The checks that failed."""
    return {check.name for check in judge(folder).checks if check.failed}


def test_a_changed_file_is_found(result: Path) -> None:
    """A byte that is not what the manifest says is found."""
    users = result / "02-users-0001.ldif"
    users.write_bytes(users.read_bytes().replace(b"sn: ann", b"sn: Ann"))

    assert failed(result) == {"files are those of the manifest"}


def test_a_missing_and_a_foreign_file_are_found(result: Path) -> None:
    """A file too few, or one too many, is found by name."""
    (result / "excluded.csv").unlink()
    (result / "06-more.ldif").write_bytes(b"")

    (files, *_) = judge(result).checks
    assert files.faults == ("excluded.csv is missing", "06-more.ldif is not in the manifest")


@pytest.mark.parametrize(
    ("file", "old", "new", "wrong"),
    [
        ("02-users-0001.ldif", b"dn: cn=ann,ou=a,", b"dn: cn=bob,", "names stand once"),
        ("02-users-0001.ldif", b"dn: cn=ann,ou=a,", b"dn: cn=ann,ou=b,", "parents stand before their children"),
        ("02-users-0001.ldif", b"sn: ann", b"orclnormdn: x\nsn: ann", "no attribute that the target does not take"),
        ("02-users-0001.ldif", b"sn: ann", b"manager: cn=x\nsn: ann", "references resolve"),
        ("02-users-0001.ldif", b"sn: ann", b"sn ann", "files are LDIF"),
        ("04-acls-0001.ldif", b"allow", b"allways", "every aci is one that the target takes"),
        ("04-acls-0001.ldif", b"dn: dc=example", b"dn: o=gone,dc=example", "aci values stand on entries"),
    ],
)
def test_each_kind_of_damage_is_found(result: Path, file: str, old: bytes, new: bytes, wrong: str) -> None:
    """What is wrong is found by the check of that name."""
    assert old in (result / file).read_bytes()

    changed(result / file, lambda data: data.replace(old, new, 1))

    assert wrong in failed(result)


def test_a_result_for_a_target_of_its_own_schema_is_sound(tmp_path: Path) -> None:
    """Attributes that only that target knows are no fault; those that servers write themselves still are."""
    owned = tmp_path / "389.ldif"
    owned.write_text(
        "dn: cn=schema\nattributeTypes: ( 2.16.840.1.113730.3.1.610 NAME 'nsAccountLock' SYNTAX "
        "1.3.6.1.4.1.1466.115.121.1.15 USAGE directoryOperation )\n"
    )
    rules = tmp_path / "rules.yaml"
    rules.write_text('extends: "389"\n')
    records = [domain(ACI), person("ann", BASE, "objectclass: orcluser", "orclisenabled: DISABLED")]
    migrated(tmp_path, records, flavour="389", rules=rules, owned_schema=owned)
    users = tmp_path / "out" / "02-users-0001.ldif"

    assert b"nsaccountlock: true" in users.read_bytes().lower()
    assert judge(tmp_path / "out").sound
    changed(users, lambda data: data.replace(b"sn: ann", b"entryuuid: x\nsn: ann", 1))
    assert "no attribute that the target writes itself" in failed(tmp_path / "out")


def test_a_lost_record_is_found(result: Path) -> None:
    """An entry that is gone makes the sum wrong."""
    changed(result / "02-users-0001.ldif", lambda data: data.split(b"\n\n", 1)[1])

    assert "read = written + rejected + excluded" in failed(result)


def test_another_folder_is_no_result(tmp_path: Path) -> None:
    """A folder without manifest is named."""
    with pytest.raises(NotFoundError, match=r"holds no manifest\.json"):
        judge(tmp_path)
