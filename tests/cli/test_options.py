"""Options made from a message's fields."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
import pytest

from flext_pipelines.cli import options
from flext_pipelines.cli.options import JsonParam, command_for, option_type
from flext_pipelines.commands import registry

if TYPE_CHECKING:
    from tests.cli.conftest import Shell


@pytest.mark.parametrize(
    ("annotation", "name", "several"),
    [
        (str, "text", False),
        (int | None, "integer", False),
        (float, "float", False),
        (bool, "boolean", False),
        (Path, "text", False),
        (Literal["a", "b"], "choice", False),
        (tuple[str, ...], "text", True),
        (dict[str, str], "JSON|@file", False),
        (str | int, "JSON|@file", False),
        (tuple[dict[str, str], ...], "JSON|@file", False),
    ],
)
def test_each_field_type_has_its_option(annotation: object, name: str, several: bool) -> None:
    """Scalars are plain, sequences may be repeated, everything else is JSON."""
    kind, repeated = option_type(annotation)

    assert (name, several) == (kind.name, repeated)


def test_json_may_come_from_a_yaml_file(tmp_path: Path) -> None:
    """`@file` reads JSON or YAML."""
    file = tmp_path / "rules.yml"
    file.write_text("- kind: filter\n  condition: a > 1\n")

    value = JsonParam().convert(f"@{file}", None, None)

    assert value == [{"kind": "filter", "condition": "a > 1"}]


def test_the_key_of_a_join_may_be_called_on(tmp_path: Path) -> None:
    """YAML 1.2 has no other words for true."""
    file = tmp_path / "rules.yml"
    file.write_text("kind: join\non: {id: order_id}\nleft: yes\n")

    value = JsonParam().convert(f"@{file}", None, None)

    assert value == {"kind": "join", "on": {"id": "order_id"}, "left": "yes"}


@pytest.mark.parametrize(("text", "place"), [("a: [1", "2:1"), ("a: b: c", "1:5")])
def test_a_broken_file_is_named_with_line_and_column(tmp_path: Path, text: str, place: str) -> None:
    """The error points into the file."""
    file = tmp_path / "rules.yml"
    file.write_text(f"{text}\n")

    with pytest.raises(click.BadParameter, match=f"rules.yml:{place}"):
        JsonParam().convert(f"@{file}", None, None)


def test_a_missing_file_is_named() -> None:
    """The error says which file, and that it is not there."""
    with pytest.raises(click.BadParameter, match=r"nowhere.yml: No such file"):
        JsonParam().convert("@nowhere.yml", None, None)


def test_plain_text_passes_for_fields_that_take_it() -> None:
    """`orders` is no JSON; the message itself decides whether it is a reference."""
    assert JsonParam().convert("orders", None, None) == "orders"


def test_a_command_sends_what_its_options_say(flext: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options become the message's fields, those not given are left to its defaults, fixed ones are set."""
    sent: list[Any] = []

    def keep(_: object, message: object, **__: object) -> object:
        sent.append(message)
        return message

    monkeypatch.setattr(options, "perform", keep)
    command = command_for("data.ExtractData", "extract", print, arguments=("source_name",), fixed={"table_name": "t"})

    command.main(["tap-x", "--max-records", "5", "--where", '[{"column": "a", "value": 1}]'], standalone_mode=False)

    message = sent[0]
    assert (
        message.source_name,
        message.table_name,
        message.max_records,
        message.where[0].column,
    ) == ("tap-x", "t", 5, "a")
    assert message.model_fields_set == {"source_name", "table_name", "max_records", "where"}


def test_every_field_of_a_message_can_be_given(flext: Shell) -> None:
    """No field is lost on the way to the shell."""
    spec = registry.find(registry.all_specs(), "data.LoadData")
    command = command_for("data.LoadData", "load", print, arguments=("source_data",))

    assert set(spec.type.model_fields) <= {parameter.name for parameter in command.params}


def test_help_says_what_the_message_says(flext: Shell) -> None:
    """Paragraphs stand at one margin, and code is marked as elsewhere in the shell."""
    text = flext("data", "load", "--help").out

    assert "``" not in text
    assert "\n  A transaction for each batch, or one for all where the table is replaced or\n  reconciled." in text
    assert "done answers `already_loaded`." in text


def test_a_help_page_says_what_each_positional_word_is(flext: Shell) -> None:
    """In the words of its field; the key that every command has comes after its own options."""
    page = flext("data", "load", "--help").out

    assert "SOURCE_DATA   What to load: a dataset, file:PATH or table:NAME." in page
    assert page.index("--merge-keys") < page.index("--idempotency-key") < page.index("--json")
    assert "May be given several times." in page
