"""What becomes of single values: maps, names, and the way from a line to its value.

A step takes one line of a record, continuations marked (see ``ldif.lines``), and gives the line that takes its place:
the same object when nothing changes, nothing when the line goes.

What belongs here: steps, and what they find. What does not: passwords (``passwords``), several values (``repeated``).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from flext_pipelines.oud.dn import is_dn
from flext_pipelines.oud.entries.outcome import Excluded, Note, Rejected
from flext_pipelines.oud.entries.places import Places
from flext_pipelines.oud.ldif.lines import FOLD_MARK, line_of, without_folds

if TYPE_CHECKING:
    from flext_pipelines.oud.rules.model import ReferenceRules, ValueRule

Step = Callable[[bytes], bytes]
GONE = b""


class RefusedError(Exception):
    """A value makes the target, or the rules, refuse the whole entry."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.rejected = Rejected(code, text)


class Findings:
    """What the steps found in one record.

    Attributes:
        notes: For people.
        drops: Reason and attribute, of each value that goes.
    """

    __slots__ = ("drops", "notes")

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.drops: list[tuple[str, str]] = []

    def clear(self) -> None:
        """Begin another record."""
        self.notes = []
        self.drops = []

    def drop(self, code: str, attribute: str, text: str = "") -> None:
        """A value goes; with a text it is noted, too."""
        self.drops.append((code, attribute))
        if text:
            self.notes.append(Note(code, attribute, text))


def value_of(line: bytes) -> bytes:
    """The value of a marked line."""
    rest = line[line.index(b":") + 1 :]
    if FOLD_MARK in rest:
        rest = without_folds(rest)
    return binascii.a2b_base64(rest[1:]) if rest[:1] == b":" else rest.lstrip(b" ")


def renamed(new_name: bytes) -> Step:
    """The same value under another name."""

    def step(line: bytes) -> bytes:
        return new_name + line[line.index(b":") :]

    return step


def each(step: Step) -> Step:
    """The step on every line of a run of lines."""

    def on_each(lines: bytes) -> bytes:
        return b"\n".join([made for line in lines.split(b"\n") if (made := step(line))])

    return on_each


def mapped(rule: ValueRule, attribute: str, new_name: bytes, findings: Findings) -> Step:
    """Values that the rules name one by one."""
    found = {map_key(old.encode()): None if new is None else new.encode() for old, new in rule.map.items()}

    def step(line: bytes) -> bytes:
        value = value_of(line)
        key = map_key(value)
        if key in found:
            new = found[key]
            if new is None:
                findings.drops.append(("mapped-to-nothing", attribute))
                return GONE
            return line_of(new_name, new)
        shown = value[:40].decode("utf-8", "backslashreplace")
        text = f"{attribute} has the value {shown!r}; the rules know {', '.join(rule.map)}"
        if rule.other == "reject":
            raise RefusedError("value-not-mapped", f"{text}; add it to values.{attribute}.map")
        if rule.other == "drop":
            findings.drop("value-not-mapped", attribute, text)
            return GONE
        findings.notes.append(Note("value-not-mapped", attribute, text))
        return line_of(new_name, value)

    return step


def map_key(value: bytes) -> bytes:
    """How the values of a map are compared: in any case, spaces at the ends gone and several made one."""
    return b" ".join(value.lower().split())


class NameValues:
    """Values that hold names: judged, and moved with the entries they name.

    Args:
        rules: What becomes of those that name nothing.
        attribute: Its name in the target.
        new_name: The same as it is written, options included; None when it is the name that stands there.
        places: What becomes of names.
        findings: What is found.
    """

    def __init__(
        self, rules: ReferenceRules, attribute: str, new_name: bytes | None, places: Places, findings: Findings
    ) -> None:
        self._rules = rules
        self._attribute = attribute
        self._new_name = new_name
        self._places = places
        self._findings = findings
        self._plain = re.compile(rb"[^:]++: " + places.plain_rdn() + rb",([^\0]++)").fullmatch

    def step(self, line: bytes) -> bytes:
        """The line in the target."""
        found = self._plain(line)
        if found is not None and found[3] in self._places.steady and self._new_name is None:
            return line
        return self._looked_at(line, found)

    def _looked_at(self, line: bytes, found: re.Match[bytes] | None) -> bytes:
        place = self._places.place(found[3]) if found is not None else None
        if place is None or found is None or place.excluded is not None:
            return self._odd(line, value_of(line))
        if place.dn is not None:
            rdn = line[found.start(1) : found.end(2)]
            return self._line(line, rdn + b"," + place.dn if place.dn else rdn)
        return line if self._new_name is None else self._line(line)

    def _line(self, line: bytes, value: bytes | None = None) -> bytes:
        """The line with its new name, and with a new value if there is one."""
        end = line.index(b":")
        name = self._new_name or line[:end]
        return name + line[end:] if value is None else line_of(name, value)

    def _odd(self, line: bytes, value: bytes) -> bytes:
        name, uid = without_uid(value)
        place = self._places.place(name) if name.strip(b" ") and is_dn(name) else None
        if place is None:
            return self._no_name(line)
        if place.excluded is not None:
            return self._left_out(line, place.excluded)
        return self._line(line, None if place.dn is None else place.dn + uid)

    def _no_name(self, line: bytes) -> bytes:
        attribute = self._attribute
        if self._rules.not_a_name == "reject":
            raise RefusedError("not-a-name", f"{attribute} has a value that is no DN; correct it in the source, or "
                               "drop it by references.not_a_name")  # fmt: skip
        if self._rules.not_a_name == "drop":
            self._findings.drop("not-a-name", attribute, f"a value of {attribute} is no DN and is left out")
            return GONE
        return self._line(line)

    def _left_out(self, line: bytes, excluded: Excluded) -> bytes:
        code = "reference-outside" if excluded.code == "outside-base" else "reference-excluded"
        if self._rules.excluded == "drop":
            self._findings.drops.append((code, self._attribute))
            return GONE
        text = f"a value of {self._attribute} names an entry that is left out: {excluded.text}"
        self._findings.notes.append(Note(code, self._attribute, text))
        return self._line(line)


def without_uid(value: bytes) -> tuple[bytes, bytes]:
    """A name and the unique identifier behind it (RFC 4517 3.3.21), which few have."""
    if value.endswith(b"'B"):
        name, mark, bits = value.rpartition(b"#'")
        if mark and not bits[:-2].strip(b"01"):
            return name, mark + bits
    return value, b""
