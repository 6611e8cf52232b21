"""What each directive becomes by itself: the mapping, what is left out, what is noted."""

from __future__ import annotations

import re

import pytest

from flext_pipelines.oud.acl.aci import Flavour
from flext_pipelines.oud.acl.aci_parser import parse_aci
from flext_pipelines.oud.acl.convert import convert, convert_values
from flext_pipelines.oud.acl.oid_policy import AccessValue
from flext_pipelines.oud.acl.options import Conversion, ConversionOptions
from flext_pipelines.oud.acl.orclaci import Kind

DN = "cn=users,dc=example,dc=com"
ADMINS = "cn=admins,dc=example,dc=com"
ANYONE = 'userdn="ldap:///anyone"'
GROUP = f'groupdn="ldap:///{ADMINS}"'
SHOWN = '(targetattr="objectClass") allow (read, search)'


def short(aci: str) -> str:
    """An ``aci`` without its version, name and outer parentheses."""
    return re.sub(r'\(version 3\.0; acl "[^"]*"; (.*);\)$', r" \1", aci).strip()


def one(text: str, *, kind: Kind = "orclaci", flavour: Flavour = "oud", dn: str = DN) -> Conversion:
    """The conversion of one value alone."""
    return convert(dn, kind, text, flavour=flavour)


def several(*texts: str | tuple[str, str] | tuple[str, str, Kind], complete: bool = False) -> list[Conversion]:
    """The conversions of a policy: texts at one entry, or with the entry and kind."""
    values = []
    for number, text in enumerate(texts, 1):
        dn, words, kind = (DN, text, "orclaci") if isinstance(text, str) else (*text, "orclaci")[:3]
        values.append(AccessValue(dn, "orclaci" if kind == "orclaci" else "orclentrylevelaci", number, words))
    return convert_values(values, complete=complete)


@pytest.mark.parametrize(
    ("text", "acis"),
    [
        # attributes
        ("access to attr=(cn, sn) by * (read,search)", [f'(targetattr="cn || sn") allow (read, search) {ANYONE}']),
        ("access to attr!=(userPassword) by * (read)", [f'(targetattr!="userPassword") allow (read) {ANYONE}']),
        ("access to attr=(*) by * (compare)", [f'(targetattr="*") allow (compare) {ANYONE}']),
        ("access to attr=(member) by * (selfwrite)", [f'(targetattr="member") allow (selfwrite) {ANYONE}']),
        ("access to attr=(*) by self (write)", ['(targetattr="*") allow (write) userdn="ldap:///self"']),
        # entries
        ("access to entry by * (browse)", [f"{SHOWN} {ANYONE}"]),
        ("access to entry by * (delete)", [f"allow (delete) {ANYONE}"]),
        ("access to entry by * (proxy)", [f"allow (proxy) {ANYONE}"]),
        ("access to entry by * (add)", [f'(targetscope="subordinate") allow (add) {ANYONE}']),
        (
            f'access to entry by group="{ADMINS}" (browse,add,delete)',
            [f"{SHOWN} {GROUP}", f'(targetscope="subordinate") allow (add) {GROUP}', f"allow (delete) {GROUP}"],
        ),
        # subjects
        ('access to entry by dn="cn=a, dc=x" (delete)', ['allow (delete) userdn="ldap:///cn=a, dc=x"']),
        (
            'access to entry by dn=".*,dc=x" (delete)',
            ['allow (delete) userdn="ldap:///dc=x??sub?(objectClass=*)" and userdn!="ldap:///dc=x"'],
        ),
        (
            'access to entry by dn="*, ou=a,dc=x" (delete)',
            ['allow (delete) userdn="ldap:///ou=a,dc=x??sub?(objectClass=*)" and userdn!="ldap:///ou=a,dc=x"'],
        ),
        ('access to entry by dn=".*" (delete)', ['allow (delete) userdn="ldap:///all"']),
        ("access to entry by dnattr=(owner) (delete)", ['allow (delete) userattr="owner#USERDN"']),
        ("access to entry by groupattr=(owner) (delete)", ['allow (delete) userattr="owner#GROUPDN"']),
        ("access to entry by SuperUser (delete)", []),
        # subjects of adding are asked of the parent
        ("access to entry by self (add)", ['(targetscope="subordinate") allow (add) userdn="ldap:///parent"']),
        (
            "access to entry by dnattr=(owner) (add)",
            ['(targetscope="subordinate") allow (add) userattr="parent[1].owner#USERDN"'],
        ),
        # filters
        (
            "access to attr=(cn) filter=(objectclass = person) by * (read)",
            [f'(targetattr="cn")(targetfilter="(objectclass=person)") allow (read) {ANYONE}'],
        ),
        (
            "access to entry by * added_object_constraint=(&(objectclass=a)(objectclass=b)) (browse, add)",
            [
                f"{SHOWN} {ANYONE}",
                f'(targetscope="subordinate")(targetfilter="(&(objectclass=a)(objectclass=b))") allow (add) {ANYONE}',
            ],
        ),
        # connections
        ("access to entry by * BindMode=(simple) (delete)", [f'allow (delete) {ANYONE} and authmethod="simple"']),
        ("access to entry by * BindMode=SSLNoAuth (delete)", [f'allow (delete) {ANYONE} and ssf>="1"']),
        ("access to entry by * BindMode = SSLOneWay (delete)", [f'allow (delete) {ANYONE} and ssf>="1"']),
        (
            "access to entry by * BindMode=(SSLTwoWay) (delete)",
            [f'allow (delete) {ANYONE} and ssf>="1" and authmethod="ssl"'],
        ),
        (
            "access to entry by * BindMode=(MD5Digest|SSLOneWay) (delete)",
            [f'allow (delete) {ANYONE} and authmethod="sasl DIGEST-MD5" and ssf>="1"'],
        ),
        ("access to entry by * BindMode=(PKCS12) (delete)", [f'allow (delete) {ANYONE} and authmethod="ssl"']),
        (
            "access to entry by * BindIPFilter=(|(orclipaddress=1.2.3.*)(orclipaddress=1.2.*)) (delete)",
            [f'allow (delete) {ANYONE} and ip="1.2.3.*,1.2.*.*"'],
        ),
        (
            "access to entry by * BindIPFilter=(&(orclipaddress!=1.2.*)(!(orclipaddress=3.4.5.6))) (delete)",
            [f'allow (delete) {ANYONE} and ip!="1.2.*.*" and ip!="3.4.5.6"'],
        ),
        # denials
        ("access to entry by * (none)", []),
        ("access to entry by * (noadd, nodelete)", []),
        ("access to attr=(*) by * (noread)", []),
        ("access to entry by * (browse, noadd, nodelete)", [f"{SHOWN} {ANYONE}"]),
        ("access to attr=(cn) by * (read, write, nowrite)", [f'(targetattr="cn") allow (read) {ANYONE}']),
        ("access to attr=(cn) by * (read, none)", []),
        (
            f'access to attr=(cn) by group="{ADMINS}" (none) by * (read)',
            [f'(targetattr="cn") allow (read) {ANYONE} and groupdn!="ldap:///{ADMINS}"'],
        ),
        (
            f'access to attr=(cn) by * (read) by group="{ADMINS}" (noread)',
            [f'(targetattr="cn") allow (read) {ANYONE} and groupdn!="ldap:///{ADMINS}"'],
        ),
        (f'access to attr=(cn) by * (none) by group="{ADMINS}" (read)', []),
        (
            f'access to attr=(cn) by group="{ADMINS}" (write) by * (read)',
            [f'(targetattr="cn") allow (read) {ANYONE} and groupdn!="ldap:///{ADMINS}"',
             f'(targetattr="cn") allow (write) {GROUP}'],
        ),
        (
            "access to attr=(cn) by dnattr=(owner) (none) by * (read)",
            [f'(targetattr="cn") allow (read) {ANYONE} and (userdn!="ldap:///all" or (not userattr="owner#USERDN"))'],
        ),
        # wrong level
        ("access to entry by * (read, write)", []),
        ("access to attr=(cn) by * (browse, add)", []),
        # OID's own attributes
        (
            "access to attr!=(orclaci,userpassword) by * (read)",
            [f'(targetattr!="aci || userpassword") allow (read) {ANYONE}'],
        ),
        ("access to attr!=(authpassword;oid) by * (read)", [f'(targetattr!="authpassword") allow (read) {ANYONE}']),
    ],
)  # fmt: skip
def test_the_mapping(text: str, acis: list[str]) -> None:
    """Each form of a directive becomes exactly this, and every ``aci`` passes the strict parser."""
    found = one(text)

    assert [short(aci) for aci in found.acis] == acis
    assert all(parse_aci(aci, holder=DN) for aci in found.acis)
    assert found.original == text
    assert found.holders == ((DN,) if acis else ())


@pytest.mark.parametrize(
    ("text", "acis"),
    [
        ("access to entry by * (browse)",
         [f'(targetattr="objectClass")(targetscope="base") allow (read, search) {ANYONE}']),
        ("access to entry by * (add)", [f'(targetscope="onelevel") allow (add) {ANYONE}']),
        ("access to entry by * (delete)", [f'(targetscope="base") allow (delete) {ANYONE}']),
        ("access to attr=(cn) filter=(a=b) by * (read)",
         [f'(targetattr="cn")(targetscope="base")(targetfilter="(a=b)") allow (read) {ANYONE}']),
    ],
)  # fmt: skip
def test_entry_level_directives_reach_their_entry_only(text: str, acis: list[str]) -> None:
    """What they say of adding is said of the entry's children."""
    assert [short(aci) for aci in one(text, kind="orclentrylevelaci").acis] == acis


@pytest.mark.parametrize(
    ("text", "kind", "acis"),
    [
        ("access to attr=(cn) by * (read)", "orclentrylevelaci",
         [f'(targetattr="cn")(targetfilter="(entrydn={DN})") allow (read) {ANYONE}']),
        ("access to entry by * (add)", "orclaci", [f'(targetfilter="(!(entrydn={DN}))") allow (add) {ANYONE}']),
        ("access to entry by * (add)", "orclentrylevelaci", []),
        ("access to attr=(cn, orclguid, authpassword;oid) by * (read)", "orclaci",
         [f'(targetattr="cn") allow (read) {ANYONE}']),
        ("access to attr!=(orclguid) by * (read)", "orclaci", [f'(targetattr!="orclguid*") allow (read) {ANYONE}']),
    ],
)  # fmt: skip
def test_389_says_it_without_scopes_and_with_names_that_it_knows(text: str, kind: Kind, acis: list[str]) -> None:
    """It knows no targetscope: a filter on the name stands for it. A name that it may not know ends in ``*``."""
    found = one(text, kind=kind, flavour="389")

    assert [short(aci) for aci in found.acis] == acis
    assert all(parse_aci(aci, flavour="389", holder=DN) for aci in found.acis)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("access to entry by guidattr=(g) (browse)", "compares names, not GUIDs"),
        ("access to entry by * BindMode=(proxy) (browse)", "no bind rule asks whether a connection is a proxy's"),
        ("access to entry by * BindIPFilter=(orclipaddress=1.2.3*) (browse)", "more than IPv4 addresses"),
        ("access to entry by * BindIPFilter=(cn=1.2.3.4) (browse)", "more than IPv4 addresses"),
        ('access to entry by dn="cn=.*,dc=x" (browse)', "neither a DN nor *,<DN>"),
        ('access to entry by dn="rubbish" (browse)', "neither a DN nor *,<DN>"),
        ('access to entry by group="rubbish" (browse)', "is no DN"),
        ("access to entry filter=(objectclass=a) by * (add)", "OID asks its filter of the parent"),
        ("access to attr=(cn;lang-de) by * (read)", "none of the attributes migrates"),
        ("access to attr=(cn) filter=(cn:dn:=x) by * (read)", "extensible match"),
        ("access to entry by dnattr=(a;b) (browse)", "has options"),
    ],
)
def test_what_cannot_be_said_is_left_out_and_reported(text: str, reason: str) -> None:
    """With the original and the reason."""
    found = one(text)

    assert found.acis == ()
    assert any(reason in part.reason for part in found.left_out)
    assert {part.original for part in found.left_out} == {text}
    assert {part.severity for part in found.left_out} == {"warning"}


def test_what_is_no_directive_is_an_error_of_the_report() -> None:
    """What it denied is unknown, so that somebody must look."""
    found = one("access to entry by * (brows)")

    assert (found.acis, found.holders) == ((), ())
    assert [(part.severity, part.part) for part in found.left_out] == [("error", "access to entry by * (brows)")]
    assert "unknown permission 'brows' at column 23" in found.left_out[0].reason


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("access to entry by * (none)", "the denial needs no aci, since nothing above grants it"),
        ("access to entry DenyGroupOverride by * (none)", "every denial is taken as final"),
        ("access to entry AppendToAll by * (browse)", "its denials are added to the entry's other values"),
        ("access to entry by SuperUser (add)", "root user is bound by no aci"),
        ("access to entry by * (proxy)", "look whether it is still wanted"),
        ("access to entry by * (add, delete)", "import and export"),
        ("access to entry by * (read, write)", "read, write: has no meaning for an entry"),
        ("access to entry by * BindMode=(SSLOneWay) (browse)", "said as ssf of 1 or more"),
        ("access to entry by * BindMode=(simple|SSLOneWay) (browse)", "meet all of it"),
        ("access to attr=(*) by * (read)", "leaves out operational attributes"),
        ("access to entry by * (none) by self (add)", "leave nobody to grant it to"),
    ],
)
def test_choices_are_noted(text: str, note: str) -> None:
    """Nothing is lost, but a reader should know."""
    assert any(note in line for line in one(text).notes)


def test_names_are_unique_traceable_and_without_quotes() -> None:
    """They hold the attribute, the number of the value and a digest of the entry's name, whatever that name is."""
    first, second = several(
        ('cn="Sales, EMEA",dc=x', "access to entry by * (browse, add, delete)"),
        ("cn=sales\\, emea, dc=X", "access to entry by self (browse)", "orclentrylevelaci"),
    )

    names = [match for aci in (*first.acis, *second.acis) for match in re.findall(r'acl "(.*?)";', aci)]

    assert len(set(names)) == len(names) == 4
    assert names[0].startswith("orclaci 1.1 of ")
    assert names[3].startswith("orclentrylevelaci 2.1 of ")
    assert names[0][-12:] == names[3][-12:]


def test_a_name_with_quotes_keeps_every_aci_valid() -> None:
    """In the entry, in a group, in the filter that stands for a scope."""
    dn = 'cn="a ""b"" (c)*",dc=x'.replace('""', '\\"')
    for flavour in ("oud", "389"):
        found = one(f'access to entry by group="{dn.replace(chr(34), chr(92) + chr(34))}" (browse, add, delete)',
                    flavour="389" if flavour == "389" else "oud", dn=dn, kind="orclentrylevelaci")  # fmt: skip

        assert not found.acis or all('\\"' not in aci for aci in found.acis)


@pytest.mark.parametrize(("granted", "denied"), [("surname", "sn"), ("userPassword", "2.5.4.35"), ("cn", "commonName")])
def test_an_attribute_is_one_by_all_its_names(granted: str, denied: str) -> None:
    """What is granted by one name of an attribute and denied by another is denied: beside it, and below it."""
    beside = several(f"access to attr=({granted}) by * (read)", f"access to attr=({denied}) by * (none)")
    below = several(f"access to attr=({granted}) by * (read)", (f"cn=a,{DN}", f"access to attr=({denied}) by * (none)"))

    assert [found.acis for found in beside] == [(), ()]
    assert [len(found.acis) for found in below] == [1, 1]
    assert "deny (read)" in below[1].acis[0]


def test_a_list_without_an_attribute_leaves_it_out_by_all_its_names() -> None:
    """A grant on everything but a number does not grant on the attribute of that number."""
    (found, _) = several("access to attr=(*) by * (read)", "access to attr=(2.5.4.35) by * (none)")

    assert [short(aci) for aci in found.acis] == [f'(targetattr!="userpassword") allow (read) {ANYONE}']


@pytest.mark.parametrize(
    ("granted", "denied"),
    [
        ("CN=A,dc=x", "cn=a,dc=x"),
        (r"cn=a\2cb,dc=x", r"cn=a\,b,dc=x"),
        ("commonName=a,dc=x", "cn=a,dc=x"),
        ("cn=A,dc=x", "cn=\uff21,dc=x"),
        ("cn=STRASSE,dc=x", "cn=stra\u00dfe,dc=x"),
    ],
)
def test_a_user_is_one_in_all_spellings(granted: str, denied: str) -> None:
    """Who is granted something under one spelling of a name and denied it under another is denied it."""
    grant, denial = f'access to attr=(sn) by dn="{granted}" (read)', f'access to attr=(sn) by dn="{denied}" (none)'

    (_, below) = several(grant, (f"cn=a,{DN}", denial))
    (first,) = several(f'access to attr=(sn) by dn="{denied}" (none) by dn="{granted}" (read)')

    assert [("deny (read)" in aci, denied.rpartition(",")[2] in aci) for aci in below.acis] == [(True, True)]
    assert all("userdn!=" in aci for aci in first.acis)


def test_a_denial_whose_filter_has_no_text_is_for_all_entries() -> None:
    """A filter that becomes too deep in 389's form is left out of a denial, which stays."""
    deep = "(!" * 256 + "(cn=z)" + ")" * 256
    values = [
        AccessValue(DN, "orclaci", 1, "access to attr=(sn) by * (read)"),
        AccessValue(DN, "orclentrylevelaci", 1, f"access to attr=(sn) filter={deep} by * (none)"),
    ]

    (_, denial) = convert_values(values, ConversionOptions(flavour="389"))

    assert len(denial.acis) == 1
    assert "deny (read)" in denial.acis[0]
