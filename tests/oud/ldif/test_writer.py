"""The writer: what is read back is what was written, and what was not touched is the same bytes."""

from __future__ import annotations

import errno
import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.errors import StorageFullError, UnavailableError
from flext_pipelines.oud.ldif import LdifWriter, Modification, Record, Rename
from flext_pipelines.oud.ldif.parse import Control
from flext_pipelines.oud.ldif.writer import new_ldif_file, write_reject
from tests.oud import oid_sample
from tests.oud.ldif.reading import leniently, one, records
from tests.oud.ldif.test_changes import RFC_2849_EXAMPLE_6

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = st.from_regex(rb"\A(?:[A-Za-z][A-Za-z0-9_-]{0,8}|[0-9](?:\.[0-9]{1,3}){1,3})(?:;[a-z0-9-]{1,5}){0,2}\Z").filter(
    lambda name: name.lower() not in (b"dn", b"changetype", b"control")
)
VALUES = st.one_of(
    st.binary(max_size=200), st.text(max_size=120).map(str.encode), st.text("ab :<#", max_size=6).map(str.encode)
)
ATTRIBUTES = st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=6)
FOLDS = st.sampled_from([0, 2, 10, 76, 78])


def written(write: Callable[[LdifWriter], object], *, fold: int = 78, version_line: bool = False) -> bytes:
    """What a writer writes."""
    file = io.BytesIO()
    writer = LdifWriter(file, fold=fold, version_line=version_line)
    write(writer)
    return file.getvalue()


def rewritten(data: bytes) -> bytes:
    """What comes of reading and writing."""
    file = io.BytesIO()
    writer = LdifWriter(file)
    for record in records(data):
        writer.write(record)
    return file.getvalue()


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (b"a", b"cn: a"),
        (b"", b"cn:"),
        (b"a:b <c", b"cn: a:b <c"),
        (b"#a", b"cn: #a"),
        (b"\ta\x01", b"cn: \ta\x01"),
        (b" a", b"cn:: IGE="),
        (b":a", b"cn:: OmE="),
        (b"<a", b"cn:: PGE="),
        (b"a ", b"cn:: YSA="),
        (b" ", b"cn:: IA=="),
        (b"a\0", b"cn:: YQA="),
        (b"a\rb", b"cn:: YQ1i"),
        (b"a\n", b"cn:: YQo="),
        (b"\n", b"cn:: Cg=="),
        ("é".encode(), b"cn:: w6k="),
        (b"\xff", b"cn:: /w=="),
        (b"x" * 74, b"cn: " + b"x" * 74),
        (b"x" * 75, b"cn: " + b"x" * 74 + b"\n x"),
        (b"x" * 152, b"cn: " + b"x" * 74 + b"\n " + b"x" * 77 + b"\n x"),
    ],
)
def test_base64_and_folds_where_they_are_needed(value: bytes, line: bytes) -> None:
    """And nowhere else."""
    assert written(lambda writer: writer.write_entry(b"cn=a", [(b"cn", value)])) == b"dn: cn=a\n" + line + b"\n\n"


@given(VALUES, ATTRIBUTES, FOLDS, st.booleans())
def test_entries_are_read_back(dn: bytes, attributes: list[tuple[bytes, bytes]], fold: int, version: bool) -> None:
    """Any names and bytes, any width; no line is wider, all is ASCII, and writing again gives the same bytes."""
    data = written(lambda writer: writer.write_entry(dn, attributes), fold=fold, version_line=version)

    record = one(data)

    assert (record.dn, record.attributes()) == (dn, attributes)
    assert data.isascii()
    assert not fold or all(len(line) <= fold for line in data.removeprefix(b"version: 1").split(b"\n"))
    assert written(lambda writer: writer.write(record), fold=fold, version_line=version) == data


STEPS = st.lists(
    st.builds(
        Modification, st.sampled_from(["add", "delete", "replace"]), NAMES, st.lists(VALUES, max_size=3).map(tuple)
    ),
    max_size=4,
)
CONTROLS = st.lists(
    st.builds(Control, st.sampled_from(["1.2", "1.2.840.113556.1.4.805"]), st.booleans(), st.none() | VALUES),
    max_size=2,
)


@given(VALUES, STEPS, CONTROLS, FOLDS)
def test_modifications_are_read_back(dn: bytes, steps: list[Modification], controls: list[Control], fold: int) -> None:
    """Steps and controls with any values."""
    data = written(lambda writer: writer.write_modify(dn, steps, controls), fold=fold)

    record = one(data)

    assert (record.dn, record.changetype) == (dn, "modify")
    assert record.changes == tuple(steps)
    assert record.controls == tuple(controls)
    assert data.isascii()


@given(VALUES, VALUES.filter(bool), st.booleans(), st.none() | VALUES, ATTRIBUTES, CONTROLS)
def test_other_changes_are_read_back(
    dn: bytes, new_rdn: bytes, delete_old: bool, superior: bytes | None, attributes: list[tuple[bytes, bytes]],
    controls: list[Control],
) -> None:  # fmt: skip
    """Add, delete and rename."""
    rename = Rename(new_rdn, delete_old, superior)

    def write(writer: LdifWriter) -> None:
        writer.write_comment("three changes\nof é")
        writer.write_add(dn, attributes, controls)
        writer.write_delete(dn, controls)
        writer.write_rename(dn, rename, controls)

    added, deleted, renamed = records(written(write))

    assert (added.dn, added.attributes(), added.controls) == (dn, attributes, tuple(controls))
    assert (deleted.dn, deleted.changetype, deleted.controls) == (dn, "delete", tuple(controls))
    assert (renamed.dn, renamed.rename, renamed.controls) == (dn, rename, tuple(controls))


def test_what_was_not_touched_is_the_same_bytes() -> None:
    """Folds of another width, comments, spellings and order stay."""
    data = (
        b"# a comment\ndn:cn=a,\n dc=x\nCN:   a\n# in between\ncn:: Yg==\ndescription: folded \n early\nsn:\n\n"
        b"dn: cn=b\n" + b"long: " + b"x" * 300 + b"\n\n"
    )

    assert rewritten(data) == data


def test_changes_that_were_read_are_written_the_same() -> None:
    """Comments included; what stood above the version line is gone with it."""
    data = RFC_2849_EXAMPLE_6.removeprefix(b"version: 1\n") + b"\n"

    assert rewritten(RFC_2849_EXAMPLE_6) == data


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("cn: é".encode(), b"cn:: w6k="),
        (b"cn: M\xfc", b"cn:: Tfw="),
        (b"cn: a ", b"cn:: YSA="),
        (b"cn: a\n  \n sn", b"cn: a\n  \n sn"),
        ("# é ".encode(), rb"# \xe9"),
        (b"cn: a\r\n b\r", b"cn: a\n b"),
    ],
)
def test_lines_that_may_not_be_written_are_made_new(line: bytes, made: bytes) -> None:
    """Raw bytes above 127, a space at the end, CRLF; the lines around them stay as they are."""
    record = one(b"dn: cn=a\nsn:   b\n" + line + b"\nou: c\n")

    data = written(lambda writer: writer.write(record))

    assert data == b"dn: cn=a\nsn:   b\n" + made + b"\nou: c\n\n"
    assert one(data).attributes() == record.attributes()


def test_a_changed_record_with_raw_bytes_is_made_new() -> None:
    """A control, too, whose value is not ASCII."""
    record = one("dn: cn=é\ncontrol: 1.2 true: é\nchangetype: modify\nadd: cn\ncn: é\n".encode())

    data = written(lambda writer: writer.write(record))

    assert data == (
        b"dn:: Y249w6k=\ncontrol: 1.2 true:: w6k=\nchangetype: modify\nadd: cn\ncn:: w6k=\n-\n\n"
    )  # fmt: skip


def test_values_from_files_are_written_with_the_record(tmp_path: Path) -> None:
    """So that the output stands for itself."""
    (tmp_path / "photo").write_bytes(b"\0")
    for head in (b"dn: cn=a\n", b"dn: cn=a\nchangetype: add\n"):
        record = one(head + b"photo:< file://" + str(tmp_path / "photo").encode() + b"\n", allow_urls=True)

        assert written(lambda writer, r=record: writer.write(r)) == head + b"photo:: AA==\n\n"  # type: ignore[misc]  # bound


def test_the_sample_is_written_as_it_is() -> None:
    """But for raw Latin-1, byte for byte."""
    data = b"".join(oid_sample.record(entry) + b"\n\n" for entry in oid_sample.entries(300, latin_1=False))

    assert rewritten(data) == data


def test_the_writer_counts() -> None:
    """Records and bytes, so that files can be kept small."""
    file = io.BytesIO()
    writer = LdifWriter(file)
    writer.write_entry(b"cn=a", [(b"cn", b"a")])
    writer.write_comment("two lines\nof comment")
    writer.write_delete(b"cn=a")

    assert (writer.records, writer.bytes) == (2, len(file.getvalue()))
    with pytest.raises(ValueError, match="two columns"):
        LdifWriter(file, fold=1)


def test_a_reject_is_kept_with_its_reason() -> None:
    """The reason stands above, the bytes are the same, and correcting them makes it LDIF again."""
    _, (reject,) = leniently(b"dn: cn=a\ncn:: Y!\nsn: \xfc\n")
    file = io.BytesIO()
    write_reject(file, reject)

    assert file.getvalue() == (
        b"# (stream):2: cn: the base64 value has a character that base64 does not know\ndn: cn=a\ncn:: Y!\nsn: \xfc\n\n"
    )
    assert one(file.getvalue().replace(b"Y!", b"YQ==")).values(b"cn") == [b"a"]


def test_a_file_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    """Until then, and after a failure, there is none."""
    path = tmp_path / "out.ldif"
    with new_ldif_file(path, version_line=True) as writer:
        writer.write_entry(b"cn=a", [(b"cn", b"a")])
        assert not path.exists()
    assert path.read_bytes() == b"version: 1\n\ndn: cn=a\ncn: a\n\n"

    with pytest.raises(KeyError), new_ldif_file(tmp_path / "other.ldif"):
        raise KeyError
    assert [found.name for found in tmp_path.iterdir()] == ["out.ldif"]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    """Nothing half-written looks whole; the error is one that may pass."""

    def write() -> None:
        with new_ldif_file(tmp_path / "out.ldif") as writer:
            writer.write_entry(b"cn=a", [(b"cn", b"a")])
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageFullError, match="No room is left to write"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(UnavailableError, match="cannot be written"), new_ldif_file(tmp_path / "none" / "out.ldif"):
        pass


@given(st.lists(st.tuples(VALUES, ATTRIBUTES), max_size=4), st.sampled_from([b"\n", b"\r\n"]), st.integers(1, 40))
def test_files_are_read_back_in_any_blocks(
    found: list[tuple[bytes, list[tuple[bytes, bytes]]]], end: bytes, block_bytes: int
) -> None:
    """Several entries, either line end."""

    def write(writer: LdifWriter) -> None:
        for dn, attributes in found:
            writer.write_entry(dn, attributes)

    data = written(write).replace(b"\n", end)

    assert [(r.dn, r.attributes()) for r in records(data, block_bytes=block_bytes)] == found


def test_a_record_shows_what_it_is() -> None:
    """For logs and failing tests, without values."""
    assert repr(Record(b"dn: cn=a\ncn: a", None, 7)) == "<Record 'cn=a', line 7>"
