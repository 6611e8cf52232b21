"""The conversion proved against OID's model: nobody gains anything."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.aci import Flavour
from flext_pipelines.oud.acl.convert import convert_policy
from flext_pipelines.oud.acl.oid_policy import AccessValue, OidPolicy
from flext_pipelines.oud.acl.options import ConversionOptions
from flext_pipelines.oud.acl.proof import ProofReport, prove
from tests.oud.acl.policies import ADA, ADMINS, BASE, BEN, CLEO, ENTRIES, PEOPLE, SUBJECTS, policies


def proved(values: list[AccessValue], flavour: Flavour = "oud", *, complete: bool = False) -> ProofReport:
    """Convert a policy and prove the conversion on the small directory."""
    policy = OidPolicy(values, complete=complete)
    conversions = convert_policy(policy, ConversionOptions(flavour, suffixes=(BASE,)))
    acis = [(holder, text) for found in conversions for holder in found.holders for text in found.acis]
    return prove(ENTRIES, policy, acis, SUBJECTS, flavour=flavour)


@pytest.mark.parametrize("flavour", ["oud", "389"])
@given(values=policies(), complete=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_conversion_grants_what_oid_did_not(flavour: Flavour, values: list[AccessValue], complete: bool) -> None:
    """Whatever the policy, in neither dialect does anybody gain a right."""
    report = proved(values, flavour, complete=complete)

    assert report.gained == 0, report.differences


def value(text: str, dn: str = PEOPLE, number: int = 1) -> AccessValue:
    """A value of an entry of the small directory."""
    return AccessValue(dn, "orclaci", number, text)


@pytest.mark.parametrize("flavour", ["oud", "389"])
def test_an_object_class_that_browsing_does_not_show_stays_hidden_below(flavour: Flavour) -> None:
    """A lower denial of every attribute is not left to browsing where a directive above names objectClass."""
    report = proved(
        [
            value("access to attr=(objectclass) by * (read) by * (none)", BASE, 1),
            value("access to attr=(*) by * (none)", PEOPLE, 2),
        ],
        flavour,
    )

    assert report.gained == 0, report.differences
    assert report.granted > 0


def test_an_exact_conversion_loses_nothing() -> None:
    """The usual policy of a realm is said whole."""
    report = proved(
        [
            value("access to entry by * (browse, noadd, nodelete)", BASE, 1),
            value("access to attr=(userpassword) by self (read, write) by * (none)", BASE, 2),
            value("access to attr!=(modifytimestamp, aci, userpassword) by * (read, search, compare)", BASE, 3),
            value(
                f'access to entry by group="{ADMINS}" (add, delete) by dnattr=(owner) (delete) by * (browse)', PEOPLE, 4
            ),
        ],
        complete=True,
    )

    assert (report.gained, report.lost, report.differences) == (0, 0, ())
    assert report.granted > 200


def test_what_is_gained_is_found() -> None:
    """An ``aci`` that grants more than OID did is a line for each right, entry and subject."""
    policy = OidPolicy([value("access to entry by * (browse)")])
    anyone = '(version 3.0; acl "x"; allow (delete) userdn="ldap:///anyone";)'

    report = prove(ENTRIES, policy, [(PEOPLE, anyone)], [SUBJECTS[0], SUBJECTS[1]])

    assert not report.holds
    assert {(line.kind, line.right) for line in report.differences if line.kind == "gained"} == {("gained", "delete")}
    assert report.gained == 10
    assert {line.subject.split()[0] for line in report.differences} == {"anonymous", ADA}


def test_what_is_lost_is_found() -> None:
    """A right that no ``aci`` gives is a line."""
    report = prove(ENTRIES, OidPolicy([value("access to entry by self (delete)")]), [], SUBJECTS)

    assert report.holds
    assert {(line.right, line.dn, line.kind) for line in report.differences} == {
        ("delete", ADA, "lost"), ("delete", BEN, "lost")
    }  # fmt: skip


def test_the_way_flext_converted_would_be_found_out() -> None:
    """Browsing as reading all attributes, and a denial as its complement: the faults to beat."""
    policy = OidPolicy(
        [value("access to entry by * (browse, noadd)"), value("access to attr=(*) by * (noread)", number=2)]
    )
    shown = '(targetattr="*")(version 3.0; acl "x"; allow (read,search) userdn="ldap:///anyone";)'
    complement = '(targetattr="*")(version 3.0; acl "y"; allow (write,selfwrite) userdn="ldap:///anyone";)'

    report = prove(ENTRIES, policy, [(PEOPLE, shown), (PEOPLE, complement)], SUBJECTS[:1])

    gained = {(line.right, line.attribute) for line in report.differences if line.kind == "gained"}
    assert {("read", "userpassword"), ("write", "userpassword"), ("selfwrite", "cn")} <= gained


def test_a_moved_directory_is_proved_where_it_went() -> None:
    """Entries, subjects, groups and DN values are asked about under their new names."""

    def place(dn: str) -> str | None:
        return None if "cleo" in dn else dn.replace("dc=example,dc=com", "o=new")

    policy = OidPolicy([
        value(f'access to entry by group="{ADMINS}" (delete) by dnattr=(owner) (proxy) by self (browse)', BASE)
    ])  # fmt: skip
    conversions = convert_policy(policy, ConversionOptions(place=place))
    acis = [(holder, text) for found in conversions for holder in found.holders for text in found.acis]

    report = prove(ENTRIES, policy, acis, SUBJECTS, place=place)

    assert acis[0][0] == "o=new"
    assert report.gained == 0
    assert report.granted > 10
    assert not any(CLEO in line.dn for line in report.differences)


def test_a_proof_of_what_is_no_aci_is_refused() -> None:
    """OUD would not start with it."""
    with pytest.raises(AciSyntaxError):
        prove(ENTRIES, OidPolicy([]), [(PEOPLE, "access to entry by * (browse)")], SUBJECTS)


def test_who_is_denied_reading_object_class_does_not_search_for_it() -> None:
    """Browsing stands for reading and searching objectClass; a denial of one below it takes the other along."""
    found = proved([value("access to entry by * (browse)", BASE), value("access to attr=(objectclass) by * (noread)")])

    assert found.gained == 0
