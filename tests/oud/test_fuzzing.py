"""The promises of the parsers: what fuzzing found once, and a short search in every run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oud import fuzzing

FOUND_ONCE = [
    b"\n\n\xef\xbb\xbf\n\n",
    b"dnYQ==\n\ndn: cn=b\ncn: b\n",
    b"=\n\n\r\x0c:=\n\n=\n",
    b"dn: cn=b\ncn: b\nn:(\r",
    b"dn: cn=a\n# only\n",
]
"""A byte order mark in a later block, a listing that depends on the block, a lone CR after an empty line and at the
end, and a record of comments: each was read differently from different blocks, or not at all as it should be."""

PIECES = st.sampled_from(
    [b"dn: cn=a\n", b"cn: b\n", b"sn;x:: YQ==\n", b"\n", b"\r\n", b"\r", b" ", b"changetype: modify\n",
     b"add: cn\n",
     b"-\n", b"version: 1\n", b"#", b"\xef\xbb\xbf", b":", b"\0", b"\xff", b"cn=a\n"]
)  # fmt: skip


@pytest.mark.parametrize("data", FOUND_ONCE)
def test_what_was_found_once_stays_right(data: bytes) -> None:
    """Inputs that broke a promise of the reader."""
    fuzzing.ldif(data)


@given(st.one_of(st.lists(PIECES, max_size=16).map(b"".join), st.binary(max_size=50)))
def test_the_reader_keeps_its_promises(data: bytes) -> None:
    """Any bytes, any blocks; written back to the same meaning."""
    fuzzing.ldif(data)


@given(st.one_of(st.binary(max_size=40), st.lists(st.sampled_from(
    [b"cn=", b"dc=x", b",", b"+", b";", b"\\", b'"', b"#", b"0C0141", b" ", b"a", b"=", b"\xc3\xa9", b"\xff", b"1.2="]
), max_size=9).map(b"".join)))  # fmt: skip
def test_names_keep_their_promises(data: bytes) -> None:
    """Any bytes; written back to the same name."""
    fuzzing.dn(data)
