"""Facts about who may do what on a real server: 389 says the same as the evaluator, by control and by login.

The whole of what a migration leaves: the directory's entries, and the ``aci`` that the sample's policy converts to.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from flext_pipelines.oud.acl.aci_model import AciPolicy
from flext_pipelines.oud.acl.aci_parser import parse_aci
from flext_pipelines.oud.acl.convert import convert_values
from flext_pipelines.oud.acl.names import parse_name
from flext_pipelines.oud.acl.oid_policy import AccessValue
from flext_pipelines.oud.acl.options import ConversionOptions
from flext_pipelines.oud.acl.orclaci import Kind
from flext_pipelines.oud.acl.probes import Entry, Subject
from flext_pipelines.oud.directory.effective_rights import CACHE_SECONDS, read_rights
from flext_pipelines.oud.directory.load import load
from flext_pipelines.oud.directory.reports import VerifyReport
from flext_pipelines.oud.directory.verify import verify
from flext_pipelines.oud.ldif.parse import Modification
from flext_pipelines.oud.ldif.writer import new_ldif_file
from tests.ldap_servers import SUFFIX, Ds389
from tests.oud import oid_sample
from tests.oud.directory.conftest import target_of
from tests.oud.directory.sample import write_files

pytestmark = [pytest.mark.ldap, pytest.mark.process, pytest.mark.xdist_group("389")]

COUNT = 120
CONNECTION = re.compile("authmethod|ssf|ip=")


def policy() -> Iterator[AccessValue]:
    """The access values of the sample's export, but those of the OracleContext, which does not move."""
    for entry in oid_sample.entries(COUNT, latin_1=False):
        numbers: dict[str, int] = defaultdict(int)
        for name, value in entry.pairs:
            if name in ("orclaci", "orclentrylevelaci") and entry.kind != "context":
                numbers[name] += 1
                kind: Kind = "orclaci" if name == "orclaci" else "orclentrylevelaci"
                yield AccessValue(entry.dn, kind, numbers[name], str(value))


def converted(*, whole: bool = True) -> dict[str, list[str]]:
    """The ``aci`` by the entry that holds them.

    Args:
        whole: Also those that look at the connection, which the control knows nothing of.
    """
    held: dict[str, list[str]] = defaultdict(list)
    for found in convert_values(list(policy()), ConversionOptions("389")):
        for holder in found.holders:
            held[holder] += [aci for aci in found.acis if whole or not CONNECTION.search(aci)]
    return {dn: texts for dn, texts in held.items() if texts}


@pytest.fixture
def migrated(request: pytest.FixtureRequest, ds389: Ds389, tmp_path: Path) -> tuple[Ds389, list[Path]]:
    """A 389 Directory Server with everything in it, ``aci`` last, as a migration loads it."""
    files = write_files(tmp_path, COUNT)
    acls = tmp_path / "04-acls.ldif"
    with new_ldif_file(acls) as writer:
        for dn, texts in converted(whole=getattr(request, "param", False)).items():
            writer.write_modify(dn.encode(), [Modification("add", b"aci", tuple(text.encode() for text in texts))])
    files.append(acls)
    report = load(files, target_of(ds389), journal=tmp_path / "journal")
    assert report.rejected == 0, report.reasons
    return ds389, files


def checked(server: Ds389, files: list[Path], subjects: list[str]) -> VerifyReport:
    """The server beside the files, rights included."""
    return verify(files, target_of(server), effective_rights=60, subjects=subjects)


def test_the_server_grants_what_the_evaluator_says(migrated: tuple[Ds389, list[Path]]) -> None:
    """Every converted ``aci`` of the sample is taken; for anonymous and users the control answers the same."""
    server, files = migrated
    subjects = [oid_sample.person_dn(number) for number in (0, 3, 8, 21)]

    report = checked(server, files, subjects)

    assert report.equal, report.findings
    assert report.rights is not None
    assert report.rights.notes == ()
    assert report.rights.acis > 10
    assert report.rights.asked > 5_000
    assert report.rights.differing == 0
    assert report.rights.subjects == ("anonymous", *subjects)


@pytest.mark.parametrize("migrated", [True], indirect=True, ids=["every aci"])
def test_rights_that_depend_on_the_connection_are_counted_apart(migrated: tuple[Ds389, list[Path]]) -> None:
    """The control knows nothing of bind methods and TLS: where they decide nothing is compared, elsewhere all is."""
    server, files = migrated

    rights = checked(server, files, [oid_sample.person_dn(number) for number in (0, 3)]).rights

    assert rights is not None
    assert 0 < rights.conditional < rights.asked / 2
    assert rights.differing == 0, rights.differences[:5]


def test_a_right_that_somebody_added_is_found(migrated: tuple[Ds389, list[Path]]) -> None:
    """An ``aci`` that is not in the files is a difference of its entry; the evaluator knows it from the server."""
    server, files = migrated
    aci = '(targetattr="*")(version 3.0; acl "planted"; allow (write) userdn="ldap:///anyone";)'
    server.modify(f"dn: {SUFFIX}\nchangetype: modify\nadd: aci\naci: {aci}\n")

    report = checked(server, files, [])

    assert [(one.kind, one.dn, one.attribute) for one in report.findings] == [("different", SUFFIX, "aci")]
    assert report.rights is not None
    assert report.rights.differing == 0


@pytest.mark.parametrize("migrated", [True], indirect=True, ids=["every aci"])
def test_who_logs_in_sees_what_the_evaluator_says(migrated: tuple[Ds389, list[Path]]) -> None:
    """By a bind with the migrated password, entry by entry and attribute by attribute; no password is ever seen."""
    server, _ = migrated
    held = converted()
    everything = server.search(("*",))
    entries = {parse_name(dn): Entry(dn, {name: tuple(held) for name, held in values.items()})
               for dn, values in everything.items()}  # fmt: skip
    groups = {name: frozenset(parse_name(member) for member in entry.values("uniquemember"))
              for name, entry in entries.items()}  # fmt: skip
    model = AciPolicy(
        [(dn, parse_aci(text, flavour="389")) for dn, texts in held.items() for text in texts], flavour="389",
        entries=entries,
    )  # fmt: skip
    time.sleep(CACHE_SECONDS)

    for number in (None, *range(0, 90, 6)):
        dn = "" if number is None else oid_sample.person_dn(number)
        password = None if number is None else oid_sample.PASSWORD.format(number=number)
        name = parse_name(dn)
        memberships = frozenset(group for group, members in groups.items() if name in members)
        subject = Subject(dn, memberships, entries.get(name), "simple" if dn else "none")
        seen = {entry: set(values) for entry, values in server.search(("*",), dn=dn or None, password=password).items()}
        shown = {
            entry.dn: {name for name in entry.attributes if model.allows("read", entry, subject, name)}
            for entry in entries.values() if model.allows("search", entry, subject, "objectclass")
        }  # fmt: skip
        assert seen == {dn: names for dn, names in shown.items() if names}
        others = {entry: names for entry, names in seen.items() if entry != dn.lower()}
        assert not any("userpassword" in names for names in others.values())


def test_both_forms_of_an_answer_are_read() -> None:
    """389's letters, and the words of Sun's servers, which OUD has by its documents."""
    letters = read_rights({"entryLevelRights": [b"vad"], "attributeLevelRights": [b"cn:rsc, sn:rscwo, mail:none"]})
    rest = b"selfwrite_add:0,selfwrite_delete:0,proxy:0"
    words = read_rights({
        "aclRights;entryLevel": [b"add:1,delete:1,read:1,write:0,proxy:0"],
        "aclRights;attributeLevel;cn": [b"search:1,read:1,compare:1,write:0," + rest],
        "aclRights;attributeLevel;sn": [b"search:1,read:1,compare:1,write:1," + rest],
        "aclRights;attributeLevel;mail": [b"search:0,read:0,compare:0,write:0," + rest],
    })  # fmt: skip

    assert letters == words
    assert sorted(letters.on_attributes["sn"]) == ["compare", "read", "search", "write"]
    assert sorted(letters.on_entry or ()) == ["add", "delete"]
    assert read_rights({"cn": [b"x"]}).on_entry is None
