"""Which reader the run storage of a home has.

Importing dagster costs 0.4 s, which is most of what ``flext status`` may take in all. So the storage is read by SQL
(``sql_records``) where its schema is one that we know, and through Dagster's API (``instance_records``) where it is
not: after an upgrade of Dagster, or a storage of another kind. One contract test runs on both.

What belongs here: that choice. What does not: SQL, dagster.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flext_pipelines.runs.database import UnknownSchemaError
from flext_pipelines.runs.sql_records import SqlRecords

if TYPE_CHECKING:
    from flext_pipelines.runs.records import RunRecords
    from flext_pipelines.settings import Settings

log = logging.getLogger("flext.runs")


def open_records(settings: Settings) -> RunRecords:
    """The reader of this home's storage.

    Raises:
        UnavailableError: The database does not answer.
    """
    try:
        return SqlRecords.open(settings)
    except UnknownSchemaError as unknown:
        log.info("The run storage is read through Dagster's API, which is slower: %s", unknown)
    from flext_pipelines.runs.instance import open_instance
    from flext_pipelines.runs.instance_records import InstanceRecords

    return InstanceRecords(open_instance(settings))
