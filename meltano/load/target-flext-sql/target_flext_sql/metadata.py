"""The SDK's ``_sdc_`` columns (setting ``add_record_metadata``).

Values belong to a message or a batch: see https://sdk.meltano.com/en/latest/implementation/record_metadata.html
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

DELETED_AT = "_sdc_deleted_at"
_MOMENTS = ("_sdc_extracted_at", "_sdc_received_at", "_sdc_batched_at", DELETED_AT)
_NUMBERS = ("_sdc_sequence", "_sdc_table_version", "_sdc_sync_started_at")


def with_metadata(schema: Mapping[str, Any], *, everything: bool) -> dict[str, Any]:
    """Return a stream's schema with the metadata columns.

    Args:
        schema: JSON schema of the stream.
        everything: All columns; otherwise only `_sdc_deleted_at` (soft deletes need it).
    """
    added: dict[str, Any] = {}
    for name in _MOMENTS if everything else (DELETED_AT,):
        added[name] = {"type": ["string", "null"], "format": "date-time"}
    for name in _NUMBERS if everything else ():
        added[name] = {"type": ["integer", "null"]}
    return {**schema, "properties": {**schema["properties"], **added}}


def metadata_values(message: Mapping[str, Any], sync_started_at: int, sequence: int) -> dict[str, Any]:
    """Return the metadata of one RECORD or BATCH message.

    Args:
        message: The message.
        sync_started_at: Start of the run, milliseconds since 1970.
        sequence: Milliseconds since 1970 when the message came.
    """
    now = dt.datetime.fromtimestamp(sequence / 1000, tz=dt.UTC).isoformat()
    return {
        "_sdc_extracted_at": message.get("time_extracted"),
        "_sdc_received_at": now,
        "_sdc_batched_at": now,
        "_sdc_sequence": sequence,
        "_sdc_table_version": message.get("version"),
        "_sdc_sync_started_at": sync_started_at,
    }
