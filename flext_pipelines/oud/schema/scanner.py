"""Reading a definition from left to right: its words, quoted texts and names, with a column for every fault.

What belongs here: what all kinds of definitions are made of. What does not: which clauses a kind has
(``definitions``). Strictly, what RFC 4512 does not allow is an error; tolerantly, what has one meaning all the same is
read and kept as an oddity.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from flext_pipelines.errors import SchemaSyntaxError

NUMERIC_OID = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+")
DESCR = re.compile(r"[A-Za-z][A-Za-z0-9-]*")

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[^\s()'$]+")
_ESCAPE = re.compile(r"\\(27|5[Cc])")
_LONE_BACKSLASH = re.compile(r"\\(?!27|5[Cc])")
_BEHIND_QUOTE = re.compile(
    r"[)\s{'($]|\Z|(?:NAME|DESC|OBSOLETE|SUP|EQUALITY|ORDERING|SUBSTR|SYNTAX|SINGLE-VALUE|COLLECTIVE"
    r"|NO-USER-MODIFICATION|USAGE|ABSTRACT|STRUCTURAL|AUXIL[A-Z]*|MUST|MAY|APPLIES|X-[A-Z_-]+)[\s('){]"
)
"""What may follow the quote that ends a text; any other quote is part of it."""
_OPENS_A_VALUE = re.compile(r"\s(?:NAME|DESC|SUP|EQUALITY|ORDERING|SUBSTR|SYNTAX|MUST|MAY|X-ORIGIN)[\s(]*\Z")
_LONGEST_KEYWORD = 14
"""A quote behind a keyword begins the next value: the one before it was never closed."""
_SHOWN = 200


class Oddity(NamedTuple):
    """Something that RFC 4512 does not allow and that has one meaning all the same.

    Attributes:
        code: What kind of thing it is, for programs.
        reason: What stands there.
        fix: What it was read as.
        column: Where, from 1.
    """

    code: str
    reason: str
    fix: str
    column: int


class Scanner:
    """A definition and a position in it.

    Attributes:
        text: What is read.
        position: The next character, counted from 0.
        tolerant: Keep oddities instead of failing.
        oddities: What was met so far.
    """

    def __init__(self, text: str, *, tolerant: bool) -> None:
        self.text = text
        self.position = 0
        self.tolerant = tolerant
        self.oddities: list[Oddity] = []
        self._odd_space = False

    def error(self, reason: str, position: int | None = None) -> SchemaSyntaxError:
        """An error about this text, here unless another position is given."""
        column = (self.position if position is None else position) + 1
        shown = self.text if len(self.text) <= _SHOWN else f"{self.text[:_SHOWN]}..."
        return SchemaSyntaxError(
            f"{reason} at column {column}",
            "Correct the definition, or leave it out",
            {"column": column, "text": shown},
        )

    def fail(self, reason: str, position: int | None = None) -> NoReturn:
        """Raise ``error``.

        Raises:
            SchemaSyntaxError: Always.
        """
        raise self.error(reason, position)

    def odd(self, code: str, reason: str, fix: str, position: int) -> None:
        """Keep an oddity.

        Raises:
            SchemaSyntaxError: The reading is strict.
        """
        if not self.tolerant:
            self.fail(reason, position)
        self.oddities.append(Oddity(code, reason, fix, position + 1))

    def skip(self) -> bool:
        """Go past white space; True when there was some."""
        match = _SPACE.match(self.text, self.position)
        assert match is not None
        if not self._odd_space and match.group().strip(" "):
            self._odd_space = True
            self.odd("white-space", "white space that is no space", "read as a space", match.start())
        self.position = match.end()
        return bool(match.group())

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        self.skip()
        return self.text[self.position : self.position + 1]

    def found(self) -> str:
        """What stands here, in words, for an error."""
        rest = self.text[self.position : self.position + 20]
        return f"{rest!r}" if rest else "the end"

    def take(self, literal: str) -> bool:
        """Go past a character if it stands here."""
        if self.peek() == literal:
            self.position += 1
            return True
        return False

    def expect(self, literal: str) -> None:
        """Go past a character, or fail."""
        if not self.take(literal):
            self.fail(f"expected {literal!r}, found {self.found()}")

    def word(self, wanted: str) -> str:
        """Go past what stands here up to white space, a parenthesis, a quote or ``$``, or fail."""
        self.skip()
        match = _WORD.match(self.text, self.position)
        if match is None:
            self.fail(f"expected {wanted}, found {self.found()}")
        self.position = match.end()
        return match.group()

    def apart(self, before: str) -> None:
        """White space must stand between a keyword and its value."""
        start = self.position
        if not self.skip():
            self.odd("no-space", f"no space after {before}", "read as if there were one", start)

    def quoted(self) -> tuple[str, int]:
        """Text in single quotes, as it stands, and where it begins."""
        self.expect("'")
        start = self.position
        at = start
        while (end := self.text.find("'", at)) >= 0:
            if not self.tolerant or _BEHIND_QUOTE.match(self.text, end + 1):
                self.position = end + 1
                return self.text[start:end], start
            if _OPENS_A_VALUE.search(self.text, max(start, end - _LONGEST_KEYWORD), end):
                break
            self.odd("lone-quote", "a quote inside quotes", "kept as text", end)
            at = end + 1
        raise self.error("no closing '", start - 1)

    def string(self) -> str:
        """A quoted string, unescaped."""
        written, start = self.quoted()
        if not written:
            self.odd("empty-text", "the text in quotes is empty", "left out", start)
        lone = _LONE_BACKSLASH.search(written)
        if lone is not None:
            self.odd("lone-backslash", "a backslash that escapes nothing", "kept as text", start + lone.start())
        return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), written)

    def oid(self, keyword: str) -> str:
        """The name or OID of another element."""
        self.skip()
        start = self.position
        if self.peek() == "'":
            written, start = self.quoted()
            oid = written.strip()
            self.odd("quoted-oid", f"{oid!r} of {keyword} stands in quotes", "quotes removed", start - 1)
        else:
            oid = self.word(f"a name or OID after {keyword}")
        if not oid:
            self.fail(f"{keyword} names nothing", start)
        if not self.tolerant and not (DESCR.fullmatch(oid) or NUMERIC_OID.fullmatch(oid)):
            self.fail(f"{oid!r} is neither a name nor a numeric OID", start)
        return oid

    def oids(self, keyword: str) -> tuple[str, ...]:
        """Names or OIDs of other elements: one, or several in parentheses, parted by ``$``."""
        if not self.take("("):
            return (self.oid(keyword),)
        oids: list[str] = []
        while not self.take(")"):
            start = self.position
            if self.take("$"):
                if not oids or self.peek() in ("$", ")"):
                    self.odd("list", f"a $ of {keyword} with no name beside it", "left out", start)
                    continue
            elif oids:
                self.odd("list", f"no $ between the names of {keyword}", "read as if there were one", start)
            oids.append(self.oid(keyword))
        if not oids:
            self.odd("list", f"the list of {keyword} is empty", "left out", self.position)
        return tuple(oids)

    def one_oid(self, keyword: str) -> str:
        """One name, which OID may put into parentheses."""
        self.skip()
        start = self.position
        if self.peek() != "(":
            return self.oid(keyword)
        oids = self.oids(keyword)
        if len(oids) != 1:
            self.fail(f"{keyword} has one name, not {len(oids)}", start)
        self.odd("list", f"{keyword} stands in parentheses", "parentheses removed", start)
        return oids[0]
