"""The settings that every tap has: how rows are sent. A tap puts them among its own."""

from __future__ import annotations

from typing import Any, Final

from singer_sdk import typing as th

DEFAULT_BATCH_ROWS: Final = 250_000
FULL_TABLE: Final = "FULL_TABLE"
INCREMENTAL: Final = "INCREMENTAL"

BATCH_ROWS: Final[th.Property[Any]] = th.Property(
    "batch_rows",
    th.IntegerType(minimum=1),
    default=DEFAULT_BATCH_ROWS,
    title="Rows per batch file",
    description="Most rows of one Parquet file, one BATCH message and one STATE. "
    "batch_config.batch_size wins when it is set.",
)

ON_MISFIT: Final[th.Property[Any]] = th.Property(
    "on_misfit",
    th.StringType(allowed_values=["record", "fail"]),
    default="record",
    title="Values that do not fit",
    description="A row with a value that its declared type does not allow: record sends it as a RECORD with its raw "
    "value for the target to reject with a reason; fail stops the run.",
)

EMIT_ACTIVATE_VERSION_MESSAGES: Final[th.Property[Any]] = th.Property(
    "emit_activate_version_messages",
    th.BooleanType,
    default=True,
    title="Emit ACTIVATE_VERSION",
    description="After the last row of a stream that is read in full, send ACTIVATE_VERSION: it is complete.",
)

_ENCODING = th.ObjectType(
    th.Property(
        "format",
        th.StringType(allowed_values=["parquet", "jsonl"]),
        title="Batch format",
        description="Format of the batch files.",
    ),
    th.Property(
        "compression",
        th.StringType(allowed_values=["none", "zstd", "snappy", "lz4", "gzip", "brotli"]),
        title="Batch compression",
        description="Compression of the batch files; jsonl knows none and gzip.",
    ),
)

_STORAGE = th.ObjectType(
    th.Property(
        "root",
        th.StringType,
        title="Batch storage root",
        description="Folder of the batch files, as a path or a URL. Default: $FLEXT_BATCH_ROOT.",
    ),
    th.Property("prefix", th.StringType, title="Batch file prefix", description="Prefix of the batch files' names."),
)

BATCH_CONFIG: Final[th.Property[Any]] = th.Property(
    "batch_config",
    th.ObjectType(
        th.Property(
            "encoding",
            _ENCODING,
            title="Batch encoding",
            description="Format and compression of the batch files.",
        ),
        th.Property(
            "storage",
            _STORAGE,
            title="Batch storage",
            description="Where the batch files are written.",
        ),
        th.Property(
            "batch_size",
            th.IntegerType(minimum=1),
            title="Batch size",
            description="Most rows of one batch file; batch_rows when it is not set.",
        ),
    ),
    title="Batch configuration",
    description="Send BATCH messages with files in place of RECORD messages.",
)
