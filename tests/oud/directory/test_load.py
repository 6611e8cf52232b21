"""Facts about loading, on slapd and on 389 Directory Server."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from pydantic import SecretStr

from flext_pipelines.errors import (
    ConflictError,
    DataDamagedError,
    DirectoryRefusedError,
    FlextError,
    ForbiddenError,
    NotFoundError,
    UnavailableError,
    UsageError,
)
from flext_pipelines.oud.directory.connection import Directory
from flext_pipelines.oud.directory.journal import Place, State, described, open_journal
from flext_pipelines.oud.directory.load import load
from flext_pipelines.oud.directory.reports import LoadReport
from flext_pipelines.oud.directory.target import DirectoryTarget
from flext_pipelines.oud.directory.verify import verify
from tests.ldap_servers import SUFFIX, Ds389, Slapd
from tests.oud.directory.conftest import COUNT, target_of
from tests.oud.directory.sample import migrated

pytestmark = [pytest.mark.ldap, pytest.mark.process, pytest.mark.xdist_group("389")]

PERSON = "objectClass: person\nsn: x\n"


def ldif(folder: Path, text: str, name: str = "more.ldif") -> Path:
    """A file with that text."""
    path = folder / name
    path.write_text(text)
    return path


def counted(report: LoadReport) -> dict[str, int]:
    """The results that are not zero."""
    names = ("added", "updated", "modified", "deleted", "renamed", "unchanged", "skipped", "rejected")
    return {name: found for name in names if (found := getattr(report, name))}


def load_text(text: str, target: DirectoryTarget, folder: Path, **options: object) -> LoadReport:
    """Load a text, with a journal of its own."""
    number = len(list(folder.glob("*.journal")))
    path = ldif(folder, text, f"{number}.ldif")
    return load([path], target, journal=folder / f"{number}.journal", **options)  # type: ignore[arg-type]  # the options of load


def values(target: DirectoryTarget, dn: str, name: str) -> list[bytes]:
    """The values of an attribute, sorted."""
    with Directory(target) as directory:
        return sorted((directory.read(dn, [name]) or {}).get(name, []))


def test_a_migration_is_loaded_whole(target: DirectoryTarget, files: list[Path], tmp_path: Path) -> None:
    """Every entry is there as the files say, and a second call with the same journal sends nothing."""
    report = load(files, target, journal=tmp_path / "journal")

    again = load(files, target, journal=tmp_path / "journal")
    assert report.read == len(list(migrated(COUNT)))
    assert report.rejected == 0
    assert report.rejects_file is None
    assert list(tmp_path.iterdir()) == [tmp_path / "journal"]
    assert verify(files, target).equal
    assert again.already_done
    assert counted(again) == counted(report)


def test_an_entry_that_is_there_is_refused(rooted: DirectoryTarget, tmp_path: Path) -> None:
    """With the policy add it is rejected with its reason and bytes, and stays as it was; the others are loaded."""
    load_text(f"dn: cn=a,{SUFFIX}\n{PERSON}cn: a\n", rooted, tmp_path)
    text = f"dn: cn=a,{SUFFIX}\n{PERSON}cn: a\ndescription: new\n\ndn: cn=b,{SUFFIX}\n{PERSON}cn: b\n"

    report = load_text(text, rooted, tmp_path)

    assert counted(report) == {"added": 1, "rejected": 1}
    assert report.reasons == {"entryAlreadyExists": 1}
    assert report.rejects_file is not None
    assert report.rejects_file.suffix != ".ldif"  # or `*.ldif` would load it when the same command goes on
    kept = report.rejects_file.read_text()
    assert "1.ldif:1: Addition refused: entryAlreadyExists (68)" in kept
    assert f"dn: cn=a,{SUFFIX}\nobjectClass: person\nsn: x\ncn: a\ndescription: new\n" in kept
    assert values(rooted, f"cn=a,{SUFFIX}", "description") == []


def test_an_update_makes_the_entry_what_the_record_says(rooted: DirectoryTarget, tmp_path: Path) -> None:
    """Attribute by attribute: what differs is changed, what is not named goes, what is kept and passwords stay."""
    dn = f"cn=a,{SUFFIX}"
    load_text(
        f"dn: {dn}\n{PERSON}cn: a\nsn: y\ndescription: old\nseeAlso: cn=z\nuserPassword: {{SSHA}}b3duIG9uZQ==\n",
        rooted, tmp_path,
    )  # fmt: skip
    text = (
        f"dn: CN=A,{SUFFIX}\n{PERSON}cn: A\ndescription: new\ntelephoneNumber: 1\nuserPassword: {{SSHA}}bmV3IG9uZQ==\n"
    )

    first = load_text(text, rooted, tmp_path, policy="update", keep=["seeAlso"])
    second = load_text(text, rooted, tmp_path, policy="update", keep=["seeAlso"])

    assert counted(first) == {"updated": 1}
    assert counted(second) == {"unchanged": 1}
    assert values(rooted, dn, "sn") == [b"x"]
    assert values(rooted, dn, "description") == [b"new"]
    assert values(rooted, dn, "telephoneNumber") == [b"1"]
    assert values(rooted, dn, "seeAlso") == [b"cn=z"]
    assert values(rooted, dn, "userPassword") == [b"{SSHA}b3duIG9uZQ=="]
    assert counted(load_text(text, rooted, tmp_path, policy="update", passwords=True)) == {"updated": 1}
    assert values(rooted, dn, "userPassword") == [b"{SSHA}bmV3IG9uZQ=="]


def test_an_entry_can_be_left_alone(rooted: DirectoryTarget, tmp_path: Path) -> None:
    """With the policy skip what is there stays, and what is not is added."""
    load_text(f"dn: cn=a,{SUFFIX}\n{PERSON}cn: a\n", rooted, tmp_path)
    text = f"dn: cn=a,{SUFFIX}\n{PERSON}cn: a\ndescription: new\n\ndn: cn=b,{SUFFIX}\n{PERSON}cn: b\n"

    report = load_text(text, rooted, tmp_path, policy="skip")

    assert counted(report) == {"added": 1, "skipped": 1}
    assert values(rooted, f"cn=a,{SUFFIX}", "description") == []


def test_a_record_twice_in_the_files_is_added_once(rooted: DirectoryTarget, tmp_path: Path) -> None:
    """The second is refused, though it waits for the first on the same connection."""
    text = f"dn: cn=a,{SUFFIX}\n{PERSON}cn: a\n\ndn: CN=A, {SUFFIX}\n{PERSON}cn: A\n"

    assert counted(load_text(text, rooted, tmp_path)) == {"added": 1, "rejected": 1}


def test_changes_are_applied(rooted: DirectoryTarget, tmp_path: Path) -> None:
    """Modifications, additions, deletions and renamings, in their order; what is done already is found so."""
    load_text(f"dn: cn=a,{SUFFIX}\n{PERSON}cn: a\n\ndn: cn=b,{SUFFIX}\n{PERSON}cn: b\n", rooted, tmp_path)
    modify = f"dn: cn=a,{SUFFIX}\nchangetype: modify\nadd: description\ndescription: 1\ndescription: 2\n-\n"
    others = (
        f"dn: cn=b,{SUFFIX}\nchangetype: modrdn\nnewrdn: cn=c\ndeleteoldrdn: 1\n\n"
        f"dn: cn=d,{SUFFIX}\nchangetype: add\n{PERSON}cn: d\n\n"
        f"dn: cn=d,{SUFFIX}\nchangetype: delete\n"
    )

    report = load_text(f"{modify}\n{others}", rooted, tmp_path)

    assert counted(report) == {"modified": 1, "renamed": 1, "added": 1, "deleted": 1}
    assert values(rooted, f"cn=a,{SUFFIX}", "description") == [b"1", b"2"]
    assert values(rooted, f"cn=c,{SUFFIX}", "cn") == [b"c"]
    assert values(rooted, f"cn=d,{SUFFIX}", "cn") == []
    assert counted(load_text(modify, rooted, tmp_path)) == {"rejected": 1}
    assert counted(load_text(modify, rooted, tmp_path, policy="update")) == {"unchanged": 1}
    more = modify.replace("description: 2", "description: 3")
    assert counted(load_text(more, rooted, tmp_path, policy="update")) == {"modified": 1}
    assert values(rooted, f"cn=a,{SUFFIX}", "description") == [b"1", b"2", b"3"]


LATIN_1 = base64.b64encode(f"cn=M\u00fcnchen,{SUFFIX}".encode("latin-1")).decode()
BAD = [
    ("no parent", f"dn: cn=x,ou=none,{SUFFIX}\n{PERSON}cn: x\n", "noSuchObject"),
    ("unknown attribute", f"dn: cn=x,{SUFFIX}\n{PERSON}cn: x\nnoSuchThing: 1\n", ""),
    ("missing attribute", f"dn: cn=x,{SUFFIX}\nobjectClass: person\ncn: x\n", "objectClassViolation"),
    ("no DN", f"dn: nonsense\n{PERSON}cn: x\n", "no DN"),
    ("Latin-1 in the DN", f"dn:: {LATIN_1}\n{PERSON}cn: x\n", "no DN"),
    ("no LDIF", f"dn: cn=x,{SUFFIX}\nthis is no line\n", "no LDIF"),
    ("value twice", f"dn: cn=x,{SUFFIX}\n{PERSON}cn: x\ndescription: 1\ndescription: 1\n", "attributeOrValueExists"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_record_is_refused_and_the_next_is_loaded(
    rooted: DirectoryTarget, tmp_path: Path, text: str, reason: str
) -> None:
    """It is in the rejects with file, line, reason and its bytes, and nothing of it is on the server."""
    around = [f"dn: cn={name},{SUFFIX}\n{PERSON}cn: {name}\n" for name in ("a", "b")]

    report = load_text(f"{around[0]}\n{text}\n{around[1]}", rooted, tmp_path)

    assert report.added == 2
    assert report.rejected == 1
    assert reason in next(iter(report.reasons))
    assert report.rejects_file is not None
    kept = report.rejects_file.read_text(errors="replace")
    assert "0.ldif:" in kept.splitlines()[0]
    assert text.strip().splitlines()[0] in kept
    assert values(rooted, f"cn=x,{SUFFIX}", "cn") == []


def test_a_file_that_was_changed_is_no_longer_the_load(target: DirectoryTarget, tmp_path: Path) -> None:
    """Its journal refuses it: the places in it would mean other records."""
    path = ldif(tmp_path, f"dn: cn=a,{SUFFIX}\n{PERSON}cn: a\n")
    load([path], target, journal=tmp_path / "journal")
    path.write_text(f"dn: cn=b,{SUFFIX}\n{PERSON}cn: b\n")

    with pytest.raises(ConflictError, match="changed since"):
        load([path], target, journal=tmp_path / "journal")


def refused(target: DirectoryTarget, folder: Path, text: str = "") -> FlextError:
    """The error of a load that cannot begin."""
    many = "\n".join(f"dn: cn=p{number},{SUFFIX}\n{PERSON}cn: p{number}\n" for number in range(30))
    with pytest.raises(FlextError) as caught:
        load_text(text or many, target, folder)
    return caught.value


def test_a_wrong_password_is_told_at_once_and_never_shown(server: Slapd | Ds389, tmp_path: Path) -> None:
    """It is permanent, names the account, and holds no password."""
    error = refused(target_of(server, password=SecretStr("wr0ng-secret")), tmp_path)

    assert isinstance(error, ForbiddenError)
    assert server.root_dn in error.reason
    assert "Check bind DN and password" in error.instruction
    assert "wr0ng-secret" not in f"{error}{error.details}{(tmp_path / '0.journal').read_text()}"


def test_an_account_without_a_password_is_not_sent(server: Slapd | Ds389, tmp_path: Path) -> None:
    """LDAP would take it for an anonymous bind."""
    error = refused(target_of(server, password=None), tmp_path)

    assert isinstance(error, UsageError)
    assert "FLEXT_OUD_BIND_PASSWORD" in error.instruction


def test_a_server_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    """As long as the patience lasts; then the error says where."""
    error = refused(DirectoryTarget(url="ldap://127.0.0.1:1", patience_seconds=0), tmp_path)

    assert isinstance(error, UnavailableError)
    assert "ldap://127.0.0.1:1" in error.reason


def test_a_suffix_that_the_server_does_not_hold_is_named(target: DirectoryTarget, tmp_path: Path) -> None:
    """Before anything is sent, with the suffixes that it does hold."""
    error = refused(target, tmp_path, f"dn: cn=a,o=elsewhere\n{PERSON}cn: a\n")

    assert isinstance(error, NotFoundError)
    assert SUFFIX in error.instruction


def make_read_only(server: Slapd | Ds389) -> None:
    """By the server's own configuration."""
    if isinstance(server, Slapd):
        server.stop()
        server.configure("readonly on")
        server.restart()
    else:
        server.modify("dn: cn=config\nchangetype: modify\nreplace: nsslapd-readonly\nnsslapd-readonly: on\n")


def test_a_read_only_server_is_known_as_such(server: Slapd | Ds389, tmp_path: Path) -> None:
    """Not as thirty bad records; when it is writable, the same call loads them."""
    load_text(f"dn: {SUFFIX}\nobjectClass: top\nobjectClass: domain\ndc: example\n", target_of(server), tmp_path)
    make_read_only(server)
    many = "\n".join(f"dn: cn=p{number},{SUFFIX}\n{PERSON}cn: p{number}\n" for number in range(30))
    path = ldif(tmp_path, many, "many.ldif")
    try:
        with pytest.raises(DirectoryRefusedError) as caught:
            load([path], target_of(server), journal=tmp_path / "many.journal")
    finally:
        if isinstance(server, Ds389):
            server.modify("dn: cn=config\nchangetype: modify\nreplace: nsslapd-readonly\nnsslapd-readonly: off\n")
        else:
            server.stop()
            server.configure()
            server.restart()

    assert "Make the server and the backend writable" in caught.value.instruction
    report = load([path], target_of(server), journal=tmp_path / "many.journal")
    assert counted(report) == {"added": 30}


def test_an_account_that_may_not_write_is_told_so(server: Slapd | Ds389, tmp_path: Path) -> None:
    """Anonymous may add nothing: that is about the account, not about thirty records."""
    load_text(f"dn: {SUFFIX}\nobjectClass: top\nobjectClass: domain\ndc: example\n", target_of(server), tmp_path)

    error = refused(target_of(server, bind_dn="", password=None), tmp_path)

    assert isinstance(error, (ForbiddenError, DirectoryRefusedError))
    assert ",dc=example,dc=com" in error.reason


def test_hashed_passwords_that_the_server_refuses_are_named(ds389: Ds389, tmp_path: Path) -> None:
    """389 takes them from its root user only; for others the error says what to set, there and on OUD."""
    operator = f"cn=operator,{SUFFIX}"
    load_text(f"dn: {operator}\n{PERSON}cn: operator\nuserPassword: operator1\n", target_of(ds389), tmp_path)
    aci = f'(targetattr="*")(version 3.0; acl "o"; allow (all) userdn="ldap:///{operator}";)'
    ds389.modify(f"dn: {SUFFIX}\nchangetype: modify\nadd: aci\naci: {aci}\n")
    hashed = "\n".join(
        f"dn: cn=h{number},{SUFFIX}\n{PERSON}cn: h{number}\nuserPassword: {{SSHA}}b3duIG9uZQ==\n"
        for number in range(20)
    )

    error = refused(target_of(ds389, bind_dn=operator, password=SecretStr("operator1")), tmp_path, hashed)

    assert isinstance(error, DirectoryRefusedError)
    assert "allow-pre-encoded-passwords:true" in error.instruction
    assert "nsslapd-allow-hashed-passwords" in error.instruction


SCHEMA = """dn: cn=schema
objectClass: top
objectClass: ldapSubentry
objectClass: subschema
attributeTypes: ( 1.3.6.1.4.1.99999.7.1 NAME 'flextBadge' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributeTypes: ( 2.5.4.3 NAME 'cn' SUP name )
objectClasses: ( 1.3.6.1.4.1.99999.7.2 NAME 'flextPerson' SUP top AUXILIARY MAY flextBadge )
"""


def test_schema_goes_into_a_server_before_its_entries(ds389: Ds389, tmp_path: Path) -> None:
    """389 and OUD take it as values of cn=schema; what they know already stays as it is."""
    target = target_of(ds389)
    files = [
        ldif(tmp_path, SCHEMA, "99-user.ldif"),
        ldif(tmp_path, f"dn: cn=a,{SUFFIX}\n{PERSON}objectClass: flextPerson\ncn: a\nflextBadge: 1\n"),
    ]

    first = load(files, target, journal=tmp_path / "journal")
    second = load(files, target, journal=tmp_path / "again", policy="update")

    assert first.schema_added == 2
    assert first.added == 1
    assert second.schema_added == 0
    assert (first.updated, second.updated) == (1, 0)


def test_a_definition_that_the_server_refuses_is_named(ds389: Ds389, tmp_path: Path) -> None:
    """With file, line, the definition and what the server says; entries that need it are not sent."""
    bad = SCHEMA.replace("SYNTAX 1.3.6.1.4.1.1466.115.121.1.15", "SYNTAX 1.2.3.4.5")

    error = refused(target_of(ds389), tmp_path, bad)

    assert isinstance(error, DirectoryRefusedError)
    assert "0.ldif:1" in error.reason
    assert "flextBadge" in error.reason


def test_slapd_without_its_configuration_backend_says_how_schema_gets_in(slapd: Slapd, tmp_path: Path) -> None:
    """It takes schema over LDAP only with cn=config."""
    error = refused(target_of(slapd), tmp_path, SCHEMA)

    assert isinstance(error, DirectoryRefusedError)
    assert "slapd.conf" in error.instruction


def test_the_entry_of_the_suffix_is_brought_up_to_date(ds389: Ds389, tmp_path: Path) -> None:
    """A server's setup makes it; under every policy that is no refusal, and what setup wrote stays."""
    text = f"dn: {SUFFIX}\nobjectClass: top\nobjectClass: domain\ndc: example\ndescription: ours\n"

    report = load_text(text, target_of(ds389), tmp_path)

    assert counted(report) == {"updated": 1}
    assert values(target_of(ds389), SUFFIX, "description") == [b"ours"]


def test_slapd_with_its_configuration_backend_takes_schema(slapd: Slapd, tmp_path: Path) -> None:
    """As an entry below cn=schema,cn=config; entries that need it follow."""
    slapd.stop()
    slapd.configure("database config", f'rootdn "{slapd.root_dn}"')
    slapd.restart()
    files = [
        ldif(tmp_path, SCHEMA, "99-user.ldif"),
        ldif(
            tmp_path,
            f"dn: {SUFFIX}\nobjectClass: domain\ndc: example\n\n"
            f"dn: cn=a,{SUFFIX}\n{PERSON}objectClass: flextPerson\ncn: a\nflextBadge: 1\n",
        ),
    ]

    report = load(files, target_of(slapd), journal=tmp_path / "journal")

    assert report.schema_added == 2
    assert report.added == 2
    assert values(target_of(slapd), f"cn=a,{SUFFIX}", "flextBadge") == [b"1"]


def test_rejects_of_an_earlier_run_that_are_gone_are_missed(target: DirectoryTarget, tmp_path: Path) -> None:
    """The journal counts them, so that a load does not go on as if they had been kept."""
    path = ldif(tmp_path, f"dn: cn=x,ou=none,{SUFFIX}\n{PERSON}cn: x\n\ndn: nonsense\ncn: x\n")
    journal = tmp_path / "journal"
    with open_journal(journal, url=target.url, policy="add", files=[described(path)]) as opened:
        opened.note(State(Place(0, 0), Place(0, 0), {"rejected": 1, "read": 1}, 100, done=False))

    with pytest.raises(DataDamagedError, match="refused records"):
        load([path], target, journal=journal)
