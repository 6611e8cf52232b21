"""Reading a directive from left to right, with a column for every fault.

What belongs here: positions, white space, words, quoted text and balanced parentheses. What does not: any grammar.
"""

from __future__ import annotations

import re
from typing import NoReturn

from flext_pipelines.errors import AciSyntaxError

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_SHOWN = 200

MOST_NESTED = 256
"""Deeper nesting of filters and bind rules is refused: below Python's own limit, far above any real directive."""


def syntax_error(reason: str, text: str, position: int) -> AciSyntaxError:
    """An error that names the place.

    Args:
        reason: What was found and what was expected.
        text: The whole text that was read.
        position: Where, counted from 0.
    """
    return AciSyntaxError(
        f"{reason} at column {position + 1}",
        "Correct the directive where it is kept, or leave it out",
        {"column": position + 1, "text": text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."},
    )


def to_bytes(text: str) -> bytes:
    """UTF-8, whatever the text: bytes that were no UTF-8 when it was read become what they were."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


class Scanner:
    """A text and a position in it.

    Attributes:
        text: What is read.
        position: The next character, counted from 0.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def error(self, reason: str, position: int | None = None) -> AciSyntaxError:
        """An error about this text, here unless another position is given."""
        return syntax_error(reason, self.text, self.position if position is None else position)

    def fail(self, reason: str, position: int | None = None) -> NoReturn:
        """Raise ``error``.

        Raises:
            AciSyntaxError: Always.
        """
        raise self.error(reason, position)

    def skip_space(self) -> None:
        """Go to the next character that is no white space."""
        match = _SPACE.match(self.text, self.position)
        assert match is not None
        self.position = match.end()

    @property
    def at_end(self) -> bool:
        """True when only white space is left."""
        self.skip_space()
        return self.position == len(self.text)

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        self.skip_space()
        return self.text[self.position : self.position + 1]

    def found(self) -> str:
        """What stands here, in words, for an error."""
        self.skip_space()
        rest = self.text[self.position : self.position + 20]
        return f"{rest!r}" if rest else "the end"

    def take(self, literal: str) -> bool:
        """Go past a literal if it stands here, in any case."""
        self.skip_space()
        end = self.position + len(literal)
        if self.text[self.position : end].lower() == literal.lower():
            self.position = end
            return True
        return False

    def expect(self, literal: str) -> None:
        """Go past a literal.

        Raises:
            AciSyntaxError: It does not stand here.
        """
        if not self.take(literal):
            self.fail(f"expected {literal!r}, found {self.found()}")

    def peek_word(self) -> str:
        """The word that stands here, in lower case; empty if none does."""
        self.skip_space()
        match = _WORD.match(self.text, self.position)
        return match.group().lower() if match else ""

    def word(self, wanted: str) -> str:
        """Go past a word and give it, in lower case.

        Args:
            wanted: What was expected, for the error.

        Raises:
            AciSyntaxError: No word stands here.
        """
        word = self.peek_word()
        if not word:
            self.fail(f"expected {wanted}, found {self.found()}")
        self.position += len(word)
        return word

    def match(self, pattern: re.Pattern[str], wanted: str) -> str:
        """Go past what a pattern matches and give it.

        Raises:
            AciSyntaxError: It does not match here.
        """
        self.skip_space()
        match = pattern.match(self.text, self.position)
        if match is None:
            self.fail(f"expected {wanted}, found {self.found()}")
        self.position = match.end()
        return match.group()

    def quoted(self, *, escapes: bool) -> str:
        """Go past text in double quotes and give what is between them.

        Args:
            escapes: A backslash keeps the character after it from ending the text; it stays in the text.

        Raises:
            AciSyntaxError: No quote stands here, or none ends it.
        """
        self.expect('"')
        start = self.position
        while self.position < len(self.text):
            character = self.text[self.position]
            if character == '"':
                self.position += 1
                return self.text[start : self.position - 1]
            self.position += 2 if escapes and character == "\\" else 1
        raise self.error('no closing "', start - 1)

    def balanced(self) -> str:
        """Go past ``(...)`` with the parentheses in it, and give what is between the outer ones.

        Raises:
            AciSyntaxError: No parenthesis stands here, or it is never closed.
        """
        self.expect("(")
        start, depth = self.position, 1
        while self.position < len(self.text):
            character = self.text[self.position]
            self.position += 1
            if character == "\\":
                self.position += 1
            elif character == "(":
                depth += 1
            elif character == ")":
                depth -= 1
                if depth == 0:
                    return self.text[start : self.position - 1]
        raise self.error("parenthesis is never closed", start - 1)
