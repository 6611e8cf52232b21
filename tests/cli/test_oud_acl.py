"""``flext oud acl`` and ``flext oud aci-check``: values in at standard input, JSON or lines out."""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Answer, Shell

DN = "cn=users,dc=example,dc=com"
SELF = '(version 3.0; acl "x"; allow (read) userdn="ldap:///self";)'


@pytest.fixture
def piped(flext: Shell, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """Run ``flext`` with bytes at standard input."""

    def call(given: str | bytes, *words: str) -> Answer:
        raw = given if isinstance(given, bytes) else given.encode()
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
        return flext(*words)

    return call


def test_values_become_aci_lines(piped: Callable[..., Answer]) -> None:
    """LDIF lines on standard output, notes and what is left out on standard error."""
    answer = piped("access to entry by self (browse) by guidattr=(g) (add)\n", "oud", "acl", "--dn", DN)

    assert answer.code == 0
    assert answer.out.startswith('aci: (targetattr="objectClass")(version 3.0; acl "orclaci 1.1 of ')
    assert answer.out.count("\n") == 1
    assert "left out  value 1: add: guidattr=(g)" in answer.err


def test_json_has_aci_notes_and_what_is_left_out(piped: Callable[..., Answer]) -> None:
    """Once for all values, and value by value."""
    text = "access to entry by * (none)\naccess to entry by guidattr=(g) (browse)\naccess to attr=(cn) by * (write)"

    answer = piped(text, "oud", "acl", "--dn", DN, "--json").json()

    assert [len(answer[key]) for key in ("aci", "notes", "left_out", "values")] == [1, 1, 1, 3]
    assert answer["left_out"][0]["original"] == "access to entry by guidattr=(g) (browse)"
    assert "GUID" in answer["left_out"][0]["reason"]
    assert answer["left_out"][0]["number"] == 2
    assert answer["values"][2]["aci"] == answer["aci"]


def test_values_may_be_named_folded_and_encoded(piped: Callable[..., Answer]) -> None:
    """As an export holds them, in any case, with comments and empty lines between."""
    encoded = base64.b64encode(b"access to entry by self (delete)").decode()
    text = f"\ufeffORCLACI: access to entry by se\n lf (proxy)\r\n\n# a comment\norclEntryLevelACI:: {encoded}\n"

    answer = piped(text, "oud", "acl", "--dn", DN, "--json").json()

    assert [(one["kind"], one["original"]) for one in answer["values"]] == [
        ("orclaci", "access to entry by self (proxy)"),
        ("orclentrylevelaci", "access to entry by self (delete)"),
    ]
    assert '(targetscope="base")' in answer["aci"][1]


def test_kind_flavour_and_suffix_are_options(piped: Callable[..., Answer]) -> None:
    """For values without a name in front, for 389, for the root DSE."""
    text = "access to entry by self (delete)"

    entry = piped(text, "oud", "acl", "--dn", DN, "--kind", "orclentrylevelaci", "--flavour", "389", "--json").json()
    root = piped(text, "oud", "acl", "--dn", "", "--suffix", "dc=example", "--json").json()

    assert f'(targetfilter="(entrydn={DN})")' in entry["aci"][0]
    assert (entry["flavour"], len(root["aci"])) == ("389", 1)


def test_a_value_that_is_no_directive_fails_the_command(piped: Callable[..., Answer]) -> None:
    """The others are converted all the same; it is listed with its place."""
    answer = piped("access to entry by * (brows)\naccess to entry by * (browse)\n", "oud", "acl", "--dn", DN, "--json")

    assert answer.code == 2
    assert len(answer.json()["aci"]) == 1
    assert answer.json()["left_out"][0]["severity"] == "error"
    assert "unknown permission 'brows' at column 23" in answer.json()["left_out"][0]["reason"]


@pytest.mark.parametrize(
    ("given", "dn", "reason"),
    [
        ("", DN, "Standard input has no values"),
        ("# nothing\n\n", DN, "Standard input has no values"),
        (b"access to attr=(\xff) by * (read)", DN, "Standard input is no UTF-8 at byte 17"),
        ("access to entry by * (browse)", "rubbish", "'rubbish' is no DN"),
        ("access to entry by * (browse)", "rubbish", "Name the entry that holds the values"),
        ("access to entry by * (browse)", "", "--suffix"),
        ("orclaci:: %%%", DN, "What follows orclaci:: is no base64"),
    ],
)
def test_wrong_use_is_said_in_words(piped: Callable[..., Answer], given: str | bytes, dn: str, reason: str) -> None:
    """No traceback, exit code 2, and what to do next."""
    answer = piped(given, "oud", "acl", "--dn", dn)

    assert answer.code == 2
    assert reason in answer.err
    assert "Next:" in answer.err


def test_each_aci_is_judged(piped: Callable[..., Answer]) -> None:
    """Valid, or the reason and the column; one that is refused fails the command."""
    refused = SELF.replace("(read)", "(browse)")

    answer = piped(f"{SELF}\naci: {refused}\n", "oud", "aci-check", "--json")

    assert answer.code == 2
    assert [(one["number"], one["valid"], one["column"]) for one in answer.json()] == [(1, True, None), (2, False, 31)]
    assert "unknown right 'browse'" in answer.json()[1]["reason"]
    assert answer.json()[1]["aci"] == refused


def test_valid_aci_pass(piped: Callable[..., Answer]) -> None:
    """And are counted."""
    answer = piped(f"{SELF}\n{SELF}\n", "oud", "aci-check")

    assert (answer.code, answer.out) == (0, "2 of 2 values are valid.\n")


def test_refusals_are_printed_with_the_value(piped: Callable[..., Answer]) -> None:
    """For people."""
    answer = piped("rubbish\n", "oud", "aci-check")

    assert answer.code == 2
    assert answer.out.splitlines() == [
        "refused  value 1: expected '(', found 'rubbish' at column 1", "         rubbish", "0 of 1 values are valid.",
    ]  # fmt: skip


def test_flavour_and_holder_change_the_verdict(piped: Callable[..., Answer]) -> None:
    """389 takes no targetscope, and no server a target outside the entry."""
    scoped, targeted = f'(targetscope="base"){SELF}', f'(target="ldap:///dc=other"){SELF}'

    assert piped(scoped, "oud", "aci-check").code == 0
    assert piped(scoped, "oud", "aci-check", "--flavour", "389").code == 2
    assert piped(targeted, "oud", "aci-check").code == 0
    assert piped(targeted, "oud", "aci-check", "--dn", DN).code == 2


def test_what_acl_writes_aci_check_takes(piped: Callable[..., Answer]) -> None:
    """The two speak one language."""
    text = 'access to attr!=(userpassword) filter=(|(a=b)(!(c=d*))) by group="cn=a\\, b,dc=x" (read) by * (none)'

    for flavour in ("oud", "389"):
        written = piped(text, "oud", "acl", "--dn", DN, "--flavour", flavour).out

        assert piped(written, "oud", "aci-check", "--dn", DN, "--flavour", flavour).code == 0


def test_the_messages_can_be_sent_as_json(flext: Shell) -> None:
    """``flext send`` takes the same fields."""
    payload = {"dn": DN, "values": ["access to entry by self (browse)"]}

    answer = flext("send", "oud.ConvertAcl", json.dumps(payload), "--json")

    assert len(answer.json()["aci"]) == 1
    assert flext("send", "oud.CheckAci", json.dumps({"values": answer.json()["aci"]}), "--json").json()[0]["valid"]
