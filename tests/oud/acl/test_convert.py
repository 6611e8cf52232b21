"""What each directive becomes: the mapping, its traps, and what is left out."""

from __future__ import annotations

import re

import pytest

from flext_pipelines.oud.acl.aci import Flavour
from flext_pipelines.oud.acl.aci_parser import parse_aci
from flext_pipelines.oud.acl.convert import convert, convert_policy, convert_values
from flext_pipelines.oud.acl.oid_policy import AccessValue, OidPolicy
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
        ("access to attr!=(orclguid) by * (read)", "orclaci", [f'(targetattr="*") allow (read) {ANYONE}']),
    ],
)  # fmt: skip
def test_389_says_it_without_scopes_and_without_oracles_attributes(text: str, kind: Kind, acis: list[str]) -> None:
    """It knows no targetscope; a filter on the entry's name stands for it where one can."""
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


def test_a_named_attribute_is_taken_out_of_the_broad_grant() -> None:
    """attr=(userpassword) by * (none) beside attr=(*) by * (read)."""
    _, broad = several("access to attr=(userPassword) by * (none)", "access to attr=(*) by * (read,search)")

    assert [short(aci) for aci in broad.acis] == [f'(targetattr!="userPassword") allow (read, search) {ANYONE}']


def test_a_named_attribute_that_some_may_read_is_granted_to_them_only() -> None:
    """The broad grant goes on for them, because nothing denies it to them."""
    named, broad = several(
        "access to attr=(userpassword) by self (read) by * (none)", "access to attr=(*) by * (read)"
    )  # fmt: skip

    assert [short(aci) for aci in named.acis] == ['(targetattr="userpassword") allow (read) userdn="ldap:///self"']
    assert [short(aci) for aci in broad.acis] == [
        f'(targetattr!="userpassword") allow (read) {ANYONE}',
        '(targetattr="userpassword") allow (read) userdn="ldap:///self"',
    ]


def test_a_grant_that_a_sibling_denies_is_reported() -> None:
    """OID may order the two otherwise; less is granted, and said."""
    named, _ = several("access to attr=(cn) by * (read)", "access to attr=(*) by * (none)")

    assert named.acis == ()
    assert "another value of the entry denies it" in named.left_out[0].reason


def test_who_may_not_browse_may_not_read_either() -> None:
    """OID shows no attribute of an entry that may not be browsed; OUD shows every entry of which one may be read."""
    _, broad = several(
        f'access to entry by group="{ADMINS}" (browse) by * (none)', "access to attr=(*) by * (read, write)"
    )

    assert [short(aci) for aci in broad.acis] == [
        f'(targetattr="*") allow (read) {GROUP}',
        f'(targetattr="*") allow (write) {ANYONE}',
    ]


def test_a_denial_below_a_grant_becomes_a_deny_for_exactly_those_denied() -> None:
    """A deny for anyone would take the right from the group, too."""
    _, hidden = several(
        ("dc=example,dc=com", "access to attr=(*) by * (read,search)"),
        (DN, f'access to attr=(mail) by group="{ADMINS}" (read,search) by * (none)'),
    )

    assert [short(aci) for aci in hidden.acis] == [
        f'(targetattr="mail") allow (read, search) {GROUP}',
        f'(targetattr="mail") deny (read, search) {ANYONE} and groupdn!="ldap:///{ADMINS}"',
    ]
    assert any(note.startswith("compare, write, selfwrite: the denial needs no aci") for note in hidden.notes)


def test_a_hidden_subtree_is_denied_whole() -> None:
    """Browsing denied below a grant of reading: no attribute may stay readable, operational ones included."""
    _, hidden = several(
        ("dc=example,dc=com", "access to attr=(*) by * (read)"),
        (DN, f'access to entry by group="{ADMINS}" (browse) by * (none)'),
    )

    assert [short(aci) for aci in hidden.acis] == [
        f"{SHOWN} {GROUP}",
        f'(targetattr="* || +") deny (read, search, compare) {ANYONE} and groupdn!="ldap:///{ADMINS}"',
    ]


def test_a_denied_attribute_of_many_is_denied_with_its_operational_ones() -> None:
    """In a deny, ``!=`` is not trusted to mean operational attributes."""
    _, hidden = several(
        ("dc=example,dc=com", "access to attr=(*) by * (read)"), (DN, "access to attr!=(cn) by * (noread)")
    )  # fmt: skip

    assert [short(aci) for aci in hidden.acis] == [
        f'(targetattr!="cn || objectClass") deny (read) {ANYONE}',
        f'(targetattr="+") deny (read) {ANYONE}',
    ]


def test_an_entry_level_grant_survives_its_subtrees_denial() -> None:
    """OID asks the entry's own directives first: the deny is for what stands below."""
    _, hidden, _ = several(
        ("dc=example,dc=com", "access to entry by * (browse)"),
        (DN, "access to entry by * (none)"),
        (DN, "access to entry by * (browse)", "orclentrylevelaci"),
    )

    assert [short(aci) for aci in hidden.acis] == [
        f'(targetattr="* || +")(targetscope="subordinate") deny (read, search, compare) {ANYONE}'
    ]


def test_a_grant_below_a_deny_is_reported_as_lost() -> None:
    """In OUD a deny beats what a lower policy point grants again."""
    _, denied, again = several(
        ("dc=com", "access to attr=(cn) by * (write)"),
        ("dc=example,dc=com", "access to attr=(cn) by * (nowrite)"),
        (DN, "access to attr=(cn) by self (write)"),
    )

    assert len(denied.acis) == 1
    assert "dc=example,dc=com denies it above" in again.left_out[0].reason


def test_a_denial_that_nothing_above_grants_needs_no_deny() -> None:
    """The usual root policy must not take from lower policy points what they grant."""
    root, below = several(
        ("dc=example,dc=com", "access to entry by * (browse, noadd, nodelete)"),
        (DN, f'access to entry by group="{ADMINS}" (add)'),
    )

    assert not any("deny" in aci for aci in root.acis)
    assert below.left_out == ()


def test_a_denial_of_what_a_constraint_refuses_is_kept() -> None:
    """A higher grant without the constraint would let in what OID refuses."""
    _, below = several(
        ("dc=example,dc=com", "access to entry by * (add)"),
        (DN, "access to entry by * added_object_constraint=(objectclass=person) (add)"),
    )

    assert [short(aci) for aci in below.acis] == [
        f'(targetscope="subordinate")(targetfilter="(objectclass=person)") allow (add) {ANYONE}',
        f'(targetscope="subordinate")(targetfilter="(!(objectclass=person))") deny (add) {ANYONE}',
    ]


def test_denials_of_append_to_all_reach_the_siblings() -> None:
    """What they grant does not: that would rest on memory."""
    _, sibling = several(
        f'access to entry AppendToAll by group="{ADMINS}" (none)', "access to attr=(cn) by * (read)"
    )  # fmt: skip

    assert [short(aci) for aci in sibling.acis] == [
        f'(targetattr="cn") allow (read) {ANYONE} and groupdn!="ldap:///{ADMINS}"'
    ]


def test_an_exclusion_that_cannot_be_said_excludes_more_and_is_reported() -> None:
    """Whom a GUID attribute names is not known: nobody who is bound gets what comes after it."""
    found = one("access to attr=(cn) by guidattr=(g) (none) by * (read)")

    assert [short(aci) for aci in found.acis] == [f'(targetattr="cn") allow (read) {ANYONE} and userdn!="ldap:///all"']
    assert "more people are excluded than OID excludes" in found.left_out[0].reason


def test_objectclass_denied_by_name_is_not_shown_by_browsing() -> None:
    """Browsing is said as reading objectClass; who is denied that by its name is left out."""
    browse, _ = several("access to entry by * (browse)", f'access to attr=(objectClass) by group="{ADMINS}" (none)')

    assert [short(aci) for aci in browse.acis] == [f'{SHOWN} {ANYONE} and groupdn!="ldap:///{ADMINS}"']


def test_with_the_whole_policy_reading_needs_somebody_who_may_browse() -> None:
    """Without the root DSE's policy OID's default is assumed, with it nothing is."""
    (assumed,) = several("access to attr=(cn) by * (read)")
    (known,) = several("access to attr=(cn) by * (read)", complete=True)

    assert len(assumed.acis) == 1
    assert known.acis == ()
    assert any("nobody it is granted to may browse" in note for note in known.notes)


def test_the_root_policy_goes_to_the_suffixes() -> None:
    """The root DSE itself is no place for it; without suffixes it is left out."""
    values = [AccessValue("", "orclaci", 1, "access to entry by * (browse)")]

    (placed,) = convert_values(values, ConversionOptions(suffixes=("dc=a", "dc=b")), complete=True)
    (lost,) = convert_values(values, ConversionOptions(), complete=True)

    assert placed.holders == ("dc=a", "dc=b")
    assert len(placed.acis) == 1
    assert (lost.acis, lost.left_out[0].reason) == ((), "the root DSE's policy needs suffixes")


def test_names_and_attributes_go_where_the_migration_puts_them() -> None:
    """A moved base, a renamed attribute, a group and a user that do not migrate."""
    options = ConversionOptions(
        place=lambda dn: None if "gone" in dn else dn.replace("dc=old", "dc=new"),
        attribute=lambda name: None if name == "dropped" else name.replace("_", "-"),
    )
    texts = (
        'access to attr=(my_attr, dropped) filter=(&(my_attr=1)(manager=cn=a,dc=old)) by dn="cn=a,dc=old" (read)',
        'access to attr=(cn) by dn="cn=gone,dc=old" (read)',
        'access to attr=(cn) by group="cn=gone,dc=old" (read)',
        "access to attr=(dropped) by * (read)",
        "access to attr=(cn) filter=(dropped=1) by * (read)",
        "access to attr=(cn) by dnattr=(dropped) (read)",
    )

    moved, *lost = [
        convert_policy(OidPolicy([AccessValue("ou=x,dc=old", "orclaci", 1, text)]), options)[0] for text in texts
    ]

    assert moved.holders == ("ou=x,dc=new",)
    assert [short(aci) for aci in moved.acis] == [
        '(targetattr="my-attr")(targetfilter="(&(my-attr=1)(manager=cn=a,dc=new))") allow (read) userdn="ldap:///cn=a,dc=new"'
    ]
    assert [found.acis for found in lost] == [()] * 5
    assert all("migrate" in found.left_out[0].reason for found in lost)


def test_an_excluded_group_that_does_not_migrate_excludes_everybody_bound() -> None:
    """A group that is not there has no members: excluding it would exclude nobody."""
    options = ConversionOptions(place=lambda dn: None if "gone" in dn else dn)
    values = [AccessValue(DN, "orclaci", 1, 'access to attr=(cn) by group="cn=gone" (none) by * (read)')]

    (found,) = convert_values(values, options)

    assert [short(aci) for aci in found.acis] == [f'(targetattr="cn") allow (read) {ANYONE} and userdn!="ldap:///all"']


def test_an_entry_that_does_not_migrate_gets_no_aci() -> None:
    """And the report says so."""
    (found,) = convert_values(
        [AccessValue("cn=gone", "orclaci", 1, "access to entry by * (browse)")], ConversionOptions(place=lambda _: None)
    )

    assert (found.acis, found.left_out[0].reason) == ((), "the entry does not migrate")


def test_a_value_is_converted_as_part_of_its_policy() -> None:
    """The answer for one value depends on the others."""
    policy = OidPolicy([
        AccessValue(DN, "orclaci", 1, "access to attr=(cn) by self (none)"),
        AccessValue(DN, "orclaci", 2, "access to attr=(*) by * (write)"),
    ])  # fmt: skip

    found = convert("CN=Users, dc=example,dc=com", "orclaci", "access to attr=(*) by * (write)", policy=policy)

    assert any('userdn!="ldap:///self"' in aci for aci in found.acis)
    with pytest.raises(ValueError, match="holds no orclaci value"):
        convert(DN, "orclaci", "access to entry by * (add)", policy=policy)
