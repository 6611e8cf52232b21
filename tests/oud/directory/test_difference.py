"""Facts about what an entry lacks and has too much."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.oud.directory.difference import EntryComparison, left_of
from flext_pipelines.oud.directory.read_back import changed
from flext_pipelines.oud.ldif.parse import Modification
from tests.oud.directory.test_server_schema import SCHEMA

DN = "cn=Ada,dc=example"
PLAIN = EntryComparison(SCHEMA)


def test_order_and_spelling_are_no_difference() -> None:
    """Names, values and classes are compared as the server does; what it adds by itself does not count."""
    expected = [
        ("CN", b"ADA"),
        ("commonName", b"Countess"),
        ("objectClass", b"inetOrgPerson"),
        ("member", b"CN=A, DC=b"),
    ]
    actual = {
        "cn": [b"countess", b"Ada"], "member": [b"cn=a,dc=b"], "createTimestamp": [b"2020"], "entryUUID": [b"x"],
        "objectClass": [b"top", b"person", b"inetorgperson"],
    }  # fmt: skip

    assert PLAIN.differences(DN, expected, actual) == []


def test_a_missing_a_surplus_and_another_value_are_told_apart() -> None:
    """Each with the step that makes it right."""
    found = PLAIN.differences(
        DN, [("cn", b"Ada"), ("description", b"new"), ("member", b"cn=a"), ("member", b"cn=b")],
        {"cn": [b"Ada"], "description": [b"old"], "member": [b"cn=b", b"cn=c"], "title": [b"Dr"]},
    )  # fmt: skip
    steps = {one.name: one.steps() for one in found}

    assert steps == {
        "description": [Modification("replace", b"description", (b"new",))],
        "member": [Modification("delete", b"member", (b"cn=c",)), Modification("add", b"member", (b"cn=a",))],
        "title": [Modification("delete", b"title", ())],
    }


def test_the_value_of_the_rdn_is_no_surplus() -> None:
    """Every server adds it."""
    assert PLAIN.differences(DN, [("sn", b"x")], {"sn": [b"x"], "cn": [b"Ada"]}) == []


def test_a_password_that_came_in_clear_is_not_judged() -> None:
    """The server keeps its hash; a hashed one must be the same."""
    assert PLAIN.differences(DN, [("userPassword", b"secret")], {"userPassword": [b"{SSHA}x"]}) == []
    assert PLAIN.differences(DN, [("userPassword", b"{SSHA}y")], {"userPassword": [b"{SSHA}x"]})
    assert PLAIN.differences(DN, [("userPassword", b"secret")], {})


def test_an_update_may_leave_passwords_and_attributes_alone() -> None:
    """A password that is there stays, one that is not there is set; kept attributes stay."""
    update = EntryComparison(SCHEMA, ignore=["commonName"], passwords=False)

    assert update.differences(DN, [("userPassword", b"{SSHA}y"), ("cn", b"x")], {"userPassword": [b"{SSHA}x"]}) == []
    assert update.differences(DN, [("userPassword", b"{SSHA}y")], {})[0].missing == (b"{SSHA}y",)


VALUES = st.lists(st.sampled_from([b"a", b"b", b"c"]), unique=True)
NAMES = st.sampled_from(["cn", "description", "title"])
ENTRY = st.dictionaries(NAMES, VALUES.filter(bool))


@given(wanted=ENTRY, there=ENTRY)
def test_the_steps_lead_from_one_entry_to_the_other(
    wanted: dict[str, list[bytes]], there: dict[str, list[bytes]]
) -> None:
    """Whatever two entries hold, the steps of their difference leave none."""
    expected = [(name, value) for name, values in wanted.items() for value in values]
    comparison = EntryComparison(SCHEMA)
    steps = [step for one in comparison.differences("", expected, there) for step in one.steps()]

    after = changed([(name, value) for name, values in there.items() for value in values], steps)

    grouped: dict[str, list[bytes]] = {}
    for name, value in after:
        grouped.setdefault(name, []).append(value)
    assert comparison.differences("", expected, grouped) == []


STEPS = st.lists(
    st.one_of(
        st.builds(Modification, st.just("add"), st.just(b"cn"), VALUES.filter(bool).map(tuple)),
        st.builds(Modification, st.just("replace"), st.just(b"title"), VALUES.filter(bool).map(tuple)),
    ),
    max_size=2, unique_by=lambda step: step.name,
)  # fmt: skip


@given(steps=STEPS, there=ENTRY)
def test_what_was_done_is_not_left(steps: list[Modification], there: dict[str, list[bytes]]) -> None:
    """After a change nothing of it is left to do; that is how one whose answer was lost is recognised."""
    done = changed([(name, value) for name, values in there.items() for value in values], steps)
    grouped: dict[str, list[bytes]] = {}
    for name, value in done:
        grouped.setdefault(name, []).append(value)

    assert left_of(steps, grouped, SCHEMA) == []


def test_only_what_is_not_done_is_left() -> None:
    """Values that are there are not added again, and what is gone is not deleted."""
    steps = [Modification("add", b"cn", (b"a", b"b")), Modification("delete", b"title", (b"x",)),
             Modification("delete", b"sn", ())]  # fmt: skip

    assert left_of(steps, {"commonName": [b"A"], "sn": [b"q"]}, SCHEMA) == [
        Modification("add", b"cn", (b"b",)), Modification("delete", b"sn", ())
    ]  # fmt: skip
