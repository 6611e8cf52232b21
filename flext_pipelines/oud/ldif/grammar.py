"""The tokens of RFC 2849 as patterns on bytes, and the values that they stand for.

Two liberties, both because Oracle Internet Directory's own exports need them and neither can be misread: bytes above
127 may stand raw in a value (UTF-8 or Latin-1; they are kept as they are), and a name may hold an underscore.
Everything else is the grammar of the standard.

What belongs here: patterns, base64, ``file:`` URLs. What does not: which line may follow which (``parse``).
"""

from __future__ import annotations

import binascii
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

_B = rb"[A-Za-z0-9+/]"
# Sixty-four at a time: a repeat of one set is a tight loop of the engine, a repeat of a group is not.
BASE64 = rb"(?:" + _B + rb"{64})*+(?:" + _B + rb"{4})*+(?:" + _B + rb"{3}=|" + _B + rb"{2}==)?+"

_OPTIONS = rb"(?:;[A-Za-z0-9_-]++)*+"
NAME = rb"(?:[A-Za-z][A-Za-z0-9_-]*+|[0-9]++(?:\.[0-9]++)*+)" + _OPTIONS
"""An attribute description: a descriptor or a numeric OID, and options."""

_VALUE = rb"(?: *+[^ :<\n].*+|: *+" + BASE64 + rb"| *+)"
_TAIL = rb"[A-Za-z0-9_-]*+" + _OPTIONS + rb":"
_ATTRIBUTE = (
    rb"[abe-zABE-Z]" + _TAIL + _VALUE
    + rb"|(?!(?:[dD][nN]|(?i:changetype|control)):)[cdCD]" + _TAIL + _VALUE
    + rb"|[0-9]++(?:\.[0-9]++)*+" + _OPTIONS + rb":" + _VALUE
)  # fmt: skip
CONTENT_RECORD = re.compile(
    rb"(?:#.*+\n)*+[dD][nN]:" + _VALUE
    + rb"(?:\n#.*+)*+\n(?:" + _ATTRIBUTE + rb")"
    + rb"(?:\n(?:" + _ATTRIBUTE + rb"|#.*+))*+"
)  # fmt: skip
"""A whole content record that is right: unfolded, lines parted by LF, no NUL, no CR, no last line end.

What it does not match may be right all the same (a change record, ``:<``): ``parse`` decides, and knows the reason.
No group captures, and each repeat is possessive, so that it is linear and needs no memory whatever the input.
"""

LINE = re.compile(rb"(" + NAME + rb"):(?:(:|<) *(.*)| *(.*))")
"""One line: name, then either ``:`` or ``<`` and what follows it, or a plain value."""

CONTROL = re.compile(rb"([0-9]+(?:\.[0-9]+)*)(?: +((?i:true|false)))?(?:(:)(.*))?")
"""What follows ``control:``: OID, criticality, and a value specification."""

_WHOLE_BASE64 = re.compile(BASE64)
_WHOLE_NAME = re.compile(NAME)


def is_name(text: bytes) -> bool:
    """Whether it is an attribute description."""
    return _WHOLE_NAME.fullmatch(text) is not None


def decoded(text: bytes) -> bytes:
    """The bytes that base64 stands for.

    Raises:
        ValueError: It is no base64: a foreign character, a wrong length, padding that is missing. The text says which.
    """
    if _WHOLE_BASE64.fullmatch(text):
        return binascii.a2b_base64(text)
    stripped = text.rstrip(b"=")
    if re.search(rb"[^A-Za-z0-9+/]", stripped):
        raise ValueError("the base64 value has a character that base64 does not know")
    raise ValueError("the base64 value has a wrong length or padding; it may be cut off")


def bytes_at(url: bytes) -> bytes:
    """The content of a local file named by a ``file:`` URL.

    Raises:
        ValueError: Another kind of URL, another host, or a file that cannot be read. The text says which.
    """
    try:
        parts = urlsplit(url.decode("utf-8", "surrogateescape"))
    except ValueError:
        raise ValueError("the value refers to what is no URL") from None
    if parts.scheme.lower() != "file":
        raise ValueError(f"the value refers to a URL of kind {parts.scheme or '(none)'!r}; only file: is read")
    if parts.netloc not in ("", "localhost"):
        raise ValueError(f"the value refers to a file of another host, {parts.netloc!r}")
    path = Path(unquote_to_bytes(parts.path).decode("utf-8", "surrogateescape"))
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ValueError(f"the value refers to the file {path}, which cannot be read: {why}") from None
