"""Facts about the report: it says what happened, shows hostile text as text, and stands alone."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.oud.migration.charts import Bar, bars, safe, shares
from flext_pipelines.oud.migration.outcome import report_in
from tests.oud.migration.exports import BASE, domain, group, migrated, person, unit

HOSTILE = "<script>alert(1)</script>"
VOID = {"meta", "br", "img", "link"}


class Tags(HTMLParser):
    """The tags of a page, and whether they are balanced."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.open: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Note its end."""
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A result whose every text tries to be markup."""
    name = "cn=\\3Cscript\\3Ealert(1)\\3C/script\\3E"
    aci = f'orclaci: access to entry by group="{HOSTILE}" (browse) | pipe `code`'
    migrated(
        tmp_path,
        [domain(aci), unit("ou=<b>x", BASE, aci), f"dn: {name},{BASE}\nobjectclass: person\ncn: {HOSTILE}\nsn: x",
         person("ann", f"ou={HOSTILE},{BASE}"), f"dn: cn={HOSTILE}\n{HOSTILE}",
         group("g", [f"cn=\"><img src=x>,{BASE}"])],
    )  # fmt: skip
    return tmp_path / "out"


def test_no_text_of_the_data_becomes_markup(hostile: Path) -> None:
    """Names, values and reasons with tags in them stand on the page as text."""
    page = (hostile / "report.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)

    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert tags.open == []
    assert not tags.seen & {"script", "img", "iframe", "object", "link", "b"}
    assert not {name for name in tags.attributes if name.startswith("on")}


def test_the_page_needs_nothing_else(hostile: Path) -> None:
    """No address is on the page but that of the SVG namespace, and its policy forbids to load any."""
    page = (hostile / "report.html").read_text(encoding="utf-8")

    assert set(re.findall(r"https?://[^\"' <]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in page


def test_drawings_are_well_formed(hostile: Path) -> None:
    """Every figure on the page is XML, and has a name for those who cannot see it."""
    page = (hostile / "report.html").read_text(encoding="utf-8")
    drawings = re.findall(r"<svg.*?</svg>", page)

    assert len(drawings) >= 3
    assert all(ElementTree.fromstring(one).get("aria-label") for one in drawings)


def test_markdown_shows_markup_as_text(hostile: Path) -> None:
    """In the Markdown, too, a pipe, a tag or a backtick of the data has no meaning."""
    text = (hostile / "report.md").read_text(encoding="utf-8")

    assert all("<script>" not in line.replace("`", "") or "`" in line for line in text.splitlines())
    rows = [line for line in text.splitlines() if line.startswith("| ") and "what to do" not in line]
    assert all(len(re.findall(r"(?<!\\)\|", row)) >= 3 for row in rows)


@given(text=st.text(), value=st.integers(0, 10**9))
def test_any_label_gives_a_drawing(text: str, value: int) -> None:
    """Whatever the text is, the drawing can be parsed."""
    for drawing in (bars(text, [Bar(text, value)]), shares(text, [Bar(text, value), Bar("x", 0)])):
        ElementTree.fromstring(drawing)
    assert not set(safe(text)) & {"<", ">", '"'}


def test_a_legend_has_room_for_its_numbers() -> None:
    """Millions beside each other do not cover each other: a letter is 8 wide, and each text ends before the next."""
    labels = ["granted by both", "denied by both", "lost", "gained"]
    drawing = shares("Answers", [Bar(label, 10_000_000) for label in labels])
    texts = re.findall(r'<text x="(\d+)" y="(\d+)">([^<]+)</text>', drawing)

    assert len(texts) == len(labels)
    for (x, y, text), (other, line, _) in itertools.pairwise(texts):
        assert y != line or int(x) + 8 * len(text) < int(other)


def test_a_clean_migration_needs_nobody(tmp_path: Path) -> None:
    """Where everything went, the report says so in its first line."""
    migrated(tmp_path, [domain(), person("ann")])

    report = report_in(tmp_path / "out")
    assert report.clean
    assert "Nothing needs a person." in (tmp_path / "out" / "report.html").read_text()
    assert "global-aci" in {caution.code for caution in report.warnings}
    assert any("dsconfig" in step for caution in report.warnings for step in caution.steps)


def test_the_report_does_not_depend_on_where_the_files_lie(tmp_path: Path) -> None:
    """A fault of the schema is told with the file's name and no folder, so that the same input gives the same bytes."""
    pages = []
    for place in ("here", "there"):
        folder = tmp_path / place
        folder.mkdir()
        schema = folder / "schema.ldif"
        schema.write_text("dn: cn=subschemasubentry\nobjectclasses: ( 1.2.3.4 NAME 'broken' SUP top\n")
        migrated(folder, [domain()], schema_file=schema)
        pages.append((folder / "out" / "report.json").read_text())

    assert pages[0] == pages[1]
    assert "schema.ldif:2: objectClass" in pages[0]
    assert str(tmp_path) not in pages[0]


def test_a_page_tells_what_is_noted_once_with_examples(tmp_path: Path) -> None:
    """Notes and dropped values are two tables, and nobody is sent to examples that are not there."""
    lines = ("unknown: x", "objectclass: orclstrange", "userpassword: {MD4}abcd")
    root = tmp_path / "root.ldif"
    root.write_text("dn:\norclaci: access to entry by guidattr=(x) (browse)\n")
    migrated(tmp_path, [domain(), person("ann", BASE, *lines)], root_policy=root)
    out = tmp_path / "out"
    page = (out / "report.md").read_text()
    needs = {need.code: need.action for need in report_in(out).needs}

    entries, _, dropped = page.partition("### Entries")[2].partition("### Values that were dropped from entries")
    assert entries.count("| unknown-attribute |") == 1
    assert dropped.partition("## ")[0].count("| unknown-attribute |") == 1
    assert "cn=ann,dc=example,dc=com (line 6): the target's schema does not know unknown" in dropped
    assert needs["unknown-attribute"].startswith("Look at the examples")
    assert needs["unknown-class"].startswith("Decide")
    assert "orclaci 1, in the root policy" in page
    assert "scheme MD4; no password is left" in (out / "side" / "password-resets.csv").read_text()


def test_a_short_word_stays_in_one_line(hostile: Path) -> None:
    """Long names may break anywhere, so that tables stay on the page; rights and attributes do not."""
    page = (hostile / "report.html").read_text(encoding="utf-8")

    assert "td.s{white-space:nowrap}" in page
    assert "<td class=s>not-ldif</td>" in page
