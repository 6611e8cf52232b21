"""Dagster's storage, made once per test process and then copied: making its tables takes five times as long.

What belongs here: the copies. What does not: fixtures (a room's ``conftest``), tests of how a home is made.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flext_pipelines.runs.instance import open_instance
from flext_pipelines.settings import Settings

if TYPE_CHECKING:
    from tests.postgres import PostgresServer

_DATABASES = ("schedules/schedules.db", "history/runs.db", "history/runs/index.db")


def with_storage(settings: Settings) -> Settings:
    """The settings, with an empty Dagster storage on SQLite in their home."""
    for name, content in _template().items():
        file = settings.dagster_home / name
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_bytes(content)
    return settings


@cache
def _template() -> dict[str, bytes]:
    folder = Path(tempfile.mkdtemp(prefix="flext-dagster-"))
    try:
        settings = Settings(home=folder)
        with open_instance(settings) as instance:
            instance.get_runs_count()
        return {name: (settings.dagster_home / name).read_bytes() for name in _DATABASES}
    finally:
        shutil.rmtree(folder)


def database_with_storage(server: PostgresServer, home: Path) -> str:
    """The name of a new database on the server with an empty Dagster storage.

    Args:
        server: The server.
        home: A folder for the home that makes the first one.
    """
    template = "dagster_template"
    if not server.has_database(template):
        server.create_database(template)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FLEXT_DAGSTER_POSTGRES_URL", server.url(template))
            with open_instance(Settings(home=home)) as instance:
                instance.get_runs_count()
        server.disconnect(template)
    return server.create_database(template=template)
