"""Entries that are larger than a server, or a site, takes.

What belongs here: sizes. What does not: what the values say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flext_pipelines.oud.entries.outcome import Note
from flext_pipelines.oud.entries.values import Findings, RefusedError, value_of
from flext_pipelines.oud.ldif.lines import FOLD_MARK

if TYPE_CHECKING:
    from flext_pipelines.oud.rules.model import LimitRules


def judge_size(limits: LimitRules, size: int, lines: Sequence[bytes], findings: Findings) -> None:
    """Compare the bytes of an entry, its values and their number with the limits.

    Raises:
        RefusedError: One is above.
    """
    if limits.entry_bytes is not None and size > limits.entry_bytes:
        raise RefusedError("too-large", f"the entry has {size:,} bytes, the limit is {limits.entry_bytes:,} "
                           "(limits.entry_bytes)")  # fmt: skip
    if limits.value_bytes is not None and size > limits.value_bytes:
        longest = max((line for run in lines for line in run.split(b"\n")), key=len)
        if (length := len(value_of(longest))) > limits.value_bytes:
            name = longest.partition(b":")[0].replace(FOLD_MARK, b"").decode("ascii", "replace")
            raise RefusedError("too-large", f"a value of {name} has {length:,} bytes, the limit is "
                               f"{limits.value_bytes:,} (limits.value_bytes)")  # fmt: skip
    if limits.values is not None:
        values = sum(run.count(b"\n") + 1 for run in lines) - 1
        if values > limits.values:
            raise RefusedError("too-large", f"the entry has {values:,} values, the limit is {limits.values:,} "
                               "(limits.values)")  # fmt: skip
    if limits.large_bytes is not None and size > limits.large_bytes:
        findings.notes.append(Note("large", "", f"the entry has {size:,} bytes; OUD takes that over LDAP only "
                                         "when max-request-size is raised"))  # fmt: skip
