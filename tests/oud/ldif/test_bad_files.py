"""Facts about reading what is no LDIF, is huge, or cannot be read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from flext_pipelines.errors import ForbiddenError, NotFoundError, UnavailableError, UsageError
from flext_pipelines.oud.ldif import read_ldif
from tests.oud.ldif.reading import leniently, one, records, refusal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("data", "what", "advice"),
    [
        (
            b"cn=orcladmin,cn=users,dc=x\ncn=orcladmin\nobjectclass=top\n\n",
            "ldapsearch prints without -L",
            "ldapsearch -L",
        ),
        (b"\ncn=x, dc=y\nuserpassword={SSHA}a:b\n", "ldapsearch prints without -L", "ldapsearch -L"),
        (b"dc=com\n", "ldapsearch prints without -L", "ldapsearch -L"),
        (b"\x1f\x8b\x08\0\0", "gzip", "gunzip"),
        (b"PK\x03\x04", "zip", "unzip"),
        (b"\xff\xfed\0n\0:\0", "UTF-16", "iconv"),
        (b"<?xml version='1.0'?><dsml/>", "XML", "LDIF"),
    ],
)
@pytest.mark.parametrize("lenient", [False, True])
def test_what_is_no_ldif_is_recognised(data: bytes, what: str, advice: str, lenient: bool) -> None:
    """OID's listing and packed files are refused at once, with what to do, even leniently."""
    error = refusal(lambda: list(read_ldif(io.BytesIO(data), lenient=lenient)))

    assert what in error.reason
    assert advice in error.instruction


@pytest.mark.parametrize(
    "data", [b"dn: cn=a,dc=x\ncn: a\n", b"# cn=a,dc=x\ndn: cn=a\ncn: a\n", b"rubbish\n", b"a:b=c\n"]
)
def test_ldif_is_not_taken_for_a_listing(data: bytes) -> None:
    """A colon before the first ``=`` makes the difference."""
    _, rejects = leniently(data)

    assert all("ldapsearch" not in reject.error.reason for reject in rejects)


def test_binary_garbage_is_refused_at_its_first_line() -> None:
    """Bytes of every value, and no crash."""
    assert refusal(lambda: records(bytes(range(255, -1, -1)) * 100)).details["line"] == 1


def test_garbage_without_empty_lines_does_not_fill_the_memory() -> None:
    """A record has a longest length; beyond it reading ends."""
    reader = read_ldif(io.BytesIO(b"x" * 5_000_000), most_record_bytes=1_000_000, lenient=True)

    assert "no empty line in 1,000,000 bytes" in refusal(lambda: list(reader)).reason


def test_a_value_of_a_hundred_megabytes() -> None:
    """It is read, in blocks, without looking at it again for each."""
    value = b"QUFB" * 25_000_000
    lines = b"\n ".join([value[at : at + 76] for at in range(0, len(value), 76)])

    (pair,) = one(b"dn: cn=a\njpegphoto:: " + lines + b"\n").attributes()

    assert pair == (b"jpegphoto", b"AAA" * 25_000_000)


def test_two_million_values_of_one_attribute() -> None:
    """They are judged and read like others."""
    data = b"dn: cn=all\n" + b"".join(b"member: cn=%d\n" % number for number in range(2_000_000))

    values = one(data).values(b"member")

    assert len(values) == 2_000_000
    assert values[-1] == b"cn=1999999"


def test_values_from_files_only_when_asked_for(tmp_path: Path) -> None:
    """``:<`` reads a local file, spaces in its name escaped; the record says that it refers to something."""
    (tmp_path / "a b").write_bytes(b"\0photo")
    url = f"file://{tmp_path}/a%20b".encode()

    record = one(b"dn: cn=a\nphoto:< " + url + b"\n", allow_urls=True)

    assert record.attributes() == [(b"photo", b"\0photo")]
    assert record.refers


@pytest.mark.parametrize(
    ("url", "reason"),
    [(b"http://x/y", "kind 'http'"), (b"file:///none/such", "cannot be read"), (b"file://host/x", "another host"),
     (b"", "kind '(none)'"), (b"file:///", "cannot be read"), (b"file://[", "no URL")],
)  # fmt: skip
def test_urls_that_cannot_be_read_are_named(url: bytes, reason: str) -> None:
    """Other kinds, other hosts, missing files."""
    assert reason in refusal(lambda: records(b"dn: cn=a\nphoto:< " + url + b"\n", allow_urls=True)).reason


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    """Missing, or a folder: the path and what to do."""
    with pytest.raises(NotFoundError, match="There is no file"):
        read_ldif(tmp_path / "none")
    with pytest.raises(UsageError, match="is a folder"):
        read_ldif(tmp_path)
    with pytest.raises((ForbiddenError, UnavailableError)):
        read_ldif(tmp_path / ("x" * 300))


class _BrokenDisk(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 10:
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_a_disk_that_fails_is_told_with_the_line() -> None:
    """What was read before has come; the error is one that may pass."""
    reader = read_ldif(_BrokenDisk(b"dn: cn=a\ncn: a\n\ndn: cn=b\ncn: b\n"), block_bytes=20)

    assert next(reader).dn == b"cn=a"
    with pytest.raises(UnavailableError, match="after line 4: Input/output error"):
        next(reader)
