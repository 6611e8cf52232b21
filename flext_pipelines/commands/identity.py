"""What two commands with one idempotency key must agree on.

What belongs here: turning a message into the text that is compared. What does not: keeping it
(``control/idempotency.py`` keeps only its hash) and showing it (``registry.as_json``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pydantic import BaseModel, SecretBytes, SecretStr

from flext_pipelines.secrets import MASK

if TYPE_CHECKING:
    from flext_pipelines.commands.message import Message


def payload_identity(message: Message[object]) -> str:
    """The message as JSON without its key; two that differ in a secret only have different texts.

    A secret enters as a slow hash (scrypt, 40 ms, only when there is one), so that the text gives no way to guess it.
    """
    text = message.model_dump_json(exclude={"idempotency_key"})
    if MASK not in text:
        return text
    secrets = b"\0".join(_secrets(message))
    salt = f"{type(message).__qualname__}:{text}".encode()
    return f"{text}#{hashlib.scrypt(secrets, salt=salt, n=2**14, r=8, p=1).hex()}"


def _secrets(value: object) -> Iterator[bytes]:
    """Every secret inside a value, in the order of its fields."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value().encode("utf-8", "surrogatepass")
    elif isinstance(value, SecretBytes):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _secrets(inner)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for inner in value:
            yield from _secrets(inner)
