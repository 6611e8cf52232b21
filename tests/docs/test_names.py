"""Every link, file, message, setting and error code that a page names exists, and none that people meet is left out."""

from __future__ import annotations

import re
import subprocess
import tomllib
from functools import cache
from importlib.metadata import version
from pathlib import PurePosixPath

import pytest

from flext_pipelines import errors
from flext_pipelines.commands import registry
from flext_pipelines.meltano.catalogue import ProjectCatalogue
from flext_pipelines.meltano.plan import RunRequest, _partition_variables
from flext_pipelines.settings import Settings
from tests.docs.pages import ROOT, Page, page, pages

_MESSAGE = re.compile(r"\b((?:pipelines|runs|plugins|data|wms|audit|messages)\.[A-Z]\w*)")
_VARIABLE = re.compile(r"\bFLEXT_[A-Z_]*[A-Z]\b")
_FILE = re.compile(r"[\w.@-]*[\w@-](?:/[\w.@-]+)*\.(?:py|md|ya?ml|toml|lock|json|sql|example)")
_CODE = re.compile(r"^### `(\w+)`$", re.MULTILINE)

MADE = {
    "dagster.yaml": "generated in the Dagster home",
    "rejects.jsonl": "part of a dataset's version",
    "manifest.json": "part of a dataset's version",
    "report.json": "part of a migration's result",
    "config.json": "written by whoever tries a plugin without Meltano",
}
"""Files that are in no checkout, and why."""


@cache
def tracked() -> frozenset[str]:
    """Files of the checkout: those in git, and those that are about to be."""
    words = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    return frozenset(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines())


@cache
def settings_variables() -> frozenset[str]:
    """The variables that are settings."""
    return frozenset(f"FLEXT_{name.upper()}" for name in Settings.model_fields)


@cache
def run_variables() -> frozenset[str]:
    """The variables that a run sets for its plugins."""
    request = RunRequest(partition="a", partition_start="2026-01-01", partition_end="2026-01-02")
    partition = _partition_variables(ProjectCatalogue(environment="dev"), request, ())
    places = set(_VARIABLE.findall((ROOT / "flext_pipelines/bootstrap.py").read_text(encoding="utf-8")))
    return frozenset(partition) | places


@cache
def error_types() -> tuple[type[errors.FlextError], ...]:
    """Every kind of error of the tree that a command may end with, and that of a record.

    Kinds of bad records are one entry: they end no command, and their reason stands beside each record.
    """
    branches = {errors.FlextError, errors.PermanentError, errors.TransientError, *_below(errors.RecordError)[1:]}
    tree = [kind for kind in _below(errors.FlextError) if kind.__module__ == errors.__name__]
    return tuple(kind for kind in tree if kind not in branches)


def _below(kind: type[errors.FlextError]) -> list[type[errors.FlextError]]:
    return [kind, *(found for inner in kind.__subclasses__() for found in _below(inner))]


TEST_VARIABLES = {"FLEXT_TEST_ORACLE_URL"}
"""What the tests themselves read."""


@pytest.mark.parametrize("page", pages(), ids=repr)
def test_links_lead_somewhere(page: Page) -> None:
    """To a file of the checkout, and to a heading that is in it."""
    broken = []
    for place, target in page.links():
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        path = (page.path.parent / name).resolve() if name else page.path
        if not path.exists() or (anchor and anchor not in Page(path).anchors):
            broken.append(f"{place}: {target}")

    assert broken == []


@pytest.mark.parametrize("page", pages(), ids=repr)
def test_files_named_exist(page: Page) -> None:
    """In the checkout, the package or beside the page, or written by the tutorial; a bare name may lie anywhere."""
    names = {PurePosixPath(path).name for path in tracked()} | MADE.keys()
    written = {block.rest for one in pages() for block in one.blocks() if block.word == "file"}
    folder = page.path.parent
    wrong = []
    for place, code in page.inline():
        if not _FILE.fullmatch(code) or code.startswith("contracts/<"):
            continue
        there = (
            code in written
            or (ROOT / code).exists()
            or (folder / code).exists()
            or (ROOT / "flext_pipelines" / code).exists()
        )
        if not there and ("/" in code or code not in names):
            wrong.append(f"{place}: {code}")

    assert wrong == []


@pytest.mark.parametrize("page", pages(), ids=repr)
def test_messages_named_exist(page: Page) -> None:
    """By their public name."""
    known = {spec.name for spec in registry.all_specs()}

    assert {name for name in _MESSAGE.findall(page.text) if not name.endswith(("Error", "Command", "Query"))} <= known


@pytest.mark.parametrize("page", pages(), ids=repr)
def test_variables_named_exist(page: Page) -> None:
    """They are settings, set by a run for its plugins, or read by the tests."""
    assert set(_VARIABLE.findall(page.text)) <= settings_variables() | run_variables() | TEST_VARIABLES


def test_the_example_environment_names_settings_only() -> None:
    """Each line but comments can be uncommented; a secret stays an example."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    lines = [line.removeprefix("#") for line in text.splitlines() if line.startswith("#FLEXT_")]

    assert lines
    assert {line.partition("=")[0] for line in lines} <= settings_variables()


def test_the_how_to_or_the_settings_page_names_each_setting() -> None:
    """A setting that no page names does not exist for its users."""
    text = page("docs/reference/settings.md").text

    assert settings_variables() <= set(_VARIABLE.findall(text))


def test_troubleshooting_tells_of_each_error() -> None:
    """Under the heading that says whether trying again can help."""
    text = page("docs/troubleshooting.md").text
    passing, _, rest = text.partition("## Errors that need a change")
    permanent = rest.partition("## Without a code")[0]

    assert set(_CODE.findall(passing)) == {kind.error_code() for kind in error_types() if kind.retryable}
    assert set(_CODE.findall(permanent)) == {kind.error_code() for kind in error_types() if not kind.retryable}


def test_each_error_is_told_in_a_paragraph() -> None:
    """A heading with nothing under it tells nothing."""
    _, *parts = re.split(r"^(?=### )", page("docs/troubleshooting.md").text, flags=re.MULTILINE)

    assert len(parts) == len(error_types())
    assert [part.splitlines()[0] for part in parts if len(part.split()) < 15] == []


def test_the_changelog_begins_with_this_version() -> None:
    """That of pyproject.toml, which is the installed one."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    newest = re.search(r"^## (\d\S*)", page("CHANGELOG.md").text, re.MULTILINE)

    assert newest is not None
    assert newest[1] == declared == version("flext-pipelines")


def test_the_licence_is_the_one_that_the_package_declares() -> None:
    """MIT, and whose."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["license"]
    lines = (ROOT / "LICENSE").read_text(encoding="utf-8").splitlines()

    assert lines[0] == f"{declared} License"
    assert "flext-pipelines developers" in lines[2]
