"""The catalogue, and any message as JSON."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from flext_pipelines.commands import registry

if TYPE_CHECKING:
    from tests.cli.conftest import Shell


def test_the_catalogue_holds_every_message(flext: Shell) -> None:
    """`flext messages` lists what the registry has."""
    listed = flext("messages", "--json").json()

    assert [row["name"] for row in listed] == [spec.name for spec in registry.all_specs()]


def test_a_message_is_shown_with_its_fields(flext: Shell) -> None:
    """Names, types, defaults and documentation of the fields."""
    answer = flext("messages", "wms.SeedSample")

    assert answer.code == 0
    for text in ("orders", "int", "2000", "Order headers to make"):
        assert text in answer.out


def test_the_json_schema_of_a_message_is_had_for_programs(flext: Shell) -> None:
    """`--json` gives JSON Schema."""
    schema = flext("messages", "wms.SeedSample", "--json").json()

    assert schema["properties"]["orders"]["minimum"] == 1


def test_a_message_is_sent_as_json(flext: Shell) -> None:
    """What the handler answers is printed."""
    answer = flext("send", "wms.SeedSample", '{"orders": 3}', "--json")

    assert answer.code == 0
    assert answer.json()["tables"]["order_hdr"] == 3


def test_a_payload_may_come_from_standard_input(flext: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` reads it."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"orders": 2}')))

    assert flext("send", "wms.SeedSample", "-", "--json").json()["tables"]["order_hdr"] == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("wms.SeedSample", '{"order": 3}'), "order: unknown field, did you mean orders?"),
        (("wms.SeedSample", '{"orders": "many"}'), "orders: Input should be a valid integer"),
        (("wms.SeedSample", '{"orders": 0}'), "orders: Input should be greater than or equal to 1"),
        (("wms.SeedSample", "{"), "does not validate"),
        (("data.ExtractData", '{"source_name": "t", "table_name": "x", "extract_mode": "most"}'), "'full'"),
        (("wms.SeedSampel", "{}"), "Did you mean wms.SeedSample"),
    ],
)
def test_a_wrong_message_is_refused_with_path_and_what_is_allowed(
    flext: Shell, words: tuple[str, str], expected: str
) -> None:
    """Exit 2, the field's path, the reason, no traceback."""
    answer = flext("send", *words)

    assert answer.code == 2
    assert expected in answer.err
    assert "Traceback" not in answer.err


def test_a_replayed_command_gives_the_first_answer(flext: Shell) -> None:
    """The same key twice is done once."""
    first = flext("send", "wms.SeedSample", '{"orders": 2, "idempotency_key": "k"}', "--json").json()

    second = flext("send", "wms.SeedSample", '{"orders": 2, "idempotency_key": "k"}', "--json").json()

    assert first == second
    assert second["created"]


def test_a_key_with_another_payload_is_refused(flext: Shell) -> None:
    """Exit 2, and the code for programs."""
    flext("send", "wms.SeedSample", '{"orders": 2, "idempotency_key": "k"}')

    answer = flext("send", "wms.SeedSample", '{"orders": 3, "idempotency_key": "k"}', "--json")

    assert answer.code == 2
    assert answer.json()["error"]["code"] == "idempotency_conflict"


def test_every_command_of_a_shell_is_audited(flext: Shell) -> None:
    """Two seeds are two rows with an outcome, and the trail is unbroken."""
    flext("wms", "seed", "--orders", "2")
    flext("wms", "seed")

    listed = flext("audit", "list", "--json").json()["entries"]

    assert [(row["message"], row["actor"], row["source"], row["outcome"]) for row in listed] == [
        ("wms.SeedSample", "tester", "cli", "succeeded")
    ] * 2
    assert flext("audit", "verify").code == 0
