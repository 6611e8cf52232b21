"""The catalogue, and any message as JSON."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from flext_pipelines.commands import registry

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.parametrize("place", ["-", "@-"])
@pytest.mark.parametrize("content", [b'{"orders": 2}', b"orders: 2\n"])
def test_fields_may_come_from_standard_input(
    flext: Shell, monkeypatch: pytest.MonkeyPatch, place: str, content: bytes
) -> None:
    """As JSON or YAML."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))

    assert flext("send", "wms.SeedSample", place, "--json").json()["tables"]["order_hdr"] == 2


@pytest.mark.parametrize("content", ['{"orders": 2}', "{orders: 2}", "\ufefforders: 2\n"])
def test_fields_may_come_from_a_file(flext: Shell, tmp_path: Path, content: str) -> None:
    """As JSON or YAML, whatever the file is called."""
    (tmp_path / "seed.yml").write_text(content, encoding="utf-8")

    assert flext("send", "wms.SeedSample", f"@{tmp_path / 'seed.yml'}", "--json").json()["tables"]["order_hdr"] == 2


def test_a_date_of_yaml_is_the_text_of_json(flext: Shell, tmp_path: Path) -> None:
    """YAML makes a date of what looks like one, and JSON knows none."""
    (tmp_path / "runs.yml").write_text("created_after: 2026-01-02\n")

    answer = flext("send", "runs.ListRuns", f"@{tmp_path / 'runs.yml'}", "--json")

    assert (answer.code, answer.json()["runs"]) == (0, [])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[1, 2]", "holds no fields"),
        (b"orders: [1", ":1:11:"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"a: \x01", "unacceptable character #x0001"),
    ],
)
def test_a_file_without_fields_is_refused_with_its_place(
    flext: Shell, tmp_path: Path, content: bytes, expected: str
) -> None:
    """Exit 2, the file's name, what is wrong with it."""
    (tmp_path / "wrong.yml").write_bytes(content)

    answer = flext("send", "wms.SeedSample", f"@{tmp_path / 'wrong.yml'}")

    assert answer.code == 2
    assert expected in answer.err
    assert "wrong.yml" in answer.err


def test_a_file_named_without_its_sign_is_told_how_to_be_named(
    flext: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is neither file nor JSON, where examples are."""
    (tmp_path / "seed.yml").write_text("orders: 2\n")
    monkeypatch.chdir(tmp_path)

    assert "Write @seed.yml." in flext("send", "wms.SeedSample", "seed.yml").err
    assert "`flext messages wms.SeedSample` shows the fields" in flext("send", "wms.SeedSample", "orders=2").err


def test_an_answer_is_shown_for_people(flext: Shell) -> None:
    """As fields and tables, never as a value of Python."""
    answer = flext("send", "wms.SeedSample", '{"orders": 3}')

    assert answer.code == 0
    assert "created  yes" in answer.out
    assert "order_hdr" in answer.out
    assert "{'" not in answer.out


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
