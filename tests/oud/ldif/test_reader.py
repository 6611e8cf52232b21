"""The reader: every point of RFC 2849, and what exports hold beside it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.errors import LdifError
from flext_pipelines.oud.ldif import read_ldif
from flext_pipelines.oud.ldif.spans import spans
from tests.oud import oid_sample
from tests.oud.ldif.reading import entries, leniently, one, records, refusal

if TYPE_CHECKING:
    from pathlib import Path

A = (b"cn=a", [(b"cn", b"a")])
B = (b"cn=b", [(b"cn", b"b")])


@pytest.mark.parametrize(
    "data",
    [
        b"dn: cn=a\ncn: a\n\ndn: cn=b\ncn: b\n",
        b"dn: cn=a\ncn: a\n\ndn: cn=b\ncn: b",
        b"dn: cn=a\ncn: a\n\ndn: cn=b\ncn: b\n\n",
        b"dn: cn=a\ncn: a\n\n\n\n\ndn: cn=b\ncn: b\n\n\n",
        b"\n\n\ndn: cn=a\ncn: a\n\ndn: cn=b\ncn: b\n",
        b"dn: cn=a\r\ncn: a\r\n\r\ndn: cn=b\r\ncn: b\r\n",
        b"\r\n\r\ndn: cn=a\r\ncn: a\r\n\r\n\r\ndn: cn=b\r\ncn: b",
        b"dn: cn=a\r\ncn: a\n\r\ndn: cn=b\ncn: b\r\n",
        b"dn: cn=a\ncn: a\r\n\ndn: cn=b\r\ncn: b\n\r\n",
        b"version: 1\ndn: cn=a\ncn: a\n\ndn: cn=b\ncn: b\n",
        b"version: 1\n\ndn: cn=a\ncn: a\n\ndn: cn=b\ncn: b\n",
        b"VERSION:1\n\n\n\ndn: cn=a\ncn: a\n\ndn: cn=b\ncn: b\n",
        b"versi\n on: \n 1\r\n\r\ndn: cn=a\r\ncn: a\r\n\r\ndn: cn=b\r\ncn: b",
        b"# a comment\n with more\n\n# another\nversion: 1\n\ndn: cn=a\ncn: a\n\ndn: cn=b\ncn: b\n",
        b"\xef\xbb\xbfdn: cn=a\ncn: a\n\ndn: cn=b\ncn: b\n",
        b"\xef\xbb\xbfversion: 1\ndn: cn=a\ncn: a\n\ndn: cn=b\ncn: b\n",
        b"# cn=a\ndn: cn=a\ncn: a\n\n# cn=b\n# b: more\ndn: cn=b\ncn: b\n",
        b"dn: cn=a\n# inside\n  folded: yes\ncn: a\n# last\n\n# alone\n\ndn: cn=b\n#:\ncn: b\n#\n",
        b"dn:: Y249YQ==\ncn: a\n\ndn::   Y249Yg==\ncn:: Yg==\n",
        b"DN: cn=a\ncn: a\n\nDn: cn=b\ncn: b\n",
        b"dn:cn=a\ncn:a\n\ndn:    cn=b\ncn:     b\n",
        b"d\n n\n : cn\n =a\nc\n n: \n a\n\ndn\n :: Y2\n 49Yg\n =\n =\ncn:\n : Y\n g==\n",
        b"dn: cn=a\r\n \r\ncn: a\r\n\r\ndn: c\r\n n=b\r\ncn: b\r\n",
    ],
)
@pytest.mark.parametrize("block_bytes", [1, 2, 3, 7, 1 << 18])
def test_two_entries_in_every_spelling(data: bytes, block_bytes: int) -> None:
    """Line ends, empty lines, version, comments, byte order mark, base64, folds: always the same, in any blocks."""
    assert entries(data, block_bytes=block_bytes) == [A, B]


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        (b"cn: a", b"cn", b"a"),
        (b"cn: a:b<c", b"cn", b"a:b<c"),
        (b"cn: a:: b", b"cn", b"a:: b"),
        (b"cn:a: b", b"cn", b"a: b"),
        (b"cn: a  ", b"cn", b"a  "),
        (b"cn: #a", b"cn", b"#a"),
        (b"cn:\ta", b"cn", b"\ta"),
        (b"cn:", b"cn", b""),
        (b"cn: ", b"cn", b""),
        (b"cn:    ", b"cn", b""),
        (b"cn::", b"cn", b""),
        (b"cn:: ", b"cn", b""),
        (b"cn:: IGE=", b"cn", b" a"),
        (b"cn::IGE=", b"cn", b" a"),
        (b"cn:: AAEC/w==", b"cn", b"\0\1\2\xff"),
        (b"cn: \xc3\xa9t\xc3\xa9", b"cn", "été".encode()),
        (b"cn: \xc3\n \xa9t\xc3\n \xa9", b"cn", "été".encode()),
        (b"cn: M\xfcnchen", b"cn", "München".encode("latin-1")),
        (b"cn: a\n b\n  c\n \n d", b"cn", b"ab cd"),
        (b"CN;lang-en;x-y: a", b"CN;lang-en;x-y", b"a"),
        (b"userCertificate;binary:: AA==", b"userCertificate;binary", b"\0"),
        (b"2.5.4.3: a", b"2.5.4.3", b"a"),
        (b"2.5.4.3;lang-de: a", b"2.5.4.3;lang-de", b"a"),
        (b"cost_centre: 1", b"cost_centre", b"1"),
        (b"control: 1", b"control", b"1"),
        (b"version: 1", b"version", b"1"),
        (b"dnqualifier: x", b"dnqualifier", b"x"),
        (b"changetypes: x", b"changetypes", b"x"),
        (b"jpegphoto:: " + b"AAAA\n " * 200 + b"AAA=", b"jpegphoto", bytes(602)),
    ],
)
def test_one_line_in_every_spelling(line: bytes, name: bytes, value: bytes) -> None:
    """Fill, empty values, base64, options, OIDs, raw UTF-8 and Latin-1, folds anywhere."""
    found = one(b"dn: cn=x\nsn: before\n" + line + b"\nsn: after\n").attributes()

    assert found == [(b"sn", b"before"), (name, value), (b"sn", b"after")]


def test_the_root_dse_has_an_empty_name() -> None:
    """``dn:`` alone is a name."""
    assert [record.dn for record in records(b"dn:\nobjectclass: top\n\ndn::\nobjectclass: top\n")] == [b"", b""]


def test_a_record_knows_its_place() -> None:
    """The line of its dn, its first byte, and its bytes, whatever stands above."""
    data = b"# x\n\nversion: 1\n\n\n# c\n  d\ndn: cn=a\ncn: \n a\n\n\ndn: cn=b\ncn: b\n"
    for text in (data, data.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + data):
        for block_bytes in (1, 5, 1000):
            found = records(text, block_bytes=block_bytes)

            assert [record.line for record in found] == [8, 13]
            assert [text[r.offset : r.offset + len(r.raw)] for r in found] == [r.raw for r in found]
            assert found[0].raw.replace(b"\r", b"") == b"# c\n  d\ndn: cn=a\ncn: \n a"


def test_values_are_looked_up_in_any_case() -> None:
    """By the whole description; a mapping joins the spellings of a name."""
    record = one(b"dn: cn=a\nCN: a\ncn: b\ncn;lang-en: c\nMail:\n")

    assert record.values(b"Cn") == [b"a", b"b"]
    assert record.values(b"CN;LANG-EN") == [b"c"]
    assert record.values(b"sn") == []
    assert record.mapping() == {b"cn": [b"a", b"b"], b"cn;lang-en": [b"c"], b"mail": [b""]}
    assert record.mapping() == one(record.raw).mapping()
    assert record.dn_text == "cn=a"
    assert one(b"dn: cn=\xff\ncn: a\n").dn_text == r"cn=\xff"


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"\r\n\n", b"version: 1\n", b"# nothing\n", b"\xef\xbb\xbf", b"# a\n\n# b\n"]
)
def test_a_file_without_records_has_none(data: bytes) -> None:
    """An empty export is not wrong."""
    assert records(data) == []


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"version: 2\ndn: cn=a\ncn: a\n", 1, "version 1 only"),
        (b"# c\nversion: one\ndn: cn=a\ncn: a\n", 2, "version 1 only"),
        (b"version: 1\n\nversion: 1\n\ndn: cn=a\ncn: a\n", 3, "top of a file only"),
        (b"dn: cn=a\ncn: a\n\nversion: 1\n", 4, "top of a file only"),
        (b"cn: a\ndn: cn=a\n", 1, "begins with dn, this one with cn"),
        (b"dn: cn=a\n", 1, "nothing else"),
        (b"dn: cn=a\n# only\n", 1, "nothing else"),
        (b"dn: cn=a\ncn: a\ndn: cn=b\ncn: b\n", 3, "dn stands a second time"),
        (b"dn: cn=a\ncn: a\nDN:: Y249Yg==\n", 3, "dn stands a second time"),
        (b"dn: cn=a\ncn: a\n\n foo: b\n", 4, "continues another, and none is before it"),
        (b" dn: cn=a\ncn: a\n", 1, "continues another, and none is before it"),
        (b"dn: cn=a\ncn: a\n\n \n\ndn: cn=b\ncn: b\n", 4, "continues another"),
        (b"dn: cn=a\n\tcn: a\n", 2, "begins with a tab"),
        (b"dn: cn=a\ncn a\nsn: a\n", 2, "has no colon"),
        (b"dn: cn=a\n: a\n", 2, "no name before its colon"),
        (b"dn: cn=a\ncn : a\n", 2, "space between the name cn and its colon"),
        (b"dn: cn=a\nc n: a\n", 2, "no attribute name"),
        (b"dn: cn=a\n9cn: a\n", 2, "no attribute name"),
        (b"dn: cn=a\n_cn: a\n", 2, "no attribute name"),
        (b"dn: cn=a\ncn;: a\n", 2, "no attribute name"),
        (b"dn: cn=a\nc\xc3\xa9: a\n", 2, "no attribute name"),
        (b"dn: cn=a\ncn: :a\n", 2, "begins with ':'"),
        (b"dn: cn=a\ncn:   <a\n", 2, "begins with '<'"),
        (b"dn: cn=a\ncn:: %%%\n", 2, "cn: the base64 value has a character"),
        (b"dn: cn=a\ncn:: YQ\n", 2, "wrong length or padding"),
        (b"dn: cn=a\ncn:: YQ=\n", 2, "wrong length or padding"),
        (b"dn: cn=a\ncn:: YQ==YQ==\n", 2, "a character that base64 does not know"),
        (b"dn: cn=a\ncn:: Y Q==\n", 2, "a character that base64 does not know"),
        (b"dn: cn=a\ncn:: YQ== \n", 2, "a character that base64 does not know"),
        (b"dn:: YQ\ncn: a\n", 1, "wrong length or padding"),
        (b"dn: cn=a\nsn: x\n \n \ncn: a\0b\n", 5, "NUL byte"),
        (b"dn: cn=a\ncn: a\rb\n", 2, "carriage return"),
        (b"dn: cn=a\r\r\ncn: a\r\n", 1, "carriage return"),
        (b"dn: cn=a\ncn:< file:///etc/hostname\n", 2, "reading URLs was not allowed"),
        (b"dn: cn=a\ncn: a\nchangetype: add\n", 3, "changetype must follow the dn"),
        (b"dn: cn=a\ncn: a\n\n\xef\xbb\xbfdn: cn=b\ncn: b\n", 4, "byte order mark"),
        (b"dn: cn=a\ncn: a\n-\n", 3, "ends a step of a modify"),
        (b"dn: cn=a\ncn: a\n\ndn: cn=b\nchangetype: delete\n", 4, "a change record among content"),
        (b"dn: cn=a\nchangetype: delete\n\ndn: cn=b\ncn: b\n", 4, "a content record among changes"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("block_bytes", [3, 1 << 18])
def test_what_is_wrong_is_named_with_its_line(data: bytes, line: int, reason: str, block_bytes: int) -> None:
    """File, line and reason stand in the error and its details."""
    error = refusal(lambda: records(data, block_bytes=block_bytes))

    assert reason in error.reason
    assert error.reason.startswith(f"(stream):{line}: ")
    assert error.details["line"] == line
    assert error.details["file"] == "(stream)"


def test_a_line_of_one_space_is_told_to_be_no_empty_line() -> None:
    """It continues the line above, so that two entries stand in one record."""
    error = refusal(lambda: records(b"dn: cn=a\ncn: a\n \ndn: cn=b\ncn: b\n"))

    assert "dn stands a second time" in error.reason
    assert "one space continues the line before it" in error.instruction


def test_values_are_not_shown_in_errors() -> None:
    """A value may be a password; names and lines are enough."""
    for data in (b"userpassword secret", b"userpassword:: sec!ret", b"sec ret: x\tsecret", b"userpassword: :secret"):
        error = refusal(lambda data=data: records(b"dn: cn=a\n" + data + b"\n"))  # type: ignore[misc]  # bound early

        assert "secret" not in str(error)
        assert "secret" not in repr(error.details)


def test_lenient_reading_goes_on() -> None:
    """Each refused record is handed over with its bytes, line and reason; the others come through."""
    data = b"dn: cn=a\ncn: a\n\ndn: cn=x\ncn:: !\nsn: x\n\n# c\nrubbish\n\ndn: cn=b\ncn: b\n\n"
    data += b"dn: cn=c\nchangetype: delete\n"

    found, rejects = leniently(data)

    assert [record.dn for record in found] == [b"cn=a", b"cn=b"]
    assert [(reject.line, reject.error.details["line"], reject.raw) for reject in rejects] == [
        (4, 5, b"dn: cn=x\ncn:: !\nsn: x"),
        (8, 9, b"# c\nrubbish"),
        (14, 14, b"dn: cn=c\nchangetype: delete"),
    ]


def test_the_reader_counts() -> None:
    """Records, rejects, bytes, kind and version can be asked while reading."""
    data = b"version: 1\ndn: cn=a\ncn: a\n\nx\n\ndn: cn=b\ncn: b"
    with read_ldif(io.BytesIO(data), lenient=True) as reader:
        assert [record.dn for record in reader] == [b"cn=a", b"cn=b"]

    assert (reader.records, reader.rejected, reader.bytes_read) == (2, 1, len(data))
    assert (reader.kind, reader.version) == ("content", 1)


@pytest.mark.parametrize(("end", "cut"), [(b"", True), (b"\n", False), (b"\r\n", False), (b"\n\n", False)])
def test_a_file_that_ends_in_a_line_is_told(end: bytes, cut: bool) -> None:
    """That is legal, and how a file looks that was cut off."""
    reader = read_ldif(io.BytesIO(b"dn: cn=a\ncn: a" + end))
    list(reader)

    assert reader.ends_mid_line is cut


def test_a_file_cut_off_anywhere_loses_no_whole_record() -> None:
    """Up to the cut everything comes; the rest is a shorter value or an error with its line, never rubbish."""
    whole = b"".join(oid_sample.record(entry) + b"\n\n" for entry in oid_sample.entries(40))
    known = [(record.dn, record.attributes()) for record in records(whole)]
    for cut in range(0, len(whole), 997):
        found, rejects = leniently(whole[:cut])
        complete = whole[:cut].count(b"\n\n")

        assert [(record.dn, record.attributes()) for record in found[:complete]] == known[:complete]
        assert len(found) + len(rejects) <= complete + 1
        for reject in rejects:
            assert reject.raw == whole[:cut].rpartition(b"\n\n")[2].removesuffix(b"\n")


def test_the_sample_is_read_whole(tmp_path: Path) -> None:
    """What the generator says is what the reader finds, in each part of the file too."""
    path = tmp_path / "export.ldif"
    oid_sample.write_export(path, 500)
    expected = [
        (entry.dn.encode(), [(name.encode(), v.encode() if isinstance(v, str) else v) for name, v in entry.pairs])
        for entry in oid_sample.entries(500)
    ]

    whole = list(read_ldif(path))

    assert [(record.dn, record.attributes()) for record in whole] == expected
    for parts in (1, 2, 3, 7):
        cut = spans(path, parts)
        found = [record for span in cut for record in read_ldif(path, span=span)]
        assert len(cut) == parts
        assert [(r.line, r.offset, r.raw) for r in found] == [(r.line, r.offset, r.raw) for r in whole]


@pytest.mark.parametrize("data", [b"", b"dn: cn=a\ncn: a\n", b"dn: cn=a\ncn: a\n\n\n\ndn: cn=b\ncn: b\n\n", b"\n\n\n"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_small_files_are_cut_too(tmp_path: Path, data: bytes, end: bytes) -> None:
    """Parts have no gaps between them and are never empty."""
    path = tmp_path / "small.ldif"
    path.write_bytes(data.replace(b"\n", end))
    for parts in (1, 2, 5, 50):
        cut = spans(path, parts)
        assert b"".join(path.read_bytes()[span.start : span.stop] for span in cut) == path.read_bytes()
        assert all(span.start < span.stop for span in cut)
        found = [record for span in cut for record in read_ldif(path, span=span)]
        assert [r.line for r in found] == [r.line for r in read_ldif(path)]


_TOKENS = st.sampled_from(
    [b"dn:", b"dn: cn=a", b"\n", b"\n\n", b"\r\n", b" ", b"cn: a", b"cn:: YQ==", b":", b"<", b"-", b"changetype: ",
     b"modify", b"add", b"add: cn", b"replace: cn", b"delete", b"modrdn", b"newrdn: cn=b", b"deleteoldrdn: 1", b"#",
     b"version: 1", b"\xef\xbb\xbf", b"\0", b"control: 1.2 true", b"cn;x: b", b"\xff"]
)  # fmt: skip


@given(st.one_of(st.lists(_TOKENS, max_size=25).map(b"".join), st.binary(max_size=60)), st.integers(1, 9))
def test_anything_is_read_or_refused(data: bytes, block_bytes: int) -> None:
    """No input hangs or crashes the reader, blocks make no difference, and nothing is lost."""
    try:
        found, rejects = leniently(data, block_bytes=block_bytes)
    except LdifError as error:
        assert "the file is" in error.reason or "version 1 only" in error.reason  # noqa: PT017  one of the two ways
        return
    again, rejects_again = leniently(data)

    assert [(r.line, r.offset, r.raw) for r in found] == [(r.line, r.offset, r.raw) for r in again]
    assert [(r.line, r.raw) for r in rejects] == [(r.line, r.raw) for r in rejects_again]
    for record in found:
        assert data[record.offset : record.offset + len(record.raw)] == record.raw
        assert record.dn is not None
        assert all(name for name, _ in record.attributes())
