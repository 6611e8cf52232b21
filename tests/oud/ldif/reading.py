"""Reading bytes as LDIF, for tests: what comes out, and what is refused.

What belongs here: short ways to a reader. What does not: any expectation.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from flext_pipelines.errors import LdifError
from flext_pipelines.oud.ldif import Record, Reject, read_ldif

if TYPE_CHECKING:
    from collections.abc import Callable


def records(data: bytes, *, block_bytes: int = 1 << 18, allow_urls: bool = False) -> list[Record]:
    """Every record of some bytes."""
    return list(read_ldif(io.BytesIO(data), block_bytes=block_bytes, allow_urls=allow_urls))


def one(data: bytes, **options: bool) -> Record:
    """The only record of some bytes."""
    (found,) = records(data, **options)
    return found


def entries(data: bytes, *, block_bytes: int = 1 << 18) -> list[tuple[bytes, list[tuple[bytes, bytes]]]]:
    """DN and attributes of every entry."""
    return [(record.dn, record.attributes()) for record in records(data, block_bytes=block_bytes)]


def leniently(data: bytes, *, block_bytes: int = 1 << 18) -> tuple[list[Record], list[Reject]]:
    """What is right and what is not."""
    rejects: list[Reject] = []
    found = list(read_ldif(io.BytesIO(data), lenient=True, on_reject=rejects.append, block_bytes=block_bytes))
    return found, rejects


def refusal(work: Callable[[], object]) -> LdifError:
    """The error that some work ends in."""
    with pytest.raises(LdifError) as caught:
        work()
    return caught.value
