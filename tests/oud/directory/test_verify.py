"""Facts about comparing a live directory with the files that were loaded, on slapd and on 389 Directory Server."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from pydantic import SecretStr

from flext_pipelines.errors import LdifError, UsageError
from flext_pipelines.oud.directory.load import load
from flext_pipelines.oud.directory.reports import BindSample, VerifyReport
from flext_pipelines.oud.directory.target import DirectoryTarget
from flext_pipelines.oud.directory.verify import read_bind_samples, verify
from tests.ldap_servers import SUFFIX, Ds389, Slapd
from tests.oud.directory.conftest import COUNT, target_of
from tests.oud.directory.sample import migrated
from tests.oud.oid_sample import PASSWORD, person_dn

pytestmark = [pytest.mark.ldap, pytest.mark.process, pytest.mark.xdist_group("389")]


@pytest.fixture
def loaded(target: DirectoryTarget, files: list[Path], tmp_path: Path) -> DirectoryTarget:
    """A server that holds what the files say."""
    load(files, target, journal=tmp_path / "journal")
    return target


def change(server: Ds389 | Slapd, text: str) -> None:
    """Change an entry behind the back of the migration."""
    server.run("ldapmodify", dn=server.root_dn, ldif=text)


def found(report: VerifyReport) -> set[tuple[str, str, str | None]]:
    """Kind, DN and attribute of what was found."""
    return {(one.kind, one.dn.lower(), one.attribute and one.attribute.lower()) for one in report.findings}


def test_what_was_loaded_is_equal(loaded: DirectoryTarget, files: list[Path]) -> None:
    """Each entry is the same, whatever the server makes of names, order, classes and operational attributes."""
    report = verify(files, loaded)

    count = len(list(migrated(COUNT)))
    assert report.equal
    assert (report.expected, report.found, report.same) == (count, count, count)
    assert report.below == (SUFFIX,)
    assert report.references > count
    assert report.findings == ()


def test_planted_differences_are_found(loaded: DirectoryTarget, server: Ds389 | Slapd, files: list[Path]) -> None:
    """A value more, a value less, another value, another password, an entry more, an entry less, and none else."""
    more, less, other, password, gone = (person_dn(number) for number in (1, 2, 4, 5, 20))
    change(server, f"dn: {more}\nchangetype: modify\nadd: description\ndescription: planted\n")
    change(server, f"dn: {less}\nchangetype: modify\ndelete: mail\n")
    change(server, f"dn: {other}\nchangetype: modify\nreplace: employeeNumber\nemployeeNumber: 0\n")
    change(server, f"dn: {password}\nchangetype: modify\nreplace: userPassword\nuserPassword: changed\n")
    change(server, f"dn: {gone}\nchangetype: delete\n")
    change(server, f"dn: cn=planted,{SUFFIX}\nchangetype: add\nobjectClass: person\nsn: x\ncn: planted\n")

    report = verify(files, loaded)

    assert not report.equal
    assert (report.different, report.missing, report.extra) == (4, 1, 1)
    assert report.same == report.expected - 5
    without_references = {one for one in found(report) if one[0] != "dangling"}
    assert without_references == {
        ("different", more.lower(), "description"), ("different", less.lower(), "mail"),
        ("different", other.lower(), "employeenumber"), ("different", password.lower(), "userpassword"),
        ("missing", gone.lower(), None), ("extra", f"cn=planted,{SUFFIX}", None),
    }  # fmt: skip
    missing = next(one for one in report.findings if one.kind == "missing")
    assert str(missing.file).endswith("01-user.ldif")
    assert missing.line
    dangling = [one for one in report.findings if one.kind == "dangling"]
    assert len(dangling) == report.dangling > 0
    assert all(gone.lower() in one.detail.lower() for one in dangling)


def test_no_password_is_shown(loaded: DirectoryTarget, server: Ds389 | Slapd, files: list[Path]) -> None:
    """That two differ is told, not what they are: neither hashes nor clear text."""
    change(server, f"dn: {person_dn(5)}\nchangetype: modify\nreplace: userPassword\nuserPassword: changed\n")

    text = verify(files, loaded).model_dump_json()

    assert "not the value of the file" in text
    assert "{SSHA}" not in text
    assert "changed" not in text


def test_ignored_attributes_and_subtrees_are_no_difference(
    loaded: DirectoryTarget, server: Ds389 | Slapd, files: list[Path]
) -> None:
    """What a site says to leave out is left out."""
    change(server, f"dn: {person_dn(1)}\nchangetype: modify\nadd: description\ndescription: planted\n")
    change(server, f"dn: cn=planted,{SUFFIX}\nchangetype: add\nobjectClass: person\nsn: x\ncn: planted\n")

    report = verify(files, loaded, ignore=["description"], ignore_below=[f"CN=planted, {SUFFIX}"])

    assert report.equal


def test_changes_in_the_files_are_part_of_what_is_expected(
    loaded: DirectoryTarget, files: list[Path], tmp_path: Path
) -> None:
    """A phase of modifications is done in thought before the comparison, as it was done on the server."""
    dn = person_dn(1)
    more = tmp_path / "more.ldif"
    more.write_text(f"dn: {dn}\nchangetype: modify\nadd: title\ntitle: Dr\n-\nreplace: mail\nmail: a@example.com\n-\n")
    load([more], loaded, journal=tmp_path / "more.journal")

    assert verify([*files, more], loaded).equal
    assert found(verify(files, loaded)) == {("different", dn.lower(), "title"), ("different", dn.lower(), "mail")}


def salted(name: str, word: str, salt: bytes) -> str:
    """A hashed password."""
    digest = hashlib.new(name, word.encode() + salt, usedforsecurity=False).digest() + salt
    return base64.b64encode(digest).decode()


SCHEMES = {
    "SSHA": salted("sha1", "Secret-1", b"saltsalt"), "SHA": salted("sha1", "Secret-1", b""),
    "MD5": salted("md5", "Secret-1", b""), "SMD5": salted("md5", "Secret-1", b"saltsalt"),
    "SSHA256": salted("sha256", "Secret-1", b"saltsalt"), "SSHA512": salted("sha512", "Secret-1", b"saltsalt"),
    "SHA256": salted("sha256", "Secret-1", b""), "SHA512": salted("sha512", "Secret-1", b""),
    "CRYPT": "",
}  # fmt: skip


def crypted(word: str) -> str:
    """By the machine's own crypt(3), as the servers do it."""
    import ctypes
    import ctypes.util

    library = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    made: bytes = library.crypt(word.encode(), b"$6$saltsalt$")
    return made.decode()


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_a_user_with_a_hashed_password_can_log_in(rooted: DirectoryTarget, tmp_path: Path, scheme: str) -> None:
    """Every scheme that OID keeps and both servers know; who has another password cannot, and is named."""
    value = crypted("Secret-1") if scheme == "CRYPT" else SCHEMES[scheme]
    path = tmp_path / "user.ldif"
    path.write_text(f"dn: cn=u,{SUFFIX}\nobjectClass: person\nsn: x\ncn: u\nuserPassword: {{{scheme}}}{value}\n")
    load([path], rooted, journal=tmp_path / "journal")

    right, wrong = (BindSample(dn=f"cn=u,{SUFFIX}", password=SecretStr(word)) for word in ("Secret-1", "Secret-2"))

    assert verify([path], rooted, sample_binds=[right]).bound == 1
    report = verify([path], rooted, sample_binds=[wrong], ignore=["userPassword"])
    assert (report.bound, report.refused) == (0, 1)
    assert found(report) == {("bind", f"cn=u,{SUFFIX}", "userpassword")}


def test_passwords_are_compared_before_anybody_is_bound(ds389: Ds389, files: list[Path], tmp_path: Path) -> None:
    """389 hashes one anew when it is first used: a comparison after that would see another value."""
    target = target_of(ds389)
    load(files, target, journal=tmp_path / "journal")
    samples = [
        BindSample(dn=person_dn(number), password=SecretStr(PASSWORD.format(number=number))) for number in (0, 13, 17)
    ]

    first = verify(files, target, sample_binds=samples)
    second = verify(files, target)

    assert first.equal
    assert first.bound == 3
    assert {(one.kind, one.attribute) for one in second.findings} <= {("different", "userpassword")}
    assert second.different > 0


def test_samples_of_logins_are_read_from_a_file(tmp_path: Path) -> None:
    """LDIF with a DN and a clear password each; a record without one is named by its line."""
    path = tmp_path / "samples.ldif"
    path.write_text("dn: cn=a,dc=b\nuserPassword: one\n\ndn: cn=c,dc=b\nuserPassword:: dHdv\n")
    found_samples = read_bind_samples(path)
    path.write_text("dn: cn=a,dc=b\ncn: a\n")

    assert [(one.dn, one.password.get_secret_value()) for one in found_samples] == [
        ("cn=a,dc=b", "one"), ("cn=c,dc=b", "two")
    ]  # fmt: skip
    assert "one" not in repr(found_samples)
    with pytest.raises(UsageError, match=r"samples\.ldif:1"):
        read_bind_samples(path)


def test_a_file_that_is_wrong_ends_the_comparison(loaded: DirectoryTarget, tmp_path: Path) -> None:
    """It says where; nothing is compared with half a file."""
    path = tmp_path / "wrong.ldif"
    path.write_text("dn: cn=a,dc=b\nthis is no line\n")

    with pytest.raises(LdifError, match=r"wrong\.ldif:2"):
        verify([path], loaded)
