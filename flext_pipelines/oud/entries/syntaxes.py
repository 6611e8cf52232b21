"""Values that the syntax of their attribute does not allow: OUD refuses the entry for one.

Only syntaxes are judged whose values OID is known to keep in other spellings: flags, whole numbers, times. Directory
Strings are not: OpenDJ takes any bytes of some length for one.

What belongs here: these syntaxes, and bytes that are no UTF-8. What does not: names (``values``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from flext_pipelines.oud.entries.outcome import Note
from flext_pipelines.oud.entries.values import GONE, Findings, RefusedError, Step, value_of
from flext_pipelines.oud.ldif.lines import line_of

if TYPE_CHECKING:
    from flext_pipelines.oud.rules.model import AttributeRules

_TRUE, _FALSE = frozenset({b"true", b"1", b"yes", b"on"}), frozenset({b"false", b"0", b"no", b"off"})
_INTEGER = re.compile(rb"(-?)0*([0-9]+)")
_TIME = re.compile(
    rb"[0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])"
    rb"(?:[0-5][0-9](?:[0-5][0-9]|60)?)?(?:[.,][0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3])(?:[0-5][0-9])?)"
)


def _flag(value: bytes) -> bytes | None:
    lower = value.strip(b" ").lower()
    return b"TRUE" if lower in _TRUE else b"FALSE" if lower in _FALSE else None


def _integer(value: bytes) -> bytes | None:
    found = _INTEGER.fullmatch(value.strip(b" "))
    if found is None:
        return None
    return found[2] if found[2] == b"0" else found[1] + found[2]


def _time(value: bytes) -> bytes | None:
    stripped = value.strip(b" ")
    return stripped.replace(b"z", b"Z") if _TIME.fullmatch(stripped) else None


_WHAT: dict[str, tuple[str, Callable[[bytes], bytes | None]]] = {
    "1.3.6.1.4.1.1466.115.121.1.7": ("flag (TRUE or FALSE)", _flag),
    "1.3.6.1.4.1.1466.115.121.1.24": ("time (such as 20261123021500Z)", _time),
    "1.3.6.1.4.1.1466.115.121.1.27": ("whole number", _integer),
}
"""What is right by a syntax (RFC 4517): from a value to the spelling that every server takes; None for none."""


def made_right(syntax: str) -> bool:
    """Whether values of a syntax may be spelled otherwise in the target."""
    return syntax in _WHAT


def judged(
    syntax: str, rules: AttributeRules, attribute: str, new_name: bytes | None, findings: Findings
) -> Step | None:
    """The step for an attribute of a syntax; None when nothing of it is judged."""
    if syntax not in _WHAT or rules.invalid == "keep":
        return None
    what, right = _WHAT[syntax]

    def step(line: bytes) -> bytes:
        value = value_of(line)
        made = right(value)
        if made is None:
            if rules.invalid == "reject":
                raise RefusedError("invalid-value", f"{attribute} has a value that is no {what}; correct it in the "
                                   "source, or drop it by attributes.invalid")  # fmt: skip
            findings.drop("invalid-value", attribute, f"a value of {attribute} is no {what} and is left out")
            return GONE
        if made != value:
            return line_of(new_name or line[: line.index(b":")], made)
        return line if new_name is None else new_name + line[line.index(b":") :]

    return step


def judge_encoding(raw: bytes, rules: AttributeRules, findings: Findings) -> bytes:
    """A new record whose plain values have bytes that may be no UTF-8, as the rules want it; folds are marked.

    Raises:
        RefusedError: The rules refuse the entry for them.
    """
    lines = raw.split(b"\n")
    for place, line in enumerate(lines):
        if line.isascii() or place == 0:
            continue
        value = value_of(line)
        try:
            value.decode()
        except UnicodeDecodeError:
            name = line[: line.index(b":")]
            lines[place] = _odd_bytes(line, name, value, rules, findings)
    return b"\n".join(lines)


def _odd_bytes(line: bytes, name: bytes, value: bytes, rules: AttributeRules, findings: Findings) -> bytes:
    attribute = name.partition(b";")[0].lower().decode("ascii", "replace")
    if rules.not_utf8 == "reject":
        raise RefusedError("not-utf8", f"a value of {attribute} is no UTF-8; see attributes.not_utf8")
    if rules.not_utf8 == "convert":
        findings.notes.append(
            Note("not-utf8", attribute, f"a value of {attribute} is no UTF-8 and is taken as Latin-1")
        )
        return line_of(name, value.decode("latin-1").encode())
    findings.notes.append(Note("not-utf8", attribute, f"a value of {attribute} is no UTF-8; its bytes are kept"))
    return line
