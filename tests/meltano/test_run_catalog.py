"""The catalog of a run as streams: Singer's rules of selection, and no trust in the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from flext_pipelines.meltano.run_catalog import selected_streams


def entry(name: str, *, columns: Mapping[str, object] | None = None, **own: object) -> dict[str, object]:
    """A stream in a catalog; ``columns`` gives each column's metadata."""
    metadata: list[dict[str, object]] = [{"breadcrumb": [], "metadata": own}]
    metadata += [{"breadcrumb": ["properties", c], "metadata": m} for c, m in (columns or {}).items()]
    properties = {column: {"type": ["null", "integer"]} for column in columns or {}}
    return {"tap_stream_id": name, "schema": {"properties": properties}, "metadata": metadata}


def test_selected_streams_are_read_with_their_selected_columns(tmp_path: Path) -> None:
    """Automatic always, unsupported never, the rest as told."""
    columns = {
        "id": {"inclusion": "automatic", "selected": False},
        "blob": {"inclusion": "unsupported", "selected": True},
        "name": {"inclusion": "available", "selected": True},
        "note": {"inclusion": "available", "selected": False},
    }
    own = {"selected": True, "replication-method": "incremental", "replication-key": "id"}
    (tmp_path / "c.json").write_text(
        json.dumps({"streams": [entry("orders", columns=columns, **own), entry("items", selected=False)]})
    )

    [stream] = selected_streams("tap-a", tmp_path / "c.json")

    assert (stream.name, stream.replication_method, stream.replication_key) == ("orders", "INCREMENTAL", "id")
    assert stream.columns == {"id": "integer", "name": "integer"}


@pytest.mark.parametrize(
    "content",
    ["", "[]", "null", '{"streams": 3}', '{"streams": [1, {}]}', '{"streams": [{"metadata": [{"breadcrumb": 1}]}]}'],
)
def test_a_file_that_is_no_catalog_has_no_streams(tmp_path: Path, content: str) -> None:
    """It costs a run its metadata, nothing else."""
    (tmp_path / "c.json").write_text(content)

    assert selected_streams("tap-a", tmp_path / "c.json") == ()
    assert selected_streams("tap-a", tmp_path / "missing.json") == ()
