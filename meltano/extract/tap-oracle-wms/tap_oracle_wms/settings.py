"""The tap's settings as a JSON schema."""

from __future__ import annotations

from typing import Any, Final

from singer_columnar import settings as sending
from singer_sdk import typing as th

LARGEST_PAGE: Final = 1250
"""Most rows of a page that the API gives (REST guide, "Pagination")."""
DEFAULT_PAGE: Final = 1000
DEFAULT_OVERLAP_MINUTES: Final = 5
LONGEST_OVERLAP_MINUTES: Final = 1440
DEFAULT_RETRY_AFTER: Final = 60


def _text(name: str, title: str, description: str, **more: Any) -> th.Property[str]:
    return th.Property(name, th.StringType, title=title, description=description, **more)


def _number(name: str, title: str, description: str, default: int, low: int, high: int | None) -> th.Property[int]:
    return th.Property(
        name, th.IntegerType(minimum=low, maximum=high), default=default, title=title, description=description
    )


_CONNECTION: Final = (
    _text(
        "base_url",
        "Base URL",
        "The instance and its tenant, for example https://instance.wms.ocs.oraclecloud.com/tenant.",
        required=True,
    ),
    th.Property(
        "auth_method",
        th.StringType(allowed_values=["basic", "oauth2"]),
        default="basic",
        title="Authentication",
        description="basic: username and password; oauth2: tokens by client credentials.",
    ),
    _text("username", "User name", "User of basic authentication."),
    _text("password", "Password", "Password of the user.", secret=True),
    _text("oauth_token_url", "Token endpoint", "Where tokens are had, for auth_method oauth2."),
    _text("oauth_client_id", "Client id", "OAuth 2 client."),
    _text("oauth_client_secret", "Client secret", "Secret of the OAuth 2 client.", secret=True),
    _text("oauth_scope", "Scope", "Scope of the tokens, where the endpoint wants one."),
    _text("company_code", "Company", "Only rows of this company, of entities that have a company."),
    _text("facility_code", "Facility", "Only rows of this facility, of entities that have a facility."),
    th.Property(
        "facility_filters",
        th.ObjectType(additional_properties=th.StringType),
        default={},
        title="Facility of other entities",
        description="By which filter facility_code narrows entities that have no facility of their own: "
        '{"order_dtl": "order_id__facility_id__code"}.',
    ),
    _text("ca_file", "Certificate authorities", "File of certificate authorities to trust in place of the usual ones."),
    th.Property(
        "timeout",
        th.NumberType(exclusive_minimum=0),
        default=600,
        title="Time-out",
        description="Seconds to wait for the server's next bytes.",
    ),
    _number("max_retries", "Retries", "How often a failed request is sent again.", 5, 0, 100),
    th.Property(
        "retry_after_seconds",
        th.NumberType(minimum=0),
        default=DEFAULT_RETRY_AFTER,
        title="Wait when throttled",
        description="Seconds to wait after 429 where the server does not say how long.",
    ),
    th.Property(
        "backoff_seconds",
        th.NumberType(minimum=0),
        default=1,
        title="First wait",
        description="Seconds before the first retry after another failure; doubles with each, up to a minute.",
    ),
)

_READING: Final = (
    th.Property(
        "entities",
        th.ArrayType(th.StringType),
        default=["*"],
        title="Entities",
        description="Names or globs of the entities to discover.",
    ),
    th.Property(
        "use_metadata_only",
        th.BooleanType,
        default=False,
        title="Metadata only",
        description="Discover by describe alone; otherwise a few rows of each entity show fields that describe omits.",
    ),
    _number("page_size", "Page size", "Rows of a page.", DEFAULT_PAGE, 1, LARGEST_PAGE),
    th.Property(
        "page_mode",
        th.StringType(allowed_values=["sequenced", "paged"]),
        default="sequenced",
        title="Page mode",
        description="sequenced follows cursors, which is quicker and misses nothing; paged counts, by page numbers.",
    ),
    _number("concurrency", "Pages at a time", "Most requests under way at once; 1: one after another.", 4, 1, 32),
    th.Property(
        "enable_incremental",
        th.BooleanType,
        default=True,
        title="Incremental",
        description="Read entities that have the replication key by it; otherwise all of every entity.",
    ),
    _text("replication_key", "Replication key", "Field by which changes are found.", default="mod_ts"),
    th.Property(
        "full_table_entities",
        th.ArrayType(th.StringType),
        default=[],
        title="Full entities",
        description="Names or globs of entities that are read in full in any case.",
    ),
    _text(
        "start_date",
        "Start date",
        "Where an incremental stream without a bookmark starts: ISO 8601, or today, yesterday, today-7d, today-2w. "
        "Default: the oldest row.",
    ),
    _text("end_date", "End date", "Rows changed at this time or later are not read: the end of a partition."),
    _number(
        "overlap_minutes",
        "Overlap",
        "An incremental run starts so many minutes before the bookmark, to see rows that were committed late. "
        "The target must be idempotent (upsert).",
        DEFAULT_OVERLAP_MINUTES,
        0,
        LONGEST_OVERLAP_MINUTES,
    ),
    _text("timezone", "Time zone", "IANA name of the zone of date-times that the server sends without one.",
          default="UTC"),
    th.Property(
        "filters",
        th.ObjectType(additional_properties=th.ObjectType(additional_properties=th.StringType)),
        default={},
        title="Filters",
        description='Further filters by entity, as the API knows them: {"order_hdr": {"status_id__lt": "90"}}.',
    ),
)  # fmt: skip

_SENDING: Final = (
    th.Property(
        "dates_as_timestamps",
        th.BooleanType,
        default=True,
        title="Dates as timestamps",
        description="Send dates as timestamps at midnight without a zone, as Oracle's own tables have them.",
    ),
    _number("decimal_scale", "Decimal places", "Digits after the point of decimals, of 38 in all.", 12, 0, 37),
    _number("text_limit", "Longest set text", "Longest JSON text of a set or list; 0 for no limit.", 4000, 0, None),
    sending.BATCH_ROWS,
    sending.ON_MISFIT,
    sending.EMIT_ACTIVATE_VERSION_MESSAGES,
    sending.BATCH_CONFIG,
)  # fmt: skip

CONFIG_JSONSCHEMA: Final[dict[str, Any]] = th.PropertiesList(*_CONNECTION, *_READING, *_SENDING).to_dict()
