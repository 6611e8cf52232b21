"""The reader of Markdown itself: what it misses, no other test of this room would see."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.pages import ROOT, WORDS, Page, calls, console_lines


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """A page with one of everything."""
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    path = tmp_path / "page.md"
    path.write_text(
        "# A title, with `code`\n\nSee [there](there.md#x) and `flext run\nwms`.\n\n<!-- file: a/b.yml -->\n"
        "```yaml\na: 1\n```\n\n```console\n$ flext run wms   # exit 2\noutput\n$ cat x | flext send A.B - > `y`\n```\n"
    )
    return Page(path)


def test_blocks_are_read_with_what_stands_above_them(written: Page) -> None:
    """A comment belongs to the next block only."""
    assert [(block.language, block.word, block.rest) for block in written.blocks()] == [
        ("yaml", "file", "a/b.yml"),
        ("console", "", ""),
    ]


def test_prose_is_what_is_outside_of_blocks(written: Page) -> None:
    """Links, anchors and inline code, also over a line break."""
    assert [target for _, target in written.links()] == ["there.md#x"]
    assert written.anchors == {"a-title-with-code"}
    assert [code for _, code in written.inline()] == ["code", "flext run wms"]


def test_console_lines_promise_their_exit_code(written: Page) -> None:
    """Output is no command."""
    lines = console_lines(written.blocks("console")[0])

    assert [(line.text.split()[:2], line.code) for line in lines] == [(["flext", "run"], 2), (["cat", "x"], 0)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("flext run wms   # exit 2", [["run", "wms"]]),
        (
            "flext run wms --detach && flext logs --follow wms",
            [["run", "wms", "--detach"], ["logs", "--follow", "wms"]],
        ),
        ("""flext send A.B '{"a": 1}' --json | jq .a""", [["send", "A.B", '{"a": 1}', "--json"]]),
        ("flext audit verify --json > head.json", [["audit", "verify", "--json"]]),
        ('export DAGSTER_HOME="$(flext dagster home)"', [["dagster", "home"]]),
        ("FLEXT_HOME=/x flext status", [["status"]]),
        ("cat flext", []),
    ],
)
def test_calls_are_found_in_shell_lines(text: str, words: list[list[str]]) -> None:
    """Pipes, redirections, substitutions and comments are no arguments."""
    assert calls(text) == words


def test_every_comment_above_a_block_is_one_that_the_tests_know() -> None:
    """A mistyped one would silently switch a check off."""
    unknown = [
        f"{block.place}: {block.word}"
        for one in pages.pages()
        for block in one.blocks()
        if block.word and block.word not in WORDS
    ]

    assert unknown == []


def test_the_pages_are_found() -> None:
    """README, the pages of docs and of both plugins."""
    names = {one.name for one in pages.pages()}

    assert names >= {"README.md", "CHANGELOG.md", "docs/tutorial.md", "docs/reference/cli.md", "meltano/README.md"}
    assert (ROOT / "pyproject.toml").exists()
