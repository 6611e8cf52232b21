"""Access values as people paste them: one a line, with or without the attribute's name, folded, in base64.

What belongs here: from text to values. What does not: LDIF with entries (``flext_pipelines.oud.ldif``) and the
grammar of a value.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator

from flext_pipelines.errors import AciSyntaxError

_NAMED = re.compile(r"(orclaci|orclentrylevelaci|aci):(:?)[ \t]*", re.IGNORECASE)
_FOLD = re.compile(r"\r?\n ")


def split_values(lines: Iterable[str]) -> Iterator[str]:
    """The values of some lines, each still with the attribute's name if it has one.

    A line that begins with one space goes on with the line before, as LDIF folds. Empty lines and lines that begin
    with ``#`` are passed over.
    """
    begun: list[str] = []
    for line in lines:
        text = line.rstrip("\r\n")
        if text.startswith(" ") and begun:
            begun.append(text[1:])
            continue
        if begun:
            yield "".join(begun)
        begun = [text] if text.strip() and not text.startswith("#") else []
    if begun:
        yield "".join(begun)


def named_value(text: str) -> tuple[str, str]:
    """The attribute's name in lower case, empty if none stands in front, and the value.

    ``orclaci:``, ``orclentrylevelaci:`` and ``aci:`` may stand in front, in any case; after two colons the value is
    base64. Folds in the text are undone.

    Raises:
        AciSyntaxError: The base64 is none.
    """
    text = _FOLD.sub("", text)
    match = _NAMED.match(text)
    if match is None:
        return "", text
    value = text[match.end() :]
    if match.group(2):
        try:
            value = base64.b64decode(value.strip(), validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            raise AciSyntaxError(
                f"What follows {match.group(0).strip()} is no base64 of UTF-8 text",
                "Correct it, or give the value as text after one colon",
                {"column": match.end() + 1, "text": text[:200]},
            ) from None
    return match.group(1).lower(), value
