"""Markdown as these tests need it: fenced blocks with what a comment above says of them, inline code, links, headings.

A comment directly above a block says how the tests treat it:

* ``<!-- file: PATH -->``: the tutorial writes this file;
* ``<!-- merge into: PATH -->``: the tutorial adds these entries to that YAML file;
* ``<!-- not run: WHY -->``: the tutorial leaves it out;
* ``<!-- runs -->``: this Python is executed;
* ``<!-- contract -->``, ``<!-- rules -->``, ``<!-- run config: JOB -->``: what this YAML is.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
WORDS = ("file", "merge into", "not run", "runs", "contract", "rules", "run config")
_FENCE = re.compile(r"^(`{3,})(\w*)\s*$")
_COMMENT = re.compile(r"^<!-- (?P<word>[a-z ]+?)(?:: (?P<rest>.*))? -->$")
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.*?)\s*$")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_EXIT = re.compile(r"\s+#\s*exit (\d+)\s*$")


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        place: Page and line, for messages.
        language: The word after the fence.
        text: What is in it.
        word: What the comment above says, if anything.
        rest: And of what.
    """

    place: str
    language: str
    text: str
    word: str = ""
    rest: str = ""


class Page:
    """One Markdown file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.relative_to(ROOT).as_posix()
        self.text = path.read_text(encoding="utf-8")

    def __repr__(self) -> str:
        """Its name, as an id of a parametrised test."""
        return self.name

    def blocks(self, *languages: str) -> list[Block]:
        """The fenced blocks of those languages, in order; all when none is named."""
        return [block for block in self._blocks() if not languages or block.language in languages]

    def _blocks(self) -> Iterator[Block]:
        fence, start, language, lines, comment = "", 0, "", list[str](), ("", "")
        for number, line in enumerate(self.text.splitlines(), 1):
            found = _FENCE.match(line)
            if not fence and found:
                fence, start, language, lines = found[1], number, found[2], []
            elif fence and line.strip() == fence:
                yield Block(f"{self.name}:{start}", language, "\n".join(lines) + "\n", *comment)
                fence, comment = "", ("", "")
            elif fence:
                lines.append(line)
            elif told := _COMMENT.match(line):
                comment = (told["word"], told["rest"] or "")
            elif line.strip():
                comment = ("", "")

    def prose(self) -> Iterator[tuple[int, str]]:
        """Lines outside of blocks, with their numbers."""
        inside = ""
        for number, line in enumerate(self.text.splitlines(), 1):
            if not inside and (found := _FENCE.match(line)):
                inside = found[1]
            elif inside:
                inside = "" if line.strip() == inside else inside
            else:
                yield number, line

    def inline(self) -> Iterator[tuple[str, str]]:
        """Inline code, with its place; code that a line break cuts in two is put together."""
        text = "\n".join(line for _, line in self.prose())
        for found in _INLINE.finditer(re.sub(r"(?<=\S)\n(?=\S)", " ", text)):
            yield self.name, found[1]

    def links(self) -> Iterator[tuple[str, str]]:
        """Targets of links, with their places."""
        for number, line in self.prose():
            for found in _LINK.finditer(line):
                yield f"{self.name}:{number}", found[1]

    @property
    def anchors(self) -> set[str]:
        """What `#...` may name, by GitHub's rule."""
        headings = (found[1] for _, line in self.prose() if (found := _HEADING.match(line)))
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class Line(NamedTuple):
    """A command line of a console block."""

    place: str
    text: str
    code: int


def console_lines(block: Block) -> list[Line]:
    """Its lines behind ``$``, with the exit code that a comment promises; a line that ends in a backslash goes on."""
    lines: list[Line] = []
    for text in block.text.replace("\\\n", " ").splitlines():
        if text.startswith("$ "):
            promised = _EXIT.search(text)
            lines.append(Line(block.place, text[2:], int(promised[1]) if promised else 0))
    return lines


def calls(text: str, program: str = "flext") -> list[list[str]]:
    """The words behind ``flext`` for each call of it in a shell line."""
    found: list[list[str]] = []
    text = re.sub(r'"?\$\(([^)]*)\)"?', r" ; \1 ; ", text)
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|;&<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    at_start, redirect = True, False
    current: list[str] | None = None
    for token in lexer:
        if token == "#" or token.startswith("#"):
            break
        if set(token) <= set("|;&"):
            at_start, current = True, None
        elif set(token) <= set("<>"):
            redirect = True
        elif redirect:
            redirect = False
        elif at_start and (token == program or _ASSIGNMENT.match(token)):
            if token == program:
                current = []
                found.append(current)
                at_start = False
        else:
            at_start = False
            if current is not None:
                current.append(token)
    return found


@cache
def pages() -> tuple[Page, ...]:
    """Every page that people read."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("meltano/*.md"), *ROOT.glob("benchmarks/*.md")]
    found += ROOT.glob("meltano/*/*/README.md")
    return tuple(Page(path) for path in sorted(found))


def page(name: str) -> Page:
    """The page of that name, relative to the checkout."""
    return next(one for one in pages() if one.name == name)
