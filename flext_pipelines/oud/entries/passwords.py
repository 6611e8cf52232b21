"""Stored passwords: which the target verifies.

What belongs here: schemes and hashes. What does not: resets, which concern the entry (``transform``).

A scheme that the target does not know is never passed on: 389 Directory Server takes ``{MD4}...`` for the password
itself, so that the hash of an export would log in.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING

from flext_pipelines.oud.entries.outcome import Note
from flext_pipelines.oud.entries.values import GONE, Findings, RefusedError, Step, value_of

if TYPE_CHECKING:
    from flext_pipelines.oud.rules.model import PasswordRules

_SCHEME = re.compile(rb"\{([A-Za-z0-9][A-Za-z0-9._/ -]{0,60})\}")
_CLEAR = frozenset({b"clear", b"base64"})

_DIGESTS = {"md5": 16, "sha": 20, "sha256": 32, "sha384": 48, "sha512": 64}
_SALTED = {"smd5": 16, "ssha": 20, "ssha256": 32, "ssha384": 48, "ssha512": 64}


def _base64_of(least: int, most: int | None) -> bytes:
    """A pattern for base64 of so many bytes."""
    first = -(-least * 4 // 3)
    last = b"" if most is None else b"%d" % (-(-most * 4 // 3))
    return rb"[A-Za-z0-9+/]{%d,%s}={0,2}" % (first, last)


def _good(schemes: list[str]) -> re.Pattern[bytes]:
    """Values of these schemes whose hashes are whole."""
    shapes = []
    for scheme in schemes:
        lower = scheme.lower()
        if lower in _DIGESTS:
            shape = _base64_of(_DIGESTS[lower], _DIGESTS[lower])
        elif lower in _SALTED:
            shape = _base64_of(_SALTED[lower] + 1, None)
        elif lower == "crypt":
            shape = rb"[!-~]{13,}"
        else:
            shape = rb"[!-~]+"
        shapes.append(rb"(?i:" + re.escape(scheme.encode()) + rb")\}" + shape)
    return re.compile(rb"\{(?:" + b"|".join(shapes) + rb")" if shapes else rb"(?!)")


def password(rules: PasswordRules, attribute: str, new_name: bytes | None, findings: Findings) -> Step:
    """Values of a password attribute."""
    good = _good(rules.keep).fullmatch
    kept = frozenset(scheme.lower().encode() for scheme in rules.keep)

    def step(line: bytes) -> bytes:
        at = line.index(b":") + 1
        # In base64 the decoder passes over folds and spaces; a plain value stands behind one space.
        if good(binascii.a2b_base64(line[at + 1 :])) if line[at : at + 1] == b":" else good(line, at + 1):
            return line if new_name is None else new_name + line[at - 1 :]
        value = value_of(line)
        if good(value):  # behind several spaces, or folded
            return line if new_name is None else new_name + line[at - 1 :]
        found = _SCHEME.match(value)
        scheme = found[1].lower() if found else b"clear"
        if scheme in _CLEAR and scheme not in kept:
            return _clear(line)
        shown = found[1].decode() if found else ""
        if scheme in kept:
            code, text = "password-damaged", f"the hash of scheme {shown} is damaged"
        else:
            code, text = "password-scheme", f"the target does not verify the scheme {shown}"
        if rules.other == "reject":
            raise RefusedError(code, f"{attribute}: {text}; set the password anew, or drop it by passwords.other")
        findings.drop(code, attribute, text)
        return GONE

    def _clear(line: bytes) -> bytes:
        if rules.clear_text == "reject":
            raise RefusedError("password-clear", f"{attribute} stands in clear text; see passwords.clear_text")
        if rules.clear_text == "drop":
            findings.drop("password-clear", attribute, "the password stands in clear text and is left out")
            return GONE
        findings.notes.append(Note("password-clear", attribute, "the password stands in clear text and is kept"))
        return line if new_name is None else new_name + line[line.index(b":") :]

    return step
