"""Attributes by the default rules, one by one, and by a site's."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest

from flext_pipelines.errors import UsageError
from flext_pipelines.oud.rules.reading import read_rules
from tests.oud.entries.conftest import PERSON, Migration, attributes, codes

Make = Callable[..., Migration]

DEFAULTS = [(why, name) for why, names in read_rules().attributes.drop.items() for name in names]


@pytest.mark.parametrize(("why", "name"), DEFAULTS)
def test_what_the_rules_drop_is_gone_and_counted(migration: Make, why: str, name: str) -> None:
    """In any case and with every option, by its reason."""
    made = migration()
    kept = made.person(f"{name.upper()}: one\n{name};oid: two\nx{name}: y\n".encode())

    assert not any(found.partition(b";")[0] == name.encode() for found in attributes(kept))
    assert made.dropped()[why, name] == 2
    assert made.dropped()["unknown-attribute", f"x{name}"] == 1


def test_access_values_are_taken_out(migration: Make) -> None:
    """Each with its number, folds undone, with the name that the entry has in the source."""
    kept = migration(target="o=new").person(
        b"orclaci: access to entry\n  by * (browse)\nOrclACI:: YWNjZXNz\n"
        b"orclentrylevelaci: access to attr=(*) by * (none)\n"
    )

    assert [(value.dn, value.kind, value.number, value.text) for value in kept.access] == [
        ("cn=a,dc=example,dc=com", "orclaci", 1, "access to entry by * (browse)"),
        ("cn=a,dc=example,dc=com", "orclaci", 2, "access"),
        ("cn=a,dc=example,dc=com", "orclentrylevelaci", 1, "access to attr=(*) by * (none)"),
    ]
    assert not any(b"aci" in name for name in attributes(kept))


def test_access_values_of_entries_that_do_not_migrate_are_told_too(migration: Make) -> None:
    """Those above the base hold for entries below it; those of a rejected entry for its children."""
    made = migration()

    above = made.excluded(b"dn: dc=com\nobjectclass: domain\ndc: com\norclaci: a\norclEntryLevelACI: b\n")
    refused = made.rejected(b"dn: sn=x,dc=example,dc=com\nobjectclass: top\nsn: x\norclaci: c\n")

    assert [value.text for value in above.access] == ["a", "b"]
    assert [value.text for value in refused.access] == ["c"]


@pytest.mark.parametrize(
    ("value", "becomes", "note"),
    [
        (b"ENABLED", None, None), (b"enabled", None, None), (b"DISABLED", b"true", None), (b"Disabled", b"true", None),
        (b"1", None, "value-not-mapped"), (b"true", None, "value-not-mapped"), (b"LOCKED", None, "value-not-mapped"),
    ],
)  # fmt: skip
def test_orclisenabled_becomes_the_flag_of_a_disabled_account(
    migration: Make, value: bytes, becomes: bytes | None, note: str | None
) -> None:
    """ENABLED is what OUD takes for granted; another value is reported and disables nobody."""
    made = migration()
    kept = made.person(b"orclIsEnabled: " + value + b"\n")

    assert attributes(kept).get(b"ds-pwp-account-disabled") == (None if becomes is None else [becomes])
    assert codes(kept) == ([] if note is None else [note])
    assert sum(made.dropped().values()) == (0 if becomes else 1)


def test_a_site_converts_values_of_its_own(migration: Make) -> None:
    """Into another attribute, and what its map does not name as its rule says."""
    site = "values: {employeeType: {to: title, map: {E: Employee, X: null}, other: %s}}"

    assert attributes(migration(site % "keep").person(b"employeetype: e\nemployeetype: other\n"))[b"title"] == [
        b"Employee", b"other"
    ]  # fmt: skip
    assert b"title" not in attributes(migration(site % "drop").person(b"employeetype: x\nemployeetype: other\n"))
    with pytest.raises(AssertionError, match="value-not-mapped"):
        migration(site % "reject").person(b"employeetype: other\n")


def hashed(scheme: str, size: int) -> bytes:
    return f"{{{scheme}}}".encode() + base64.b64encode(bytes(range(size)))


@pytest.mark.parametrize(
    "value",
    [hashed("SSHA", 28), hashed("ssha", 24), hashed("SHA", 20), hashed("MD5", 16), hashed("SMD5", 24),
     hashed("SSHA256", 40), hashed("SSHA384", 56), hashed("SSHA512", 72), b"{CRYPT}$1$abcdefgh$" + b"x" * 22,
     b"{PBKDF2}10000:c2FsdA=="],
)  # fmt: skip
@pytest.mark.parametrize("written", [b"userpassword: %b", b"userPassword:   %b", b"userpassword:: %b"])
def test_a_password_that_oud_verifies_is_kept(migration: Make, value: bytes, written: bytes) -> None:
    """Byte by byte, however it stands in the file."""
    stands = base64.b64encode(value) if b"::" in written else value
    kept = migration().person(written % stands + b"\n")

    assert attributes(kept)[b"userpassword"] == [value]
    assert codes(kept) == []


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (hashed("MD4", 16), "password-scheme"), (hashed("SHA256", 32), "password-scheme"),
        (hashed("SHA512", 64), "password-scheme"), (hashed("MR-SHA512", 64), "password-scheme"),
        (hashed("SASL/MD5", 16), "password-scheme"), (b"{X- ORCLIFSMD5}abcd", "password-scheme"),
        (b"{AES}abcd", "password-scheme"), (b"{SSHA}", "password-damaged"), (b"{SSHA}AAAA", "password-damaged"),
        (hashed("SHA", 12), "password-damaged"), (b"{MD5}not base64", "password-damaged"),
        (b"secret", "password-clear"), (b"{CLEAR}secret", "password-clear"), (b"{BASE64}c2VjcmV0", "password-clear"),
        (b"{", "password-clear"), (b"{ssha} x", "password-damaged"),
    ],
)  # fmt: skip
def test_another_password_is_never_passed_on(migration: Make, value: bytes, code: str) -> None:
    """It is dropped and the entry listed for a reset; no note holds a part of it."""
    made = migration()
    kept = made.person(b"userpassword:: " + base64.b64encode(value) + b"\n")

    assert b"userpassword" not in attributes(kept)
    assert codes(kept) == [code, "password-reset"]
    assert made.dropped() == {(code, "userpassword"): 1}
    assert not any(value.partition(b"}")[2].decode() in note.text for note in kept.notes if value.partition(b"}")[2])
    assert "secret" not in str(kept.notes)


def test_one_good_password_is_enough(migration: Make) -> None:
    """An entry with another that is dropped needs no reset."""
    kept = migration().person(b"userpassword: {MD4}x\nuserpassword: " + hashed("SSHA", 28) + b"\n")

    assert attributes(kept)[b"userpassword"] == [hashed("SSHA", 28)]
    assert codes(kept) == ["password-scheme"]


def test_a_site_decides_on_clear_and_unknown_passwords(migration: Make) -> None:
    """Clear ones may be kept; unknown ones only dropped or refused."""
    kept = migration("passwords: {clear_text: keep}").person(b"userpassword: secret\n")

    assert attributes(kept)[b"userpassword"] == [b"secret"]
    assert codes(kept) == ["password-clear"]
    for site, value in (("clear_text", b"secret"), ("other", b"{MD4}x")):
        with pytest.raises(AssertionError, match="password-"):
            migration(f"passwords: {{{site}: reject}}").person(b"userpassword: " + value + b"\n")


def test_a_password_attribute_may_be_renamed(migration: Make) -> None:
    """Its values are looked at all the same."""
    made = migration(
        "attributes: {rename: {examplePassword: userPassword}}\npasswords: {attributes: {add: [examplePassword]}}"
    )
    kept = made.person(b"examplepassword: " + hashed("SSHA", 28) + b"\nexamplepassword: {MD4}x\n")

    assert attributes(kept)[b"userpassword"] == [hashed("SSHA", 28)]
    assert codes(kept) == ["password-scheme"]


def test_a_real_hash_of_every_kind_is_taken_as_whole(migration: Make) -> None:
    """The digests that Python makes, with salts of 4 to 16 bytes."""
    made = migration()
    for name, algorithm in (("SSHA", "sha1"), ("SSHA256", "sha256"), ("SSHA512", "sha512"), ("SMD5", "md5")):
        for length in (4, 8, 16):
            salt = b"s" * length
            digest = hashlib.new(algorithm, b"x" + salt, usedforsecurity=False).digest() + salt
            assert codes(made.person(b"userpassword: {%b}%b\n" % (name.encode(), base64.b64encode(digest)))) == []


def test_the_identifier_is_kept_where_it_is_wanted(migration: Make) -> None:
    """Nowhere, in a side file, or in an attribute."""
    line = b"orclGUID: 0123456789ABCDEF0123456789ABCDEF\n"
    nowhere = migration()
    kept = nowhere.person(line)
    assert kept.guid is None
    assert nowhere.dropped() == {("identifier", "orclguid"): 1}

    filed = migration("guid: {keep: file}").person(line)
    assert filed.guid == b"0123456789ABCDEF0123456789ABCDEF"
    assert b"orclguid" not in attributes(filed)

    beside = migration("guid: {keep: attribute, attribute: employeeNumber}").person(line)
    assert attributes(beside)[b"employeenumber"] == [b"0123456789ABCDEF0123456789ABCDEF"]
    with pytest.raises(UsageError, match="guid"):
        migration("guid: {keep: attribute}")


def test_what_the_target_does_not_know_goes_by_rule(migration: Make) -> None:
    """Dropped and noted, kept, or the entry is refused."""
    made = migration()
    kept = made.person(b"exampleBadge: 7\nexampleBadge;x-y: 8\n")

    assert b"examplebadge" not in attributes(kept)
    assert made.dropped() == {("unknown-attribute", "examplebadge"): 2}
    assert attributes(migration("attributes: {unknown: keep}").person(b"exampleBadge: 7\n"))[b"examplebadge"] == [b"7"]
    with pytest.raises(AssertionError, match="unknown-attribute"):
        migration("attributes: {unknown: reject}").person(b"exampleBadge: 7\n")


def test_what_no_class_allows_goes_by_rule(migration: Make) -> None:
    """Dropped and noted, kept, refused, or the entry becomes extensible."""
    line = b"gidnumber: 7\n"
    made = migration()

    assert codes(made.person(line)) == ["attribute-not-allowed"]
    assert made.dropped() == {("attribute-not-allowed", "gidnumber"): 1}
    assert attributes(migration("attributes: {not_allowed: keep}").person(line))[b"gidnumber"] == [b"7"]
    extensible = attributes(migration("attributes: {not_allowed: extensible}").person(line))
    assert extensible[b"gidnumber"] == [b"7"]
    assert b"extensibleObject" in extensible[b"objectclass"]
    with pytest.raises(AssertionError, match="attribute-not-allowed"):
        migration("attributes: {not_allowed: reject}").person(line)


def test_attributes_are_renamed_with_their_options(migration: Make) -> None:
    """In any case; two that become one lose values that are the same."""
    made = migration("attributes: {rename: {exampleMail: mail, 'title;x-old': description}}")
    kept = made.person(b"mail: A@b\nexamplemail: a@B\nExampleMail;lang-de: c@d\ntitle;x-old: t\ntitle: u\n")

    found = attributes(kept)
    assert found[b"mail"] == [b"A@b"]
    assert found[b"mail;lang-de"] == [b"c@d"]
    assert found[b"description"] == [b"t"]
    assert found[b"title"] == [b"u"]
    assert made.dropped() == {("duplicate-value", "mail"): 1}


def test_underscores_become_hyphens(migration: Make) -> None:
    """As in the schema; OUD refuses such names."""
    keeping = "unknown: keep, not_allowed: keep"

    found = attributes(migration(f"attributes: {{{keeping}}}").person(b"example_cost_centre: 7\n"))
    assert found[b"example-cost-centre"] == [b"7"]
    found = attributes(migration(f"attributes: {{{keeping}, underscores: keep}}").person(b"example_cost_centre: 7\n"))
    assert found[b"example_cost_centre"] == [b"7"]


@pytest.mark.parametrize("line", [b"description:\n", b"description: \n", b"description::\n", b"DESCRIPTION:   \n"])
def test_a_value_of_no_length_goes(migration: Make, line: bytes) -> None:
    """OUD's directory strings refuse it; the others of the attribute stay."""
    made = migration()
    kept = made.person(line + b"description: x\n")

    assert attributes(kept)[b"description"] == [b"x"]
    assert made.dropped() == {("empty-value", "description"): 1}
    assert attributes(migration("attributes: {empty: keep}").person(line))[b"description"] == [b""]
    with pytest.raises(AssertionError, match="empty-value"):
        migration("attributes: {empty: reject}").person(line)


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (b"mail: A@b\nmail: a@B\n", [b"A@b"]),
        (b"description: a  b\ndescription: A b\ndescription: c\n", [b"a  b", b"c"]),
        (b"seealso: cn=A,dc=example,dc=com\nseealso: CN=a, DC=example,dc=com\n", [b"cn=A,dc=example,dc=com"]),
        (b"description: \xc3\x89\ndescription:: w6k=\n", ["\u00c9".encode()]),
        (b"labeleduri: http://a\nlabeleduri: http://A\n", [b"http://a", b"http://A"]),
        (b"jpegphoto:: QQ==\njpegphoto:: YQ==\njpegphoto:: QQ==\n", [b"A", b"a"]),
        (b"mail;lang-de: x\nmail: x\n", [b"x"]),
    ],
)
def test_the_same_value_stands_once(migration: Make, lines: bytes, left: list[bytes]) -> None:
    """By the matching rule of the attribute: any case, names as names, certificates by their bytes."""
    kept = migration().person(lines)

    name = lines[: lines.index(b":")].partition(b";")[0]
    assert attributes(kept)[name] == left


def test_several_values_where_one_may_stand(migration: Make) -> None:
    """Refused; by rule the first is kept, and noted. The same value twice is one."""
    lines = b"employeenumber: 1\nemployeenumber: 2\n"
    made = migration("attributes: {several_values: first}")
    kept = made.person(lines)

    with pytest.raises(AssertionError, match="several-values"):
        migration().person(lines)
    assert attributes(kept)[b"employeenumber"] == [b"1"]
    assert made.dropped() == {("several-values", "employeenumber"): 1}
    assert attributes(migration().person(b"employeenumber: 1\nemployeenumber: 1\n"))[b"employeenumber"] == [b"1"]


@pytest.mark.parametrize(
    ("name", "value", "becomes"),
    [
        (b"pwdlockout", b"1", b"TRUE"), (b"pwdlockout", b"false", b"FALSE"), (b"pwdlockout", b"maybe", None),
        (b"pwdmaxage", b"007", b"7"), (b"pwdmaxage", b"-0", b"0"), (b"pwdmaxage", b"x", None),
        (b"pwdmaxage", b"7.5", None),
    ],
)  # fmt: skip
def test_flags_and_numbers_are_made_right_or_go(
    migration: Make, name: bytes, value: bytes, becomes: bytes | None
) -> None:
    """OUD refuses an entry for a value that its attribute's syntax does not allow."""
    kept = migration("attributes: {not_allowed: keep, operational: keep}").person(name + b": " + value + b"\n")

    assert attributes(kept).get(name) == (None if becomes is None else [becomes])
    assert codes(kept) == ([] if becomes else ["invalid-value"])


def test_a_missing_attribute_is_refused_or_given(migration: Make) -> None:
    """By a value of the rules, or from another attribute."""
    entry = b"dn: cn=a,dc=example,dc=com\n" + PERSON + b"cn: a\n"

    refused = migration().rejected(entry)
    assert refused.code == "missing-attribute"
    assert "sn" in refused.text
    given = migration("attributes: {fill: {sn: unknown}}").kept(entry)
    assert attributes(given)[b"sn"] == [b"unknown"]
    assert codes(given) == ["filled"]
    copied = migration("attributes: {fill: {sn: {from: cn}}}").kept(entry)
    assert attributes(copied)[b"sn"] == [b"a"]
    assert migration("attributes: {fill: {sn: {from: mail}}}").rejected(entry).code == "missing-attribute"
    emptied = entry + b"userpassword: {MD4}x\n"
    assert migration("attributes: {fill: {sn: {from: userPassword}}}").rejected(emptied).code == "missing-attribute"
    assert migration("classes: {missing_attribute: keep}").kept(entry)


def test_a_demanded_attribute_that_loses_its_last_value(migration: Make) -> None:
    """The entry is refused, and nothing of it is counted as dropped."""
    made = migration()
    refused = made.rejected(
        b"dn: cn=a,dc=example,dc=com\nobjectclass: top\nobjectclass: organizationalRole\n"
        b"objectclass: simpleSecurityObject\ncn: a\nuserpassword: {MD4}x\n"
    )

    assert refused.code == "missing-attribute"
    assert made.dropped() == {}


def test_bytes_that_are_no_utf_8(migration: Make) -> None:
    """Kept and noted; by rule they are taken as Latin-1, or refused."""
    line = b"description: M\xfcnchen\n"

    kept = migration().person(line)
    assert attributes(kept)[b"description"] == [b"M\xfcnchen"]
    assert codes(kept) == ["not-utf8"]
    made = migration("attributes: {not_utf8: convert}").person(line)
    assert attributes(made)[b"description"] == ["M\u00fcnchen".encode()]
    assert codes(migration().person("description: M\u00fcnchen\n".encode())) == []
    with pytest.raises(AssertionError, match="not-utf8"):
        migration("attributes: {not_utf8: reject}").person(line)


def test_sizes_have_limits(migration: Make) -> None:
    """An entry, a value and a number of values above them are refused; a large entry is noted."""
    long = b"description: " + b"x" * 5_000 + b"\n"

    for site, what in (
        ("entry_bytes: 4000", "entry has"), ("value_bytes: 4000", "value of description has 5,000"),
        ("values: 3", "values"),
    ):  # fmt: skip
        with pytest.raises(AssertionError, match=what):
            migration(f"limits: {{{site}}}").person(long)
    assert codes(migration("limits: {large_bytes: 4000}").person(long)) == ["large"]
    assert codes(migration("limits: {entry_bytes: null, value_bytes: null}").person(long)) == []


def test_the_days_of_an_account_are_said(migration: Make) -> None:
    """Neither is carried over: the account would be open before its first day, and live on after its last one."""
    kept = migration().person(b"orclactiveenddate: 20100101000000z\norclactivestartdate: 20090101000000z\n")

    assert codes(kept) == ["account-end", "account-start"]


def test_an_end_date_is_carried_over_where_a_site_says_so(migration: Make) -> None:
    """An attribute that servers maintain is written where a rule renames to it, in its syntax, if they take it."""
    site = "attributes: {drop: {account-end: []}, rename: {orclactiveenddate: ds-pwp-account-expiration-time}}"
    kept = migration(site).person(b"orclactiveenddate: 20100101000000z\n")
    refused = migration("attributes: {rename: {orclx: entryuuid}}").person(b"orclx: 1\n")

    assert attributes(kept)[b"ds-pwp-account-expiration-time"] == [b"20100101000000Z"]
    assert codes(kept) == []
    assert b"entryuuid" not in attributes(refused)
