"""The Meltano library as we see it: what a resolved plugin's settings refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.meltano.introspection import read_catalogue
from tests.meltano.projects import opened, write_project

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PARENT = {"name": "target-a", "namespace": "target_a", "executable": "./a", "settings": [{"name": "url"}]}


def variables_of(root: Path, home: Path, loaders: list[dict[str, object]]) -> dict[str, tuple[str, ...]]:
    """What settings of each loader refer to."""
    plugins = read_catalogue(opened(write_project(root, plugins={"loaders": loaders}), home)).plugins
    return {plugin.name: plugin.variables for plugin in plugins}


def test_a_target_says_which_variables_its_settings_refer_to(tmp_path: Path) -> None:
    """Also those of its parent, as far as it does not set them itself; a quoted dollar is none."""
    loaders: list[dict[str, object]] = [
        {**PARENT, "config": {"url": "$WAREHOUSE_URL"}},
        {"name": "heir", "inherit_from": "target-a"},
        {"name": "other", "inherit_from": "target-a", "config": {"url": "file:${HOME_OF_FILES}/x", "more": "\\$NOT"}},
    ]

    found = variables_of(tmp_path / "project", tmp_path / "home", loaders)

    assert found == {"target-a": ("WAREHOUSE_URL",), "heir": ("WAREHOUSE_URL",), "other": ("HOME_OF_FILES",)}


def test_a_setting_that_the_environment_overrides_refers_to_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is effective counts, as in a run."""
    monkeypatch.setenv("TARGET_A_URL", "file:elsewhere")

    found = variables_of(tmp_path / "project", tmp_path / "home", [{**PARENT, "config": {"url": "$WAREHOUSE_URL"}}])

    assert found == {"target-a": ()}
