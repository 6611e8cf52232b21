"""Names: every rule of RFC 4514, the older forms, comparison, moving to another base."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flext_pipelines.errors import DnError
from flext_pipelines.oud.dn import Ava, Dn, Rebase, depth_of, is_dn, normal_key, parse_dn

TYPES = st.sampled_from(["cn", "ou", "dc", "uid", "sn", "orclguid", "1.2.840.113", "x-y_z"])
VALUES = st.one_of(st.text(max_size=12).map(str.encode), st.binary(max_size=6), st.sampled_from([b" ", b"#", b"a,b"]))
AVAS = st.tuples(TYPES, VALUES).map(lambda pair: Ava(*pair))
DNS = st.lists(st.lists(AVAS, min_size=1, max_size=3).map(tuple), max_size=4).map(lambda rdns: Dn(tuple(rdns)))
PLAIN_WORD = st.text("abcXYZ0189 ._@/'()=*:-", min_size=1, max_size=8)
PLAIN = st.lists(st.tuples(st.sampled_from(["cn", "CN", "ou", "Dc", "uid"]), PLAIN_WORD), min_size=1, max_size=4).map(
    lambda pairs: ",".join(f"{kind}={value}" for kind, value in pairs).encode()
)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", ""),
        ("  ", ""),
        ("UID=jsmith,DC=example,DC=net", "uid=jsmith,dc=example,dc=net"),
        ("OU=Sales+CN=J.  Smith,DC=example,DC=net", "ou=Sales+cn=J.  Smith,dc=example,dc=net"),
        (r"CN=James \"Jim\" Smith\, III,DC=example", r"cn=James \"Jim\" Smith\, III,dc=example"),
        (r"CN=Before\0dAfter,DC=example", r"cn=Before\0DAfter,dc=example"),
        ("1.3.6.1.4.1.1466.0=#04024869", "1.3.6.1.4.1.1466.0=Hi"),
        (r"CN=Lu\C4\8Di\C4\87", "cn=Lučić"),
        ("cn=", "cn="),
        ("cn=,dc=x", "cn=,dc=x"),
        ("cn=a=b", "cn=a=b"),
        (r"cn=\ a\ ,dc=x", r"cn=\ a\ ,dc=x"),
        (r"cn=\20\20,dc=x", r"cn=\ \ ,dc=x"),
        (r"cn=a\\ ,dc=x", r"cn=a\\,dc=x"),
        (r"cn=\#a#b", r"cn=\#a#b"),
        (r"cn=a\;b\<c\>d\=e\+f", r"cn=a\;b\<c\>d=e\+f"),
        (r"cn=\ff", r"cn=\FF"),
        (r"cn=\00", r"cn=\00"),
        ("cn=#3003020101", "cn=#3003020101"),
        ("cn=#0C820002C48D", "cn=č"),
        ("cn=#1E04010D0107", "cn=čć"),
        ("cn=#0c03aa", "cn=#0c03aa"),
    ],
)
def test_rfc_4514_is_read_and_written(text: str, written: str) -> None:
    """The examples of the standard, each kind of escape, and BER strings; written back in one form."""
    assert str(parse_dn(text)) == written
    assert str(parse_dn(written)) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (" cn = a , dc = x ", "cn=a,dc=x"),
        ("cn=a;dc=x", "cn=a,dc=x"),
        ("cn=a + uid=b ,dc=x", "cn=a+uid=b,dc=x"),
        ('cn="Smith, John" ,dc=x', r"cn=Smith\, John,dc=x"),
        (r'cn="a\"b"', r"cn=a\"b"),
        ('cn=""', "cn="),
        ('cn=" a "', r"cn=\ a\ "),
        ("OID.2.5.4.3=a,oid.0.9.2342.19200300.100.1.25=x", "cn=a,dc=x"),
        ("commonName=a,domainComponent=x", "cn=a,dc=x"),
    ],
)
def test_older_forms_are_read(text: str, written: str) -> None:
    """Spaces around signs, semicolons, quotes, OIDs and long names, as RFC 2253 and real exports have them."""
    assert str(parse_dn(text)) == written


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("cn", 1), ("=x", 1), (",dc=x", 1), ("dc=x,", 6), ("cn=a,,dc=x", 6), ("cn=a++b", 6), ("cn=a+", 6),
        ("cn=a<b", 5), ("cn=a>b", 5), (r"cn=\zz", 4), ("cn=a\\", 5),
        ('cn="abc', 4), ('cn="a"b', 7), ('cn=a"b', 5), ("cn=#1", 4),
        ("cn=#", 4), ("cn=#0g", 4), ("c n=x", 1), ("cn=a\0b", 5), ("access to entry", 1), ("1=x", 1), ("1..2=x", 1),
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused_with_its_column(text: str, column: int) -> None:
    """Each rule that can be broken has its column."""
    with pytest.raises(DnError) as caught:
        parse_dn(text)

    assert caught.value.details["column"] == column
    assert not is_dn(text.encode())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cn=A,dc=X", "CN=a, dc=x"),
        ("cn=a  b", "cn= a b "),
        (r"cn=\20a", "cn=a"),
        ("cn=a+uid=b", "UID=B+CN=A"),
        ("2.5.4.3=a", "cn=a"),
        ("cn=ÉTÉ", "cn=été"),
        ("cn=Straße", "cn=STRASSE"),
        ("cn=e\u0301", "cn=é"),
        ("cn=a\tb", "cn=a b"),
        ("cn=a\u00adb", "cn=ab"),
        ("cn=a\u00a0b", "cn=a b"),
        ("cn=#0C0141", "cn=a"),
        (r"cn=a\2Cb", r"cn=a\,b"),
    ],
)
def test_equal_names_have_one_key(one: str, other: str) -> None:
    """Case, spaces, escapes, order, long types and Unicode forms make no difference."""
    assert parse_dn(one) == parse_dn(other)
    assert hash(parse_dn(one)) == hash(parse_dn(other))
    assert normal_key(one.encode()) == normal_key(other.encode())


@pytest.mark.parametrize(
    ("one", "other"),
    [("cn=a,dc=x", "cn=a,dc=y"), (r"cn=a\,dc=x", "cn=a,dc=x"), ("cn=ab", "cn=a b"), ("cn=a", "uid=a"),
     (r"cn=\ff", r"cn=\fe"), ("cn=a+uid=b", "cn=a,uid=b"), ("cn=#3003020101", "cn=3003020101"), ("", "cn=")],
)  # fmt: skip
def test_different_names_have_different_keys(one: str, other: str) -> None:
    """An escaped comma is no separator, a space is a space."""
    assert parse_dn(one) != parse_dn(other)


@given(DNS)
@example(Dn(((Ava("cn", b" "),),)))
@example(Dn(((Ava("cn", "\u00a8".encode()),),)))
def test_a_written_name_is_read_back(dn: Dn) -> None:
    """Whatever the values hold, what ``str`` writes says the same; a key is a name with itself as its key."""
    back = parse_dn(str(dn))

    assert [[(ava.type, ava.value) for ava in rdn] for rdn in back.rdns] == [
        [(ava.type, ava.value) for ava in rdn] for rdn in dn.rdns
    ]
    assert back == dn
    assert parse_dn(dn.key).key == dn.key
    assert back.depth == depth_of(bytes(dn)) == dn.depth


@given(PLAIN)
def test_the_short_way_to_a_key_gives_the_same(text: bytes) -> None:
    """Plain names are not parsed; their key and depth are what parsing gives."""
    assert normal_key(text) == parse_dn(text).key
    assert depth_of(text) == parse_dn(text).depth


@given(st.one_of(st.binary(max_size=40), st.text('cndc=,+;\\"# <>a1.', max_size=30).map(str.encode)))
def test_anything_is_a_name_or_an_error(raw: bytes) -> None:
    """Nothing hangs or crashes, and what is accepted is written back to the same meaning."""
    try:
        dn = parse_dn(raw)
    except DnError:
        return
    assert parse_dn(bytes(dn)) == dn


def test_the_tree() -> None:
    """Depth, parent and descent go by RDN, not by text."""
    dn = parse_dn(r"cn=a\,b+uid=c,OU=X,dc=example,dc=com")
    base = parse_dn("dc=Example, dc=com")

    assert dn.depth == 4
    assert str(dn.parent()) == "ou=X,dc=example,dc=com"
    assert parse_dn("").parent() is None
    assert dn.is_under(base)
    assert base.is_under(base)
    assert not base.is_under(base, or_same=False)
    assert dn.is_under(parse_dn(""))
    assert not base.is_under(dn)
    assert not parse_dn("dc=xexample,dc=com").is_under(base)


@pytest.mark.parametrize(
    ("value", "moved"),
    [
        (b"dc=example,dc=com", b"o=new"),
        (b"cn=Ann Lee,ou=X,DC=Example,dc=com", b"cn=Ann Lee,ou=X,o=new"),
        (b'cn="a, b", ou=X; dc=example, dc=com', b'cn="a, b", ou=X,o=new'),
        (rb"CN=a\2Cb,dc=example,dc=com", rb"CN=a\2Cb,o=new"),
        (b"cn=a,dc=example,dc=com#'0101'B", b"cn=a,o=new#'0101'B"),
        (b"cn=a,dc=other,dc=com", b"cn=a,dc=other,dc=com"),
        (b"cn=a,dc=notexample,dc=com", b"cn=a,dc=notexample,dc=com"),
        (rb"cn=a\,dc=example,dc=com", rb"cn=a\,dc=example,dc=com"),
        (b"dc=com", b"dc=com"),
        (b"no name at all", b"no name at all"),
        (b"", b""),
    ],
)
def test_names_move_to_another_base(value: bytes, moved: bytes) -> None:
    """What stands before the base keeps its spelling; other names and other values stay as they are."""
    assert Rebase("dc=example,dc=com", "o=new")(value) == moved


def test_the_root_is_a_base_too() -> None:
    """A tree can be hung below a suffix, and taken out of one."""
    assert Rebase("", "o=new")(b"cn=a") == b"cn=a,o=new"
    assert Rebase("", "o=new")(rb"cn=a\,b") == rb"cn=a\,b,o=new"
    assert Rebase("o=old", "")(b"cn=a,o=old") == b"cn=a"
    assert Rebase("o=old", "")(rb"cn=a\,b,o=old") == rb"cn=a\,b"


def test_rebasing_a_parsed_name() -> None:
    """A name elsewhere cannot be moved."""
    old, new = parse_dn("dc=x"), parse_dn("dc=y,dc=z")

    assert str(parse_dn("cn=A,DC=X").rebase(old, new)) == "cn=A,dc=y,dc=z"
    with pytest.raises(DnError, match="cn=a does not stand below dc=x"):
        parse_dn("cn=a").rebase(old, new)


def test_the_error_shows_no_more_of_a_long_text_than_is_of_use() -> None:
    """A megabyte of rubbish makes a short message."""
    with pytest.raises(DnError) as caught:
        parse_dn(b"x" * 1_000_000)

    assert len(str(caught.value)) < 400
