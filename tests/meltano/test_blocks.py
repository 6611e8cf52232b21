"""The rules by which words become blocks."""

from __future__ import annotations

import pytest

from flext_pipelines.meltano.blocks import BlockSequenceError, parse_blocks, task_words
from flext_pipelines.meltano.catalogue import Block, Plugin

PLUGINS = (
    Plugin(name="tap-a", type="extractors"),
    Plugin(name="target-a", type="loaders"),
    Plugin(name="map-a", type="mappers", mappings=("hash", "drop")),
    Plugin(name="dbt", type="utilities"),
    Plugin(name="tap-a", type="utilities"),
)


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ("tap-a target-a", ("tap-a", "target-a")),
        (["tap-a target-a", "dbt:run"], ("tap-a", "target-a", "dbt:run")),
        ([["tap-a", "target-a"], ["dbt:run dbt:test"]], ("tap-a", "target-a", "dbt:run", "dbt:test")),
        (None, ()),
    ],
)
def test_tasks_are_words_in_every_spelling(tasks: object, words: tuple[str, ...]) -> None:
    """Meltano takes a string, a list, and lists in a list."""
    assert task_words(tasks) == words


def test_a_tap_takes_mappings_until_a_target_closes_it() -> None:
    """Extractors win over other types of the same name, as in Meltano's order."""
    blocks = parse_blocks(["tap-a", "hash", "drop", "target-a", "dbt:run", "tap-a", "target-a"], PLUGINS)

    assert blocks == (
        Block(kind="el", tap="tap-a", mappers=("hash", "drop"), target="target-a"),
        Block(kind="command", plugin="dbt", command="dbt:run"),
        Block(kind="el", tap="tap-a", target="target-a"),
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tap-a"], "has no target after it"),
        (["tap-a", "dbt:run"], "stands between tap 'tap-a' and its target"),
        (["target-a"], "target 'target-a' has no tap before it"),
        (["hash"], "mapping 'hash' has no tap before it"),
        (["tap-a", "map-a", "target-a"], "names one of its mappings (hash, drop)"),
        (["tap-z", "target-a"], "'tap-z' is no plugin"),
        (["a:b:c"], "'a:b:c' is no plugin"),
    ],
)
def test_what_meltano_refuses_is_refused(words: list[str], said: str) -> None:
    """Each wrong sequence has its own reason."""
    with pytest.raises(BlockSequenceError) as caught:
        parse_blocks(words, PLUGINS)

    assert said in str(caught.value)
