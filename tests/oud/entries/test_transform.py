"""The transformation as a whole: bytes that stay, records of every shape, and what holds for any entry."""

from __future__ import annotations

import io
import pickle
import random
from collections import Counter
from collections.abc import Callable
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.oud.entries import EntryTransform, Excluded, Kept, Outcome
from flext_pipelines.oud.entries.outcome import REASONS, severity
from flext_pipelines.oud.ldif import read_ldif
from flext_pipelines.oud.ldif.grammar import CONTENT_RECORD
from flext_pipelines.oud.ldif.lines import unfolded
from flext_pipelines.oud.ldif.parse import Attribute
from flext_pipelines.oud.ldif.record import Record
from flext_pipelines.oud.ldif.render import entry_bytes
from flext_pipelines.oud.rules.reading import read_rules
from flext_pipelines.oud.schema.view import SchemaView
from tests.oud import oid_sample
from tests.oud.entries.conftest import BASE, PERSON, Migration, attributes, codes
from tests.oud.ldif.reading import one, records

Make = Callable[..., Migration]


def transform(pattern_after: int = 250) -> EntryTransform:
    return EntryTransform(read_rules(), SchemaView.standard(), BASE, pattern_after=pattern_after)


def test_lines_that_do_not_change_are_the_same_bytes(migration: Make) -> None:
    """Folds, case, spaces and base64 as they stood; comments go."""
    kept = migration().kept(
        b"# above\ndn: cn=a,dc=example,\n dc=com\nobjectClass: top\nobjectclass:: cGVyc29u\norclguid: 1\n 2\n"
        b"CN:   a\n# x\n y\nsn: fol\n ded\ndescrip\n tion: z\nTelephoneNumber:: MQ==\n"
    )

    assert kept.record.raw == (
        b"dn: cn=a,dc=example,\n dc=com\nobjectClass: top\nobjectclass:: cGVyc29u\nCN:   a\nsn: fol\n ded\n"
        b"descrip\n tion: z\nTelephoneNumber:: MQ=="
    )
    assert (kept.record.line, kept.record.offset) == (2, 0)


def test_line_ends_become_lf(migration: Make) -> None:
    """Whatever they were."""
    data = b"dn: cn=a,dc=example,dc=com\n" + PERSON + b"cn: a\nsn: b\n c\norclguid: 1\n"

    assert migration().kept(data.replace(b"\n", b"\r\n")).record.raw == migration().kept(data).record.raw


@pytest.mark.parametrize(
    "dn",
    [b"dn:cn=a,dc=example,dc=com", b"DN:   cn=a,dc=example,dc=com", b"dn:: Y249YSxkYz1leGFtcGxlLGRjPWNvbQ==",
     b'dn: cn="a",dc=example,dc=com'],
)  # fmt: skip
def test_names_may_be_written_in_any_way(migration: Make, dn: bytes) -> None:
    """Without a space, in base64, quoted: the entry is the same."""
    kept = migration().kept(dn + b"\n" + PERSON + b"cn: a\nsn: b\n")

    assert (kept.key, kept.depth, kept.phase) == (b"cn=a,dc=example,dc=com", 3, "users")
    assert codes(kept) == []


def test_a_record_that_adds_an_entry_is_one(migration: Make) -> None:
    """Another change is none."""
    added = migration().kept(b"dn: cn=a,dc=example,dc=com\nchangetype: add\n" + PERSON + b"cn: a\nsn: b\norclguid: 1\n")

    assert added.record.changetype is None
    assert b"orclguid" not in attributes(added)
    refused = migration().rejected(b"dn: cn=a,dc=example,dc=com\nchangetype: delete\n")
    assert refused.code == "change-record"


def test_an_entry_of_very_many_values(migration: Make) -> None:
    """Each value is looked at: one that stands twice, one that is no name, one of no length."""
    members = [f"uniquemember: cn=p{number},dc=example,dc=com\n" for number in range(5_000)]
    odd = ["uniquemember: CN=P17,DC=example,dc=com\n", "uniquemember: x\n", "uniquemember:\n"]
    made = migration()
    kept = made.kept(
        ("dn: cn=g,dc=example,dc=com\nobjectclass: top\nobjectclass: groupOfUniqueNames\nobjectclass: orclGroup\n"
         "cn: g\n" + "".join(members + odd) + "orclguid: 1\n").encode()
    )  # fmt: skip

    assert len(attributes(kept)[b"uniquemember"]) == 5_000
    assert made.dropped() == {
        ("duplicate-value", "uniquemember"): 1, ("not-a-name", "uniquemember"): 1, ("empty-value", "uniquemember"): 1,
        ("identifier", "orclguid"): 1, ("unknown-class", "orclgroup"): 1,
    }  # fmt: skip
    moved = migration(target="o=x").kept(
        ("dn: cn=g,dc=example,dc=com\nobjectclass: groupOfUniqueNames\ncn: g\n" + "".join(members)).encode()
    )
    assert attributes(moved)[b"uniquemember"][4_999] == b"cn=p4999,o=x"


def test_every_reason_in_use_is_described() -> None:
    """A built-in rule's reason has a severity and a sentence; a site's own is of no weight."""
    rules = read_rules()

    assert {*rules.attributes.drop, *rules.classes.drop} <= REASONS.keys()
    assert severity("password-reset") == "warning"
    assert severity("a-site-of-its-own") == "info"


@lru_cache
def sample(count: int = 1_200) -> bytes:
    return b"\n\n".join(oid_sample.record(entry) for entry in oid_sample.entries(count)) + b"\n"


def told(outcome: Outcome) -> object:
    """An outcome as something that can be compared."""
    if isinstance(outcome, Kept):
        return outcome._replace(record=None), outcome.record.raw, outcome.record.line  # type: ignore[arg-type]  # compared only
    return outcome


def test_the_sample_migrates_as_it_should() -> None:
    """People, groups and containers are kept, OID's own tree is not; passwords of foreign schemes are listed."""
    made = transform()
    outcomes = Counter(
        outcome.phase if isinstance(outcome, Kept) else outcome.code for outcome in map(made.apply, records(sample()))
    )

    assert outcomes == Counter(
        {"context": "tree", "user": "users", "group": "groups", "hierarchy": "hierarchy"}[entry.kind]
        for entry in oid_sample.entries(1_200)
    )
    people = outcomes["users"]
    assert made.counts()["password-scheme", "userpassword"] == sum(number % 20 == 7 for number in range(people))


def test_what_is_recognised_is_what_would_have_been_judged() -> None:
    """With patterns from the first entry, with none, and with the reader asking: the outcomes are the same."""
    slow, fast, asked = transform(1 << 60), transform(0), transform(0)
    data = sample()

    expected = [told(slow.apply(record)) for record in records(data)]

    assert [told(fast.apply(record)) for record in records(data)] == expected
    found = list(read_ldif(io.BytesIO(data), recognise=asked.recognise))
    assert sum(record.recognised is not None for record in found) == 0  # nothing was transformed when it was read
    again = []
    hits = 0
    for record in read_ldif(io.BytesIO(data), recognise=asked.recognise):
        hits += record.recognised is not None
        again.append(told(asked.apply(record)))
    assert again == expected
    assert hits > 900
    assert slow.counts() == fast.counts() == asked.counts()


def test_a_transformation_can_be_sent_to_another_process() -> None:
    """It makes its own plans there; outcomes can be sent back."""
    made = transform()
    found = [made.apply(record) for record in records(sample(200))]
    other = pickle.loads(pickle.dumps(made))

    assert other.counts() == {}
    assert [told(other.apply(record)) for record in records(sample(200))] == [told(outcome) for outcome in found]
    assert [told(outcome) for outcome in pickle.loads(pickle.dumps(found))] == [told(outcome) for outcome in found]


# What holds for any entry.

_VALUES = {
    b"cn": st.sampled_from([b"a", b"A", b"b", b"M\xc3\xbcller", b"caf\xe9"]),
    b"sn": st.sampled_from([b"x", b"y  z", b" lead"]),
    b"description": st.sampled_from([b"", b"one", b"ONE", b"two", b"long " * 30, b"\xff\xfe"]),
    b"Mail": st.sampled_from([b"a@b", b"A@B", b"c@d"]),
    b"orclguid": st.just(b"0123"),
    b"authpassword;oid": st.sampled_from([b"{SASL/MD5}x", b"y"]),
    b"orclisenabled": st.sampled_from([b"ENABLED", b"DISABLED", b"disabled", b"odd"]),
    b"userpassword": st.sampled_from([b"{SSHA}" + b"A" * 40, b"{MD4}x", b"clear", b"{SSHA}x"]),
    b"manager": st.sampled_from([b"cn=b,dc=example,dc=com", b"CN=B, dc=example,dc=com", b"no name", b"cn=orcladmin"]),
    b"exampleUnknown": st.sampled_from([b"1", b"2"]),
    b"orclaci": st.sampled_from([b"access to entry by * (browse)", b"x"]),
    b"userCertificate;binary": st.sampled_from([b"\x30\x01", b"\x30\x02"]),
    b"objectclass": st.sampled_from([b"top", b"orclUser", b"device", b"organizationalPerson", b"exampleClass", b"TOP"]),
}  # fmt: skip
_LINE = st.sampled_from(sorted(_VALUES)).flatmap(lambda name: st.tuples(st.just(name), _VALUES[name]))
ENTRIES = st.lists(_LINE, max_size=14).map(
    lambda lines: [
        (b"objectclass", b"person"),
        (b"objectclass", b"inetOrgPerson"),
        (b"cn", b"a"),
        (b"sn", b"s"),
        *lines,
    ]
)


def made_of(pairs: list[Attribute]) -> Record:
    return one(entry_bytes(b"cn=a,dc=example,dc=com", pairs) + b"\n")


@lru_cache
def shared(pattern_after: int) -> EntryTransform:
    """One for all examples: kinds come and go, as in a file."""
    return transform(pattern_after)


def dropped_by(made: EntryTransform, record: Record) -> tuple[Outcome, Counter[tuple[str, str]]]:
    before = Counter(made.counts())
    outcome = made.apply(record)
    after = Counter(made.counts())
    after.subtract(before)
    return outcome, +after


_ADDED = {"rdn-value-added", "filled", "class-added"}


@given(ENTRIES, st.sampled_from([0, 1 << 60]))
def test_nothing_is_lost(pairs: list[Attribute], pattern_after: int) -> None:
    """Every value of an entry that is kept is in the new one, or converted, or taken out, or counted as dropped."""
    outcome, dropped = dropped_by(shared(pattern_after), made_of(pairs))

    if not isinstance(outcome, Kept):
        assert dropped == Counter()
        return
    new = outcome.record.attributes()
    added = sum(code in _ADDED for code in codes(outcome))
    assert len(pairs) + added == len(new) + sum(dropped.values())
    assert sum(name == b"orclaci" for name, _ in pairs) == dropped["access", "orclaci"] == len(outcome.access)
    old = {(name.lower(), value) for name, value in pairs}
    for name, value in new:
        converted = name == b"ds-pwp-account-disabled" and value == b"true"
        assert (name.lower(), value) in old or converted or added


@given(ENTRIES)
def test_a_second_turn_changes_nothing(pairs: list[Attribute]) -> None:
    """What comes out is what the rules want, so that they leave it as it is."""
    made = shared(1 << 60)
    first = made.apply(made_of(pairs))
    if isinstance(first, Kept):
        again, dropped = dropped_by(made, one(first.record.raw + b"\n"))

        assert isinstance(again, Kept)
        assert again.record.raw == first.record.raw
        assert dropped == Counter()


@given(ENTRIES, st.randoms(use_true_random=False))
def test_the_order_of_lines_makes_no_difference(pairs: list[Attribute], dice: random.Random) -> None:
    """The same values come out, but for which of two spellings of one value is kept."""
    other = list(pairs)
    dice.shuffle(other)

    first, dropped = dropped_by(shared(1 << 60), made_of(pairs))
    second, dropped_too = dropped_by(shared(1 << 60), made_of(other))

    assert type(first) is type(second)
    assert dropped == dropped_too
    if isinstance(first, Kept) and isinstance(second, Kept):
        assert Counter(_compared(first)) == Counter(_compared(second))
        assert sorted(codes(first)) == sorted(codes(second))


def _compared(kept: Kept) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value.lower().replace(b" ", b"")) for name, value in kept.record.attributes()]


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_in_names_and_values_are_kept_or_refused(dn: bytes, value: bytes) -> None:
    """No DN and no value makes it fail."""
    record = one(entry_bytes(dn, [(b"objectclass", b"person"), (b"manager", value), (b"userpassword", value)]) + b"\n")

    outcome = shared(1 << 60).apply(record)

    assert isinstance(outcome, (Kept, Excluded)) or outcome.text


@lru_cache
def taught() -> EntryTransform:
    """A transformation that knows the sample's kinds by their patterns."""
    made = transform(1)
    for record in records(sample()):
        made.apply(record)
    return made


_RECORDS = sample().strip(b"\n").split(b"\n\n")
_PIECES = st.sampled_from([
    b"", b"\n", b" ", b"\n ", b"\n\n", b":", b"::", b":<", b"<", b"=", b"#", b"A", b"\xff", b"\t", b"\ndn: x", b"\n-",
    b"\nchangetype: add", b"\ncontrol: 1.2", b"\n#x", b";x", b"\\", b",", b'"',
])  # fmt: skip


@given(st.sampled_from(_RECORDS), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), _PIECES), max_size=3))
def test_what_is_recognised_would_have_been_accepted(raw: bytes, changes: list[tuple[float, int, bytes]]) -> None:
    """However a record is damaged: the pattern of a kind takes nothing that RFC 2849 does not, and reads it alike."""
    for place, length, piece in changes:
        at = int(place * len(raw))
        raw = raw[:at] + piece + raw[at + length :]
    if b"\n\n" in raw or taught().recognise(raw) is None:
        return

    text = unfolded(raw)
    assert CONTENT_RECORD.fullmatch(text)
    assert told(taught().apply(Record(raw, text, 1))) == told(shared(1 << 60).apply(Record(raw, text, 1)))
