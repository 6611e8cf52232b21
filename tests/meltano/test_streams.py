"""A tap's catalog with the project's rules, as Meltano applies them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flext_pipelines.errors import ConfigError
from flext_pipelines.meltano.catalogue import Stream, json_type
from flext_pipelines.meltano.introspection import read_catalogue, snapshots_folder
from tests.meltano.written_projects import written

CATALOG = {
    "streams": [
        {
            "tap_stream_id": "orders",
            "stream": "orders",
            "key_properties": ["id"],
            "schema": {
                "type": "object",
                "properties": {
                    "id": {"type": "integer"},
                    "at": {"type": ["null", "string"], "format": "date-time"},
                    "secret": {"type": "string"},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
            },
            "metadata": [
                {"breadcrumb": [], "metadata": {"inclusion": "available", "table-key-properties": ["id"]}},
                {"breadcrumb": ["properties", "id"], "metadata": {"inclusion": "automatic"}},
                {"breadcrumb": ["properties", "at"], "metadata": {"inclusion": "available"}},
                {"breadcrumb": ["properties", "secret"], "metadata": {"inclusion": "available"}},
                {"breadcrumb": ["properties", "note"], "metadata": {"inclusion": "unsupported"}},
            ],
        },
        {
            "tap_stream_id": "items",
            "schema": {"properties": {"id": {"type": "integer"}}},
            "metadata": [{"breadcrumb": [], "metadata": {"inclusion": "available"}}],
        },
    ]
}
TEXT = """\
    environments: [{name: dev}]
    plugins:
      extractors:
      - name: tap-a
        namespace: tap_a
        executable: ./a
        capabilities: [catalog, discover]
"""


def _streams(folder: Path, rules: str = "", *, snapshot: bool = True, text: str = TEXT) -> dict[str, Stream]:
    project = written(folder, text + rules)
    if snapshot:
        snapshots_folder(project).mkdir(parents=True, exist_ok=True)
        (snapshots_folder(project) / "tap-a.json").write_text(json.dumps(CATALOG))
    return {stream.name: stream for stream in read_catalogue(project).streams["tap-a"]}


def test_rules_are_applied_to_the_snapshot(tmp_path: Path) -> None:
    """Selection, columns, keys and replication come out as a run would see them."""
    rules = """\
        select: ["orders.*", "!orders.secret"]
        metadata:
          orders: {replication-method: INCREMENTAL, replication-key: at}
        schema:
          orders: {at: {type: string, format: date}}
    """

    found = _streams(tmp_path, rules)

    assert found["orders"] == Stream(
        tap="tap-a",
        name="orders",
        selected=True,
        replication_method="INCREMENTAL",
        replication_key="at",
        keys=("id",),
        columns={"id": "integer", "at": "date"},
        discovered=True,
    )
    assert not found["items"].selected


def test_a_change_of_the_rules_shows_without_discovery(tmp_path: Path) -> None:
    """The snapshot is kept as the tap wrote it, so that other rules see everything."""
    assert [name for name, s in _streams(tmp_path, '        select: ["items.*"]\n').items() if s.selected] == ["items"]
    assert [name for name, s in _streams(tmp_path).items() if s.selected] == ["orders", "items"]


def test_a_filter_narrows_the_selection(tmp_path: Path) -> None:
    """select_filter takes streams away, also those that a catalog file of the project selects."""
    found = _streams(tmp_path, "        select_filter: [items]\n")

    assert [name for name, stream in found.items() if stream.selected] == ["items"]


def test_a_tap_without_catalog_extracts_everything(tmp_path: Path) -> None:
    """Rules do not apply to a tap that takes no catalog."""
    found = _streams(tmp_path, '        select: ["items.*"]\n', text=TEXT.replace("[catalog, discover]", "[discover]"))

    assert all(stream.selected for stream in found.values())
    assert found["orders"].columns["secret"] == "string"


def test_a_catalog_file_of_the_project_needs_no_discovery(tmp_path: Path) -> None:
    """With `catalog` set, streams are known at once; select and metadata do not apply, as in Meltano."""
    project = written(tmp_path, TEXT + '        catalog: own.json\n        select: ["items.*"]\n')
    own = json.loads(json.dumps(CATALOG))
    own["streams"][0]["metadata"][0]["metadata"]["selected"] = True
    (project.root / "own.json").write_text(json.dumps(own))
    found = {stream.name: stream.selected for stream in read_catalogue(project).streams["tap-a"]}

    assert found == {"orders": True, "items": False}
    (project.root / "own.json").write_text(json.dumps({"streams": []}))
    assert read_catalogue(project).streams["tap-a"] == ()


@pytest.mark.parametrize(
    ("rules", "names"),
    [
        ("", ["tap-a"]),
        ('        select: ["*.*"]\n', ["tap-a"]),
        ('        select: ["orders.*", "it?ms.*"]\n', ["tap-a"]),
        ('        select: ["orders.id", "orders.at", "items"]\n', ["orders", "items"]),
        ('        select: ["orders.*", "items.*", "!items"]\n', ["orders"]),
        ('        select: ["a.b.c", "s\\\\.t.*"]\n', ["a", "s.t"]),
        ('        select: ["orders.*", "items.*"]\n        select_filter: [items]\n', ["items"]),
    ],
)
def test_without_a_snapshot_rules_name_the_streams(tmp_path: Path, rules: str, names: list[str]) -> None:
    """Names without wildcard are streams; else the tap counts as one stream."""
    found = _streams(tmp_path, rules, snapshot=False)

    assert list(found) == names
    assert not any(stream.discovered for stream in found.values())


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"streams": [1]}', '{"streams": [{}]}', '{"streams": 3}'])
def test_a_spoilt_snapshot_is_an_error_that_says_what_to_do(tmp_path: Path, content: str) -> None:
    """Nobody wonders why streams are missing."""
    project = written(tmp_path, TEXT)
    snapshots_folder(project).mkdir(parents=True)
    (snapshots_folder(project) / "tap-a.json").write_text(content)

    with pytest.raises(ConfigError, match=r"tap-a\.json is no Singer catalog"):
        read_catalogue(project)


@pytest.mark.parametrize(
    ("schema", "word"),
    [
        ({"type": "integer"}, "integer"),
        ({"type": ["null", "number"]}, "number"),
        ({"type": ["string", "null"], "format": "date-time"}, "date-time"),
        ({"type": ["number", "string"]}, "number|string"),
        ({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}, {"type": "integer"}]}, "date|integer"),
        ({"type": "null"}, "any"),
        ({}, "any"),
    ],
)
def test_a_column_type_is_one_word(schema: dict[str, object], word: str) -> None:
    """Null says nothing, a format says more than string."""
    assert json_type(schema) == word
