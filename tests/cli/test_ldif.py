"""`flext oud ldif` and `flext oud diff`."""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell

GOOD = b"version: 1\n\ndn: cn=a\ncn: a\n\ndn: cn=b\ncn: b\nmail:: /w==\n"
BAD = b"dn: cn=a\ncn: a\n\ndn: cn=b\ncn:: !\n\ndn: cn=c\ncn: c\n"


@pytest.fixture
def good(tmp_path: Path) -> str:
    """A file that is right."""
    (tmp_path / "good.ldif").write_bytes(GOOD)
    return str(tmp_path / "good.ldif")


@pytest.fixture
def bad(tmp_path: Path) -> str:
    """A file whose second record is wrong."""
    (tmp_path / "bad.ldif").write_bytes(BAD)
    return str(tmp_path / "bad.ldif")


def lines(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


def test_a_right_file_is_counted(flext: Shell, good: str) -> None:
    """Kind, version, records, bytes."""
    answer = flext("oud", "ldif", good)

    assert (answer.code, answer.err) == (0, "")
    assert [line.split() for line in answer.out.splitlines()] == [
        ["kind", "content"], ["version", "1"], ["records", "2"], ["bytes", str(len(GOOD))]
    ]  # fmt: skip


def test_records_are_printed_as_json_lines(flext: Shell, good: str) -> None:
    """One line each, values in base64."""
    answer = flext("oud", "ldif", good, "--json")

    assert answer.code == 0
    assert lines(answer.out) == [
        {"line": 3, "dn": "cn=a", "changetype": None, "attributes": {"cn": ["YQ=="]}},
        {"line": 6, "dn": "cn=b", "changetype": None, "attributes": {"cn": ["Yg=="], "mail": ["/w=="]}},
    ]


def test_standard_input_is_read_too(flext: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` names it; a file that ends in the middle of a line is remarked on."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"dn: cn=a\nchangetype: delete")))
    answer = flext("oud", "ldif", "-")

    assert answer.code == 0
    assert "changes" in answer.out
    assert "was it cut off?" in answer.err


def test_the_first_wrong_record_is_an_error(flext: Shell, bad: str) -> None:
    """File, line and reason; exit code 2."""
    answer = flext("oud", "ldif", bad)

    assert answer.code == 2
    assert f"{bad}:5: cn: the base64 value has a character that base64 does not know" in answer.err


def test_lenient_reading_tells_each_and_keeps_its_bytes(flext: Shell, bad: str, tmp_path: Path) -> None:
    """The others are counted, or printed; the wrong ones stand in the file of rejects, or in JSON, whole."""
    told = flext("oud", "ldif", bad, "--lenient", "--rejects", str(tmp_path / "wrong.ldif"))
    printed = flext("oud", "ldif", bad, "--lenient", "--json")

    assert (told.code, printed.code) == (2, 2)
    assert f"{bad}:5: cn: the base64" in told.err
    assert "wrong    1" in told.out
    assert (tmp_path / "wrong.ldif").read_bytes().endswith(b"\ndn: cn=b\ncn:: !\n\n")
    first, wrong, last = lines(printed.out)
    assert (first["dn"], last["dn"]) == ("cn=a", "cn=c")
    assert base64.b64decode(str(wrong["raw"])) == b"dn: cn=b\ncn:: !"
    assert (wrong["rejected"], wrong["line"]) == (True, 5)
    assert "1 records are wrong, 2 are right." in printed.err


def test_a_listing_of_ldapsearch_is_refused_with_advice(flext: Shell, tmp_path: Path) -> None:
    """What to run instead."""
    (tmp_path / "x").write_bytes(b"cn=a,dc=x\ncn=a\n")
    answer = flext("oud", "ldif", str(tmp_path / "x"), "--lenient")

    assert answer.code == 2
    assert "Next:  Export again with ldapsearch -L" in answer.err


def test_rejects_need_lenient(flext: Shell, good: str, tmp_path: Path) -> None:
    """Otherwise there are none."""
    answer = flext("oud", "ldif", good, "--rejects", str(tmp_path / "x"))

    assert answer.code == 2
    assert "--rejects goes with --lenient" in answer.err


def test_urls_are_read_when_allowed(flext: Shell, tmp_path: Path) -> None:
    """Not otherwise."""
    (tmp_path / "v").write_bytes(b"v")
    (tmp_path / "x").write_bytes(f"dn: cn=a\ncn:< file://{tmp_path}/v\n".encode())

    assert flext("oud", "ldif", str(tmp_path / "x")).code == 2
    allowed = flext("oud", "ldif", str(tmp_path / "x"), "--allow-urls", "--json")
    assert lines(allowed.out)[0]["attributes"] == {"cn": ["dg=="]}


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    """Two files that differ."""
    (tmp_path / "a").write_bytes(b"dn: cn=a\ncn: a\nn: 1\n\ndn: cn=b\ncn: b\n\ndn: cn=same\nmember: CN=X\n")
    (tmp_path / "b").write_bytes(b"dn: cn=SAME\nMember: cn=x\n\ndn: cn=c\ncn: c\n\ndn: cn=a\nn: 2\ncn: a\n")
    return str(tmp_path / "a"), str(tmp_path / "b")


def test_differences_are_change_records(flext: Shell, pair: tuple[str, str]) -> None:
    """Ready for ldapmodify; the counts stand on standard error."""
    answer = flext("oud", "diff", *pair, "--dn-attribute", "member")

    assert answer.code == 0
    assert answer.out == (
        "dn: cn=a\nchangetype: modify\nreplace: n\nn: 2\n-\n\n"
        "dn: cn=c\nchangetype: add\ncn: c\n\n"
        "dn: cn=b\nchangetype: delete\n\n"
    )
    assert answer.err == "1 added, 1 modified, 1 deleted, 1 the same.\n"
    assert flext("oud", "diff", *pair, "--dn-attribute", "member", "--ldif").out == answer.out


def test_differences_in_other_forms(flext: Shell, pair: tuple[str, str]) -> None:
    """A line an entry for people, a line of JSON for programs."""
    text = flext("oud", "diff", *pair, "--text")
    as_json = flext("oud", "diff", *pair, "--json", "--any-case-attribute", "member")

    assert text.out == "~ cn=a: n\n+ cn=c\n~ cn=same: member\n- cn=b\n"
    assert lines(as_json.out) == [
        {"changetype": "modify", "dn": "cn=a", "line": 1,
         "changes": [{"operation": "replace", "attribute": "n", "values": ["Mg=="]}]},
        {"changetype": "add", "dn": "cn=c", "line": 4, "attributes": {"cn": ["Yw=="]}},
        {"changetype": "delete", "dn": "cn=b", "line": 5},
    ]  # fmt: skip


def test_what_is_ignored_makes_no_difference(flext: Shell, pair: tuple[str, str]) -> None:
    """Attributes and branches; the exit code tells when asked to."""
    ignored = ("--ignore-attribute", "N", "--ignore-attribute", "member", "--ignore-dn", "CN=b", "--ignore-dn", "cn=c")
    same, other = flext("oud", "diff", *pair, *ignored, "--exit-code"), flext("oud", "diff", *pair, "--exit-code")

    assert (same.code, same.out, other.code) == (0, "", 1)


def test_what_cannot_be_compared_is_an_error(flext: Shell, pair: tuple[str, str], bad: str) -> None:
    """With its place; a missing file too."""
    assert f"{bad}:5:" in flext("oud", "diff", pair[0], bad).err
    assert flext("oud", "diff", pair[0], "none").code == 2
