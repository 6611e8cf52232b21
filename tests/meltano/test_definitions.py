"""Entries of plugins in meltano.yml, edited without hurting the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from flext_pipelines.errors import UsageError
from flext_pipelines.meltano.definitions import add_definition, guess_type, remove_definition, with_version
from flext_pipelines.meltano.project_files import read_project_files, render
from tests.meltano.written_projects import written

TEXT = """\
# A project with care
environments:
  - name: dev   # the first
    config:
      plugins:
        extractors:
          - name: tap-a
            config: {x: 1}
          - name: tap-b
            config: {x: 2}
plugins:
  extractors:
    # the old one
    - name: tap-a
      namespace: tap_a   # as in Singer
      pip_url: 'tap-a==1.0'
    - name: tap-b
      namespace: tap_b
  loaders:
    - name: target-a
      namespace: target_a
jobs:
  - {name: j, tasks: "tap-a target-a"}
"""


@pytest.mark.parametrize(
    ("pip_url", "version", "expected"),
    [
        ("tap-x", "2.1", "tap-x==2.1"),
        ("tap-x==1.0", "2.1", "tap-x==2.1"),
        ("tap-x[s3,gcs]~=1.0 extra>=2", "2.1", "tap-x[s3,gcs]==2.1 extra>=2"),
        ("--no-deps tap_x.y==1", "2", "--no-deps tap_x.y==2"),
        ("tap-x==1.0", "latest", "tap-x"),
        ("git+https://example.org/tap-x.git", "v2", "git+https://example.org/tap-x.git@v2"),
        (
            "git+https://$T@example.org/tap-x.git@v1#egg=tap-x",
            "v2",
            "git+https://$T@example.org/tap-x.git@v2#egg=tap-x",
        ),
        ("git+ssh://git@example.org/tap-x.git@v1", "latest", "git+ssh://git@example.org/tap-x.git"),
        ("tap-x @ git+https://example.org/tap-x@v1", "v2", "tap-x @ git+https://example.org/tap-x@v2"),
        ("-e git+https://example.org/tap-x@v1", "v2", "-e git+https://example.org/tap-x@v2"),
    ],
)
def test_a_version_is_replaced_in_every_spelling(pip_url: str, version: str, expected: str) -> None:
    """Only the plugin's own requirement changes."""
    assert with_version(pip_url, version) == expected


@pytest.mark.parametrize(
    "pip_url", ["./tap-x", "-e tap-x", "-e ./tap-x", "/opt/tap-x", "../x/tap_x-1.0-py3-none-any.whl"]
)
def test_a_folder_decides_its_own_version(pip_url: str) -> None:
    """A version cannot be asked of a package that lies in a folder or file."""
    with pytest.raises(UsageError, match="decides its version"):
        with_version(pip_url, "2.0")


def test_a_new_plugin_is_added_and_nothing_else_changes(tmp_path: Path) -> None:
    """Comments, quotes and indentation stay as the author wrote them."""
    files = read_project_files(written(tmp_path, TEXT).root)

    add_definition(files, "tap-new", "extractors", variant=None, pip_url="tap-new==1")

    added = (
        "    - name: tap-new\n      namespace: tap_new\n      pip_url: tap-new==1\n      executable: tap-new\n"
        "      capabilities:\n        - catalog\n        - discover\n        - state\n"
    )
    assert render(files.main).decode() == TEXT.replace("  loaders:\n", added + "  loaders:\n")


def test_a_plugin_of_a_new_type_gets_its_list(tmp_path: Path) -> None:
    """A project without that type, or with an empty one, takes the plugin too."""
    for text in ("environments: [{name: dev}]\n", "environments: [{name: dev}]\nplugins:\n"):
        files = read_project_files(written(tmp_path, text).root)

        definition = add_definition(files, "dbt-x", "utilities", variant="v", pip_url=None)

        assert definition.data == {"name": "dbt-x", "variant": "v"}
        assert files.definition("dbt-x") == definition


def test_a_removed_plugin_leaves_the_environments_too(tmp_path: Path) -> None:
    """What environments say about it goes with it; the rest stays."""
    files = read_project_files(written(tmp_path, TEXT).root)
    definition = files.definition("tap-a")
    assert definition is not None

    changed = remove_definition(files, definition)

    text = render(files.main).decode()
    assert [file.name for file in changed] == ["meltano.yml"]
    assert "name: tap-a" not in text
    for kept in ("# A project with care", "# the first", "name: tap-b", "config: {x: 2}", "name: target-a"):
        assert kept in text


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "environments:\n- name: dev\nplugins:\n  extractors:\n  - name: a  # c\n    x:\n      y: |\n        text\n",
        "a: &anchor {b: 1}\nc: *anchor\nenvironments:\n  - {name: dev}\n",
        "environments:\n- name: 'dev'\n\n\n# end\n",
    ],
)
def test_an_unchanged_file_is_rendered_byte_for_byte(tmp_path: Path, text: str) -> None:
    """Reading and writing alone changes nothing, in either style of indentation."""
    files = read_project_files(written(tmp_path, text).root)

    assert render(files.main) == text.encode()


@pytest.mark.parametrize(
    ("name", "kind"), [("tap-x", "extractors"), ("target-x", "loaders"), ("dbt-duckdb", "utilities")]
)
def test_names_say_their_type(name: str, kind: str) -> None:
    """Singer's custom names a plugin's type."""
    assert guess_type(name) == kind


def test_a_name_that_says_nothing_needs_a_type() -> None:
    """Otherwise the type must be given."""
    with pytest.raises(UsageError, match="what type of plugin"):
        guess_type("airflow")
