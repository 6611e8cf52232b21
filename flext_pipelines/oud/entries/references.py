"""What an entry of the target names.

What belongs here: values that hold names. What does not: whether what they name is there, which takes all entries.
"""

from __future__ import annotations

from collections.abc import Iterator

from flext_pipelines.oud.entries.outcome import Kept
from flext_pipelines.oud.entries.repeated import name_key


def references(kept: Kept) -> Iterator[tuple[bytes, bytes, bytes]]:
    """What an entry of the target names: attribute, value, key of the name. What is no name is passed over."""
    if kept.name_attributes:
        wanted = {name.lower() for name in kept.name_attributes}
        for name, value in kept.record.attributes():
            if name.lower() in wanted and (key := name_key(value)) is not None:
                yield name, value, key
