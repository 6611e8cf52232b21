"""One turn of the LDIF benchmark, in a process of its own: a way, a file, and perhaps a part of it.

``python ldif_turn.py WAY FILE [OUT [START STOP LINE]]`` prints CPU seconds, records and peak memory as JSON. It is run
by our Python and by the rival's, so it imports what it measures only when it is asked for it.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DROPPED = (
    b"orclguid", b"orclnormdn", b"creatorsname", b"createtimestamp", b"modifiersname", b"modifytimestamp",
    b"pwdchangedtime", b"orclpassword", b"authpassword", b"orclrevpwd", b"orclactivestartdate",
)  # fmt: skip
"""What every migration drops; see ``rules.yaml`` for the whole."""


def python_ldap(path: str) -> int:
    """Entries as python-ldap gives them: name and a dictionary of lists."""
    import ldif  # type: ignore[import-not-found]  # of the rival's environment

    class Counting(ldif.LDIFParser):  # type: ignore[misc]  # python-ldap is not typed, nor installed with us
        found = 0

        def handle(self, dn: str, entry: dict[str, list[bytes]]) -> None:  # noqa: ARG002  the shape of its base class
            self.found += 1

    with Path(path).open("rb") as file:
        parser = Counting(file)
        parser.parse()
    return parser.found


def lazy(path: str) -> int:
    """Records, judged and not taken apart."""
    from flext_pipelines.oud.ldif import read_ldif

    return sum(1 for _ in read_ldif(path))


def attributes(path: str) -> int:
    """Name, and every attribute with its value."""
    from flext_pipelines.oud.ldif import read_ldif

    found = 0
    for record in read_ldif(path):
        found += bool(record.dn is not None and record.attributes())
    return found


def entries(path: str) -> int:
    """Name and a dictionary of lists, as python-ldap gives them."""
    from flext_pipelines.oud.ldif import read_ldif

    found = 0
    for record in read_ldif(path):
        found += bool(record.dn is not None and record.mapping())
    return found


def transform(path: str, out: str, *part: str) -> int:
    """Read, drop, rename, translate object classes and flags, judge passwords, compute the key of the name, write."""
    from flext_pipelines.oud.dn import normal_key
    from flext_pipelines.oud.ldif import LdifWriter, read_ldif
    from flext_pipelines.oud.ldif.edit import Edit
    from flext_pipelines.oud.ldif.spans import Span

    def object_class(value: bytes) -> bytes | None:
        return None if value.lower().startswith(b"orcl") else value

    def enabled(value: bytes) -> bytes | None:
        return b"true" if value == b"DISABLED" else None

    def password(value: bytes) -> bytes | None:
        return None if value.startswith((b"{MD4}", b"{SASL/")) else value

    edit = Edit(
        drop=DROPPED, rename={b"orclisenabled": b"ds-pwp-account-disabled"},
        translate={b"objectclass": object_class, b"orclisenabled": enabled}, convert={b"userpassword": password},
    )  # fmt: skip
    span = Span(*map(int, part)) if part else None
    keys = 0
    with Path(out).open("wb", buffering=1 << 20) as file:
        writer = LdifWriter(file)
        for record in read_ldif(path, span=span):
            keys += len(normal_key(record.dn)) > 0
            writer.write(edit.apply(record))
    return keys


WAYS: dict[str, Callable[..., int]] = {
    "python-ldap": python_ldap, "lazy": lazy, "attributes": attributes, "entries": entries, "transform": transform
}  # fmt: skip


def main() -> None:
    """Take the turn that the command line names."""
    way, *words = sys.argv[1:]
    began = time.process_time()
    found = WAYS[way](*words)
    seconds = time.process_time() - began
    status = Path("/proc/self/status").read_text("ascii")  # getrusage counts what the parent had when it forked
    memory = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e6  # type: ignore[index]  # Linux has it
    sys.stdout.write(json.dumps({"seconds": seconds, "records": found, "memory": memory}))


if __name__ == "__main__":
    main()
