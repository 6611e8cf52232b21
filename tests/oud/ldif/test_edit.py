"""Editing: only the lines that change are made new."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.oud.ldif.edit import Edit, edited
from flext_pipelines.oud.ldif.render import entry_bytes
from tests.oud import oid_sample
from tests.oud.ldif.reading import one, records

DATA = b"""# kept
dn: cn=a,dc=x
ObjectClass: top
objectclass: orclUser
cn:   a
authPassword;OID: {SASL/MD5}fold
 ed==
authpassword;orclcommonpwd: x
authpasswords: y
description: folded
 \x20early
# between
orclguid: 0123
cn;lang-de: b
userpassword:: e1NTSEF9eA=="""


def lines(data: bytes) -> list[bytes]:
    return data.split(b"\n")


def test_dropped_lines_are_gone_and_the_rest_is_the_same() -> None:
    """In any case, with every option, folds and all; longer names are others."""
    made = edited(one(DATA), drop=[b"AUTHPASSWORD", b"orclGuid", b"none"])

    assert lines(made.raw) == [
        line for line in lines(DATA) if not re.match(rb"auth[pP]assword;|orclguid| ed==", line)
    ]  # fmt: skip
    assert made.values(b"authpassword;oid") == []
    assert made.line == 2


def test_a_name_with_options_means_itself_only() -> None:
    """Another option of the same attribute stays."""
    made = edited(one(DATA), drop=[b"authpassword;oid"], rename={b"cn;lang-de": b"sn"})

    assert [name for name, _ in made.attributes()].count(b"authPassword;OID") == 0
    assert made.values(b"authpassword;orclcommonpwd") == [b"x"]
    assert made.values(b"sn") == [b"b"]
    assert made.values(b"cn") == [b"a"]


def test_renamed_lines_keep_value_options_and_folds() -> None:
    """Only the name changes."""
    made = edited(one(DATA), rename={b"authpassword": b"x", b"description": b"info", b"userPassword": b"y"})

    assert b"\nx;oid: {SASL/MD5}fold\n ed==\nx;orclcommonpwd: x\n" in made.raw
    assert b"\ninfo: folded\n  early\n" in made.raw
    assert made.values(b"y") == [b"{SSHA}x"]


def test_values_are_converted_one_by_one() -> None:
    """To another, to nothing, or not at all; base64 is taken off before and put on where it is needed."""
    seen: list[bytes] = []

    def convert(value: bytes) -> bytes | None:
        seen.append(value)
        return {b"a": b"a", b"b": "é".encode(), b"{SSHA}x": None}.get(value, value)

    made = edited(one(DATA), convert={b"cn": convert, b"userpassword": convert})

    assert seen == [b"a", b"b", b"{SSHA}x"]
    assert made.raw == DATA.replace(b"cn;lang-de: b", b"cn;lang-de:: w6k=").replace(
        b"\nuserpassword:: e1NTSEF9eA==", b""
    )


def test_translations_are_remembered() -> None:
    """The function is asked once for equal lines in a row; renaming goes with it."""
    asked: list[bytes] = []

    def translate(value: bytes) -> bytes | None:
        asked.append(value)
        return None if value == b"orclUser" else value

    edit = Edit(translate={b"objectclass": translate}, rename={b"objectClass": b"objectClass"})

    made = [edit.apply(record) for record in records(DATA + b"\n\n" + DATA)]

    assert [record.values(b"objectclass") for record in made] == [[b"top"], [b"top"]]
    assert b"objectClass: top" in made[1].raw
    assert asked == [b"top", b"orclUser"]
    with pytest.raises(ValueError, match="both translated and converted"):
        Edit(translate={b"cn": translate}, convert={b"CN": translate})


def test_values_are_replaced_where_they_stood() -> None:
    """The first place is kept; what was not there is added; no values are a removal."""
    made = edited(
        one(DATA),
        replace={b"objectclass": [b"top", b"person"], b"mail": [b"a@x"], b"orclguid": [], b"none": []},
        add=[(b"sn", " é".encode())],
    )

    assert made.raw == (
        DATA.replace(b"ObjectClass: top\nobjectclass: orclUser", b"objectclass: top\nobjectclass: person")
        .replace(b"orclguid: 0123\n", b"") + b"\nmail: a@x\nsn:: IMOp"
    )  # fmt: skip


def test_a_replaced_name_that_stands_in_several_places() -> None:
    """All of its lines go, wherever they are; other options stay."""
    made = edited(one(DATA), replace={b"CN": [b"z"]})

    assert [pair for pair in made.attributes() if pair[0].lower().startswith(b"cn")] == [
        (b"CN", b"z"),
        (b"cn;lang-de", b"b"),
    ]
    twice = edited(one(b"dn: cn=a\ncn: a\nsn: b\nCN: c\n"), replace={b"cn": [b"z"]})
    assert twice.raw == b"dn: cn=a\ncn: z\nsn: b"


def test_the_name_of_an_entry_is_replaced() -> None:
    """Below comments, folded, in base64; no rule for attributes touches it."""
    for head in (b"", b"# c\n c\n"):
        for dn in (b"dn: cn=a\n ,dc=x", b"DN:: Y249YQ==", b"d\n n: cn=a"):
            made = edited(one(head + dn + b"\ncn: a\n"), dn="cn=é".encode(), drop=[b"dn"], rename={b"dn": b"x"})

            assert made.raw == head + b"dn:: Y249w6k=\ncn: a"
            assert made.dn == "cn=é".encode()


def test_names_that_are_folded_are_found() -> None:
    """A fold may fall into a name."""
    record = one(b"dn: cn=a\norcl\n guid: x\nc\n n\n : y\nd:\n  z\n# c\n : no\n")

    assert edited(record, drop=[b"orclguid"]).attributes() == [(b"cn", b"y"), (b"d", b"z")]
    assert edited(record, rename={b"cn": b"e"}).attributes() == [(b"orclguid", b"x"), (b"e", b"y"), (b"d", b"z")]
    long = b"x" * 200
    assert edited(one(b"dn: cn=a\n" + long[:100] + b"\n " + long[100:] + b": 1\nb: 2\n"), drop=[long]).attributes() == [
        (b"b", b"2")
    ]


def test_nothing_to_change_gives_the_record_itself() -> None:
    """And change records are not edited."""
    record = one(DATA)

    assert edited(record, drop=[b"none"], dn=b"cn=a,dc=x", convert={b"cn": bytes}) is record
    with pytest.raises(ValueError, match="only content"):
        edited(one(b"dn: cn=a\nchangetype: delete\n"), drop=[b"cn"])


def test_line_ends_become_one_kind() -> None:
    """An edited record has LF."""
    record = one(DATA.replace(b"\n", b"\r\n"))

    assert edited(record, drop=[b"orclguid"]).raw == DATA.replace(b"orclguid: 0123\n", b"")


NAMES = st.sampled_from([b"cn", b"CN", b"sn", b"mail", b"cn;x", b"mail;y", b"cnx", b"description"])
PAIRS = st.lists(st.tuples(NAMES, st.binary(max_size=90)), min_size=1, max_size=8)


@given(PAIRS, st.sets(NAMES, max_size=2), st.dictionaries(NAMES, st.sampled_from([b"new", b"other"]), max_size=2),
       st.integers(1, 60), st.booleans())  # fmt: skip
def test_editing_bytes_is_editing_values(
    pairs: list[tuple[bytes, bytes]], drop: set[bytes], rename: dict[bytes, bytes], fold: int, upper: bool
) -> None:
    """Whatever the folds, dropping, renaming and converting lines gives what it would give on parsed attributes."""

    def reverse(value: bytes) -> bytes | None:
        return value[::-1] if len(value) % 3 else None

    raw = entry_bytes(b"cn=a", [*pairs, (b"last", b"1")], fold + 1)
    dropped = {name.lower() for name in drop}
    renamed = {name.lower(): new for name, new in rename.items()}
    expected = []
    for name, value in [*pairs, (b"last", b"1")]:
        attribute, semicolon, options = name.lower().partition(b";")
        if name.lower() in dropped or attribute in dropped:
            continue
        new = renamed.get(name.lower()) or (
            renamed[attribute] + semicolon + options if attribute in renamed else name
        )  # fmt: skip
        made = reverse(value) if attribute == b"mail" else value
        if made is not None:
            expected.append((new, made))

    record = one(b"DN" + raw[2:] if upper else raw)
    found = edited(record, drop=drop, rename=rename, convert={b"mail": reverse})

    assert found.attributes() == expected


def test_the_sample_is_edited_like_its_values() -> None:
    """Real folds, real names: what a rule drops is gone, all else is there, byte for byte."""
    gone = {b"orclguid", b"orclnormdn", b"creatorsname", b"authpassword", b"orclaci", b"modifytimestamp"}
    edit = Edit(drop=gone, translate={b"objectclass": lambda v: None if v.lower().startswith(b"orcl") else v})
    for entry in oid_sample.entries(300):
        before = one(oid_sample.record(entry))
        after = edit.apply(before)

        assert after.dn == before.dn
        assert after.attributes() == [
            (name, value) for name, value in before.attributes()
            if name.partition(b";")[0] not in gone
            and not (name == b"objectclass" and value.lower().startswith(b"orcl"))
        ]  # fmt: skip
