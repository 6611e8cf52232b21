"""Names of entries and values that hold names: trees, bases, moves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flext_pipelines.errors import UsageError
from flext_pipelines.oud.entries.references import references
from tests.oud.entries.conftest import PERSON, Migration, attributes, codes

Make = Callable[..., Migration]

CONTAINER = b"objectclass: top\nobjectclass: organizationalUnit\nou: x\n"


@pytest.mark.parametrize(
    ("dn", "code"),
    [
        (b"", "root-dse"),
        (b"cn=OracleContext,dc=example,dc=com", "tree"),
        (b"cn=Groups,CN=oraclecontext , dc=example,dc=com", "tree"),
        (b"cn=Products,cn=OracleContext", "tree"),
        (b"cn=x,cn=changelog", "tree"),
        (b"cn=default,cn=pwdPolicies,cn=Common,dc=example,dc=com", "tree"),
        (b"dc=com", "outside-base"),
        (b"dc=xexample,dc=com", "outside-base"),
        (b"ou=x,dc=other,dc=com", "outside-base"),
        (b"cn=orcladmin", "outside-base"),
    ],
)
def test_an_entry_outside_is_left_out_with_its_reason(migration: Make, dn: bytes, code: str) -> None:
    """OID's own trees wherever they stand, and what is not under the base."""
    found = migration().excluded(b"dn: " + dn + b"\n" + CONTAINER)

    assert found.code == code
    assert found.text


def test_only_a_tree_at_the_top_is_one(migration: Make) -> None:
    """An entry that is called cn=events in somebody's tree is his."""
    assert migration().kept(b"dn: cn=events,dc=example,dc=com\nobjectclass: top\nobjectclass: device\ncn: events\n")


def test_a_tree_can_be_asked_for(migration: Make) -> None:
    """As a whole, or the entries of some classes in it."""
    dn = b"dn: cn=ORCL,cn=OracleContext,dc=example,dc=com\n"
    whole = migration("trees: {cn=oraclecontext: {action: include}}")
    some = migration("trees: {cn=OracleContext: {except_classes: [ORCLnetservice]}}")
    entry = dn + b"objectclass: top\nobjectclass: orclNetService\nobjectclass: device\ncn: ORCL\n"

    assert whole.kept(entry)
    assert some.kept(entry)
    assert some.excluded(dn + b"objectclass: top\nobjectclass: device\ncn: ORCL\n").code == "tree"


def test_a_base_within_a_tree_asks_for_it(migration: Make) -> None:
    """Whoever names it means it; other trees below it stay out."""
    made = migration(base="cn=OracleContext,dc=example,dc=com")

    assert made.kept(b"dn: ou=x,cn=oraclecontext,dc=example,dc=com\n" + CONTAINER)
    below = b"dn: ou=x,cn=OracleContext,ou=y,cn=OracleContext,dc=example,dc=com\n"
    assert made.excluded(below + CONTAINER).code == "tree"


def test_without_a_base_every_suffix_is_taken(migration: Make) -> None:
    """OID's own trees stay out."""
    made = migration(base=None)

    assert made.kept(b"dn: ou=x,o=elsewhere\n" + CONTAINER)
    assert made.excluded(b"dn: cn=x,cn=OracleContext\n" + CONTAINER).code == "tree"


@pytest.mark.parametrize("dn", [b"no name", b"cn=a,", b"cn=a,dc", b"cn=a,,dc=com", b"=a,dc=example,dc=com"])
def test_a_name_that_is_none_is_rejected(migration: Make, dn: bytes) -> None:
    """With the column and the reason."""
    found = migration().rejected(b"dn: " + dn + b"\n" + CONTAINER)

    assert found.code == "dn-syntax"
    assert "column" in found.text


def test_an_entry_moves_with_its_base_and_what_names_it(migration: Make) -> None:
    """DN, values that hold DNs; what stands before the base keeps its spelling; other names stay."""
    made = migration(target="o=New")
    kept = made.person(
        b"manager: CN=Boss , dc=Example,dc=com\nsecretary: cn=b,dc=example,dc=com\nseealso: cn=x,dc=other\n"
        b"description: cn=b,dc=example,dc=com\n",
        dn=b"cn=A,ou=B\\, C,DC=example,dc=com",
    )

    assert kept.record.dn == b"cn=A,ou=B\\, C,o=New"
    assert kept.key == b"cn=a,ou=b\\, c,o=new"
    assert kept.depth == 3
    found = attributes(kept)
    assert found[b"manager"] == [b"CN=Boss ,o=New"]
    assert found[b"secretary"] == [b"cn=b,o=New"]
    assert found[b"seealso"] == [b"cn=x,dc=other"]
    assert found[b"description"] == [b"cn=b,dc=example,dc=com"]


def test_the_base_itself_moves(migration: Make) -> None:
    """Also where a value names it."""
    made = migration(target="dc=new,dc=example,dc=org")
    kept = made.kept(
        b"dn: dc=example,dc=com\nobjectclass: domain\ndc: example\nseealso: DC=example,dc=com\nseealso: cn=a\n"
    )

    assert kept.record.dn == b"dc=new,dc=example,dc=org"
    assert kept.depth == 3
    assert attributes(kept)[b"seealso"] == [b"dc=new,dc=example,dc=org", b"cn=a"]


def test_the_new_base_has_the_value_of_its_name(migration: Make) -> None:
    """A base that moves is named otherwise: its naming attribute must hold the new value."""
    kept = migration(target="dc=fresh,dc=org").kept(
        b"dn: dc=example,dc=com\nobjectclass: domain\nobjectclass: top\ndc: example\n"
    )

    assert attributes(kept)[b"dc"] == [b"fresh"]
    assert codes(kept) == ["renamed"]


def test_a_renamed_naming_attribute_renames_the_entry(migration: Make) -> None:
    """And every value that names it, and entries below it."""
    made = migration("attributes: {rename: {uid: employeeNumber}, not_allowed: extensible}")
    kept = made.kept(
        b"dn: uid=7,dc=example,dc=com\n" + PERSON + b"cn: a\nsn: b\nuid: 7\nmanager: uid=8,dc=example,dc=com\n"
    )
    below = made.kept(b"dn: cn=x,uid=7,dc=example,dc=com\nobjectclass: device\ncn: x\n")

    assert kept.record.dn == b"employeenumber=7,dc=example,dc=com"
    assert attributes(kept)[b"manager"] == [b"employeenumber=8,dc=example,dc=com"]
    assert attributes(kept)[b"employeenumber"] == [b"7"]
    assert below.record.dn == b"cn=x,employeenumber=7,dc=example,dc=com"


@pytest.mark.parametrize(
    ("dn", "lines"),
    [
        (b"cn=a,dc=example,dc=com", b"cn: b\n"),
        (b"cn=a+sn=b,dc=example,dc=com", b"cn: a\n"),
        (b"cn=\\23x,dc=example,dc=com", b"cn: x\n"),
        (b"cn=a,dc=example,dc=com", b""),
    ],
)
def test_a_value_that_the_name_gives_is_added(migration: Make, dn: bytes, lines: bytes) -> None:
    """As OUD's import does; said in a note, or refused by rule."""
    entry = b"dn: " + dn + b"\n" + PERSON + b"sn: other\n" + lines
    kept = migration().kept(entry)

    assert "rdn-value-added" in codes(kept)
    for part in dn.partition(b",")[0].split(b"+"):
        name, _, value = part.partition(b"=")
        assert value.replace(b"\\23", b"#") in attributes(kept)[name]
    assert migration("names: {missing_rdn_value: reject}").rejected(entry).code == (
        "rdn-value" if lines else "missing-attribute"
    )


@pytest.mark.parametrize(
    "line", [b"cn: A", b"cn:   a", b"cn:: QQ==", b"CN;lang-de: x\ncn: a", b"commonname: a", b"c\n n: a"]
)
def test_a_value_that_is_there_is_not_added_again(migration: Make, line: bytes) -> None:
    """In any case, in base64, by another name of the attribute, folded."""
    kept = migration().kept(b"dn: cn=a,dc=example,dc=com\n" + PERSON + b"sn: b\n" + line + b"\n")

    assert codes(kept) == []


def test_a_value_that_should_be_a_name_and_is_none(migration: Make) -> None:
    """Dropped and noted; kept or refused by rule."""
    lines = b"manager: not a dn\nmanager: cn=b,dc=example,dc=com\nseealso:: 6Q==\n"
    made = migration()
    kept = made.person(lines)

    assert attributes(kept)[b"manager"] == [b"cn=b,dc=example,dc=com"]
    assert codes(kept) == ["not-a-name", "not-a-name"]
    assert made.dropped() == {("not-a-name", "manager"): 1, ("not-a-name", "seealso"): 1}
    assert attributes(migration("references: {not_a_name: keep}").person(lines))[b"manager"][0] == b"not a dn"
    with pytest.raises(AssertionError, match="not-a-name"):
        migration("references: {not_a_name: reject}").person(lines)


def test_values_that_name_what_is_left_out(migration: Make) -> None:
    """They stay and are noted; by rule they go."""
    lines = (
        b"manager: cn=x,cn=Groups,cn=OracleContext,dc=example,dc=com\nseealso: cn=orcladmin\n"
        b"secretary: cn=OracleContext,dc=example,dc=com\n"
    )
    kept = migration().person(lines)

    assert codes(kept) == ["reference-excluded", "reference-outside", "reference-excluded"]
    assert len([name for name in attributes(kept) if name in (b"manager", b"seealso", b"secretary")]) == 3
    dropping = migration("references: {excluded: drop}")
    left = attributes(dropping.person(lines))
    assert not {b"manager", b"seealso", b"secretary"} & left.keys()
    assert dropping.dropped() == {
        ("reference-excluded", "manager"): 1, ("reference-outside", "seealso"): 1,
        ("reference-excluded", "secretary"): 1,
    }  # fmt: skip


def test_references_are_told_by_the_key_of_the_name(migration: Make) -> None:
    """However it is spelt; a unique identifier behind a member's name is none of it."""
    kept = migration().kept(
        b"dn: cn=g,dc=example,dc=com\nobjectclass: groupOfUniqueNames\ncn: g\nowner: CN=B, dc=example,dc=com\n"
        b"uniquemember: cn=A,dc=example,dc=com#'0101'B\n"
    )

    assert [(name, key) for name, _, key in references(kept)] == [
        (b"owner", b"cn=b,dc=example,dc=com"), (b"uniquemember", b"cn=a,dc=example,dc=com")
    ]  # fmt: skip


def test_a_base_that_is_no_dn_is_a_mistake_of_the_caller(migration: Make) -> None:
    """So is a target base without a source base, and a tree in the rules that is no RDN."""
    with pytest.raises(UsageError, match="source base"):
        migration(base="example")
    with pytest.raises(UsageError, match="target base"):
        migration(target="example.com")
    with pytest.raises(UsageError, match="needs the source base"):
        migration(base=None, target="dc=x")
    with pytest.raises(UsageError, match=r"trees\.OracleContext"):
        migration("trees: {OracleContext: {}}")
