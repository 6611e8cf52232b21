"""Every `flext ...` that a page or an error names is a command that exists, with options that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from flext_pipelines.cli.main import flext
from tests.docs.pages import ROOT, Page, calls, console_lines, pages

_IN_TICKS = re.compile(r"`(flext [^`]+)`")
_EXAMPLE = re.compile(r"^\s*(flext .*)$", re.MULTILINE)
PLACEHOLDER = "X"
"""What stands for a value that is only known when the program runs."""
_TARGET = re.compile(r"\bmake ([a-z-]+)")


def check_call(words: list[str], *, whole: bool) -> None:
    """Raise click's error when the words are no call of ``flext``.

    Args:
        words: What follows ``flext``.
        whole: Arguments must be there and be right too; else only commands and options must exist.
    """
    command: click.Command = flext
    context = click.Context(flext, info_name="flext")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        if words[0] == PLACEHOLDER:
            return
        inner = command.get_command(context, words[0])
        if inner is None:
            raise click.UsageError(f"there is no command {words[0]!r}", context)
        context = click.Context(inner, parent=context, info_name=words[0])
        command, words = inner, words[1:]
    # Files that an option would read are not there.
    words = ["[]" if word.startswith("@") else word for word in words]
    if whole and not isinstance(command, click.Group):
        command.make_context(command.name, words, parent=context.parent).close()
    else:
        command.make_parser(context).parse_args(words)


def problems(found: Iterator[tuple[str, str]], *, whole: bool) -> list[str]:
    """What is wrong with each shell line, with its place."""
    wrong = []
    for place, text in found:
        for words in calls(text):
            try:
                check_call(list(words), whole=whole)
            except click.ClickException as error:
                wrong.append(f"{place}: {text}: {error.format_message()}")
    return wrong


@pytest.mark.parametrize("page", pages(), ids=repr)
def test_command_lines_of_a_page_can_be_called(page: Page) -> None:
    """Commands, options, required arguments and the types of values."""
    lines = ((line.place, line.text) for block in page.blocks("console") for line in console_lines(block))

    assert problems(lines, whole=True) == []


@pytest.mark.parametrize("page", pages(), ids=repr)
def test_commands_named_in_prose_exist(page: Page) -> None:
    """With every option that is named."""
    named = ((place, code) for place, code in page.inline() if code.startswith("flext "))

    assert problems(named, whole=False) == []


def test_examples_of_the_help_texts_can_be_called() -> None:
    """As `flext ... --help` shows them."""
    page = next(one for one in pages() if one.name == "docs/reference/cli.md")
    examples = [
        (block.place, re.split(r"\s{3,}", line)[0])
        for block in page.blocks("text")
        for line in _EXAMPLE.findall(block.text.partition("Examples:")[2].partition("Options:")[0])
    ]

    assert len(examples) > 30
    assert problems(iter(examples), whole=True) == []


def test_commands_named_in_errors_exist() -> None:
    """An instruction that cannot be followed is worse than none; placeholders of f-strings count as words."""
    named = [(place, text) for file in sorted((ROOT / "flext_pipelines").rglob("*.py")) for place, text in _named(file)]

    assert len(named) > 30
    assert problems(iter(named), whole=False) == []


def _named(file: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.expr):
            for found in _IN_TICKS.findall(_text_of(node)):
                yield f"{file.relative_to(ROOT)}:{node.lineno}", found


def _text_of(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text_of(part) if isinstance(part, ast.Constant) else PLACEHOLDER for part in node.values)
    return ""


@pytest.mark.parametrize("page", pages(), ids=repr)
def test_targets_of_make_exist(page: Page) -> None:
    """Those of the Makefile of the checkout."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = [code for _, code in page.inline()] + [
        line.text for block in page.blocks("console") for line in console_lines(block)
    ]

    assert {target for text in named if text.startswith("make ") for target in _TARGET.findall(text)} <= targets
