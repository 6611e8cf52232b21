"""A small system with messages of its own, for tests of the bus: nothing of the mission depends on it.

What belongs here: one command, one query, their handlers. What does not: tests.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Literal, cast

from pydantic import Field, SecretStr

from flext_pipelines.commands.message import Command, Context, Query
from flext_pipelines.errors import ExtractFailedError, NotFoundError
from flext_pipelines.values import Value


class Place(Value):
    """Where somebody is greeted."""

    town: str = Field(description="Name of the town.")
    floor: int = Field(default=0, description="Floor of the house.")


class Greeting(Value):
    """What was said, and by which process."""

    text: str
    pid: int


Manner = Literal["polite", "unknown", "away", "broken", "interrupted", "killed", "unspeakable"]


class GreetCommand(Command[Greeting]):
    """Say hello.

    The manner chooses how it ends.
    """

    name: str = Field(min_length=1, description="Whom to greet.")
    manner: Manner = Field(default="polite", description="How it ends.")
    places: tuple[Place, ...] = Field(default=(), description="Where.")
    options: dict[str, object] = Field(default_factory=dict, description="Anything else.")
    password: SecretStr | None = Field(default=None, description="The word at the door.")
    book: Path | None = Field(default=None, description="A file that gets a line per greeting.")
    seconds: float = Field(default=0, ge=0, description="How long it takes.")


class CountGreetingsQuery(Query[int]):
    """How many greetings a book holds."""

    book: Path = Field(description="The file.")


def greet(command: GreetCommand, *, context: Context) -> Greeting:
    """Write a line, take the time, end as asked."""
    if command.book:
        with command.book.open("a") as book:
            book.write(f"{command.name} by {context.actor}\n")
    time.sleep(command.seconds)
    match command.manner:
        case "unknown":
            raise NotFoundError(f"Nobody is called {command.name}", "Ask at the door", {"api_token": "t0ps3cret"})
        case "away":
            raise ExtractFailedError(f"{command.name} is out", "Come again")
        case "broken":
            raise RuntimeError("secret inside")
        case "interrupted":
            raise KeyboardInterrupt
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "unspeakable":
            return Greeting.model_construct(text=cast("str", object()), pid=os.getpid())
    return Greeting(text=f"Hello {command.name}", pid=os.getpid())


def count_greetings(query: CountGreetingsQuery) -> int:
    """Count lines."""
    return len(query.book.read_text().splitlines()) if query.book.exists() else 0


HANDLERS = {
    GreetCommand: greet,
    CountGreetingsQuery: count_greetings,
}
