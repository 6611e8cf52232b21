"""Facts about messages: frozen, strict, JSON both ways, and typed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from flext_pipelines.commands.message import Command, Context, Query, new_correlation_id
from tests.commands.greetings import CountGreetingsQuery, GreetCommand, Place

ROOT = Path(__file__).resolve().parents[2]

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)


@given(
    name=st.text(min_size=1, max_size=20),
    manner=st.sampled_from(["polite", "unknown"]),
    places=st.lists(st.builds(Place, town=st.text(max_size=5), floor=st.integers(-3, 9)), max_size=3),
    options=st.dictionaries(st.text(max_size=5), JSON, max_size=3),
    key=st.one_of(st.none(), st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=200)),
    seconds=st.floats(0, 1e6),
)
def test_json_and_back_is_the_same_message(**fields: object) -> None:
    """Any message that has no secret reads back from its JSON equal to itself."""
    fields["idempotency_key"] = fields.pop("key")
    fields["places"] = tuple(fields["places"])  # type: ignore[arg-type]  # hypothesis made a list
    message = GreetCommand.model_validate(fields)

    assert GreetCommand.model_validate_json(message.model_dump_json()) == message


def test_messages_are_frozen() -> None:
    """A message cannot be changed after it was made."""
    with pytest.raises(ValidationError, match="frozen"):
        GreetCommand(name="x").name = "y"  # type: ignore[misc]  # what mypy refuses as well


def test_unknown_fields_are_refused() -> None:
    """A field that a message does not have is an error, not ignored."""
    with pytest.raises(ValidationError, match="Extra inputs"):
        GreetCommand.model_validate({"name": "x", "nmae": "y"})


def test_infinite_numbers_are_refused() -> None:
    """A message holds no number that JSON lacks."""
    with pytest.raises(ValidationError, match="finite"):
        GreetCommand(name="x", seconds=float("inf"))


@pytest.mark.parametrize("key", ["", "x" * 201, "k\0"])
def test_idempotency_keys_have_a_length(key: str) -> None:
    """A key has one to two hundred characters, each of which every database stores."""
    with pytest.raises(ValidationError, match="idempotency_key"):
        GreetCommand(name="x", idempotency_key=key)


def test_secrets_are_not_shown() -> None:
    """Neither JSON, nor text, nor a validation error shows a secret."""
    message = GreetCommand(name="x", password=SecretStr("hunter2"))
    with pytest.raises(ValidationError) as caught:
        GreetCommand.model_validate({"name": "", "password": "hunter2", "more": "hunter2"})

    assert "hunter2" not in f"{message!r} {message} {message.model_dump_json()} {caught.value}"


def test_commands_and_queries_are_told_apart() -> None:
    """Only a command has an idempotency key; a command is not performed in a run unless it says so."""
    assert issubclass(GreetCommand, Command)
    assert issubclass(CountGreetingsQuery, Query)
    assert "idempotency_key" not in CountGreetingsQuery.model_fields
    assert not GreetCommand.performed_in_run


def test_correlation_ids_are_unique() -> None:
    """Ids made by several threads are all different."""
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.extend(new_correlation_id() for _ in range(2000))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(made)) == 8000


@pytest.mark.process
def test_correlation_ids_of_a_fork_are_others() -> None:
    """A child that was forked makes other ids than its parent."""
    code = (
        "import os\nfrom flext_pipelines.commands.message import new_correlation_id as new\nnew()\n"
        "r, w = os.pipe()\nif os.fork() == 0:\n    os.write(w, new().encode())\n    os._exit(0)\n"
        "os.wait()\nprint(new(), os.read(r, 100).decode())"
    )

    ours, theirs = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()

    assert ours.split("-")[0] != theirs.split("-")[0]


def test_a_context_has_defaults() -> None:
    """A context needs an actor only, and listens to progress without harm."""
    context = Context("anna")

    assert (context.source, context.correlation_id, context.dagster_run_id) == ("python", "", None)
    assert context.on_progress is not None


@pytest.mark.process
def test_the_result_type_is_known_to_mypy(tmp_path: Path) -> None:
    """Mypy knows the type of a result from the message, and refuses a wrong use of it."""
    snippet = tmp_path / "snippet.py"
    snippet.write_text(
        "from pathlib import Path\n"
        "from typing import assert_type\n"
        "from flext_pipelines.commands.bus import Bus\n"
        "from flext_pipelines.commands.result import FlextResult\n"
        "from tests.commands.greetings import CountGreetingsQuery, GreetCommand, Greeting\n"
        "def use(bus: Bus) -> None:\n"
        '    assert_type(bus.send(GreetCommand(name="x")), FlextResult[Greeting])\n'
        '    assert_type(bus.send(GreetCommand(name="x")).unwrap(), Greeting)\n'
        '    assert_type(bus.send(CountGreetingsQuery(book=Path("x"))).unwrap(), int)\n'
        '    bus.send(CountGreetingsQuery(book=Path("x"))).unwrap().upper()\n'
        "    bus.send(5)\n"
        '    GreetCommand(nmae="x")\n'
    )

    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "pyproject.toml", str(snippet)],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    lines = [line.split(":", 2)[1] for line in checked.stdout.splitlines() if "snippet.py" in line and "error" in line]
    assert sorted(set(lines)) == ["10", "11", "12"], checked.stdout + checked.stderr
    assert '"int" has no attribute "upper"' in checked.stdout
