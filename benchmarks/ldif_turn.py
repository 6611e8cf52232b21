"""One turn of the LDIF benchmark, in a process of its own: a way, a file, and perhaps a part of it.

``python ldif_turn.py WAY FILE [OUT [WORKERS]]`` prints as JSON: CPU seconds and seconds by the clock of the work, CPU
seconds of the start before it (imports, rules, schema), records, peak memory. It is run by our Python and by the
rival's, so it imports what it measures only when it is asked for it.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flext_pipelines.oud.entries import EntryTransform
    from flext_pipelines.oud.ldif.spans import Span
    from flext_pipelines.oud.workers import Part


Work = Callable[[], int]
"""What is measured; gives the number of records."""


def python_ldap(path: str) -> Work:
    """Entries as python-ldap gives them: name and a dictionary of lists."""
    import ldif  # type: ignore[import-not-found]  # of the rival's environment

    class Counting(ldif.LDIFParser):  # type: ignore[misc]  # python-ldap is not typed, nor installed with us
        found = 0

        def handle(self, dn: str, entry: dict[str, list[bytes]]) -> None:  # noqa: ARG002  the shape of its base class
            self.found += 1

    def work() -> int:
        with Path(path).open("rb") as file:
            parser = Counting(file)
            parser.parse()
        return parser.found

    return work


def lazy(path: str) -> Work:
    """Records, judged and not taken apart."""
    from flext_pipelines.oud.ldif import read_ldif

    return lambda: sum(1 for _ in read_ldif(path))


def attributes(path: str) -> Work:
    """Name, and every attribute with its value."""
    from flext_pipelines.oud.ldif import read_ldif

    return lambda: sum(bool(record.dn is not None and record.attributes()) for record in read_ldif(path))


def entries(path: str) -> Work:
    """Name and a dictionary of lists, as python-ldap gives them."""
    from flext_pipelines.oud.ldif import read_ldif

    return lambda: sum(bool(record.dn is not None and record.mapping()) for record in read_ldif(path))


def transform(path: str, out: str) -> Work:
    """Read, transform by the built-in rules and OUD's own schema, write."""
    made = _transform()
    return lambda: _transformed(made, Path(path), Path(out), None)


def workers(path: str, out: str, count: str) -> Work:
    """The same with several processes, each writing files of its own."""
    from functools import partial

    from flext_pipelines.oud.workers import answers

    work = partial(_part, _transform(), out)
    return lambda: sum(answers(Path(path), work, workers=int(count)))


def _transform() -> EntryTransform:
    from flext_pipelines.oud.entries import EntryTransform
    from flext_pipelines.oud.rules.reading import read_rules
    from flext_pipelines.oud.schema.view import SchemaView

    return EntryTransform(read_rules(), SchemaView.standard(), "dc=example,dc=com")


def _part(transform: EntryTransform, out: str, part: Part) -> int:
    return _transformed(transform, part.path, Path(f"{out}-{part.number:04}"), part.span)


def _transformed(transform: EntryTransform, path: Path, out: Path, span: Span | None) -> int:
    from flext_pipelines.oud.entries import Kept
    from flext_pipelines.oud.ldif import LdifWriter, read_ldif

    found = 0
    with out.open("wb", buffering=1 << 20) as file:
        writer = LdifWriter(file)
        for record in read_ldif(path, span=span, recognise=transform.recognise):
            found += 1
            outcome = transform.apply(record)
            if isinstance(outcome, Kept):
                writer.write(outcome.record)
    return found


WAYS: dict[str, Callable[..., Work]] = {
    "python-ldap": python_ldap, "lazy": lazy, "attributes": attributes, "entries": entries, "transform": transform,
    "workers": workers,
}  # fmt: skip


def main() -> None:
    """Take the turn that the command line names."""
    way, *words = sys.argv[1:]
    work = WAYS[way](*words)
    start = time.process_time()
    clock = time.perf_counter()
    found = work()
    clock = time.perf_counter() - clock
    times = os.times()  # of the worker processes, which are waited for
    seconds = time.process_time() - start + times.children_user + times.children_system
    status = Path("/proc/self/status").read_text("ascii")  # getrusage counts what the parent had when it forked
    memory = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e6  # type: ignore[index]  # Linux has it
    sys.stdout.write(
        json.dumps({"seconds": seconds, "clock": clock, "start": start, "records": found, "memory": memory})
    )


if __name__ == "__main__":
    main()
