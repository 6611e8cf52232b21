"""What a dataset is: values that describe one, and the reference that one command hands to the next.

What belongs here: manifests, columns, parts, references. What does not: reading or writing any of them.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self

from pydantic import Field, GetJsonSchemaHandler, JsonValue, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from flext_pipelines.errors import UsageError
from flext_pipelines.values import Value

FORMAT_VERSION = 1
LATEST = "latest"
MANIFEST = "manifest.json"
"""File of a version that says what it holds; it is written last."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,199}")
_VERSION = re.compile(r"\d{6,}-[a-z]+-\d{8}T\d{6}Z")

Mode = Literal["full", "incremental", "delta", "snapshot", "transform", "failing", "quarantine"]
"""How a version came to be: the four ways to extract, a transform, or rows that were set apart."""


def check_name(name: str) -> str:
    """A dataset's name, safe as a folder name on any system.

    Raises:
        UsageError: It is not.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no dataset name",
            "Use letters, digits and _ . @ + -, at most 200 of them, the first a letter, a digit or _",
            {"dataset": name},
        )
    return name


def name_for(source: str, stream: str) -> str:
    """The dataset in which a stream of a source lands: ``tap-flext-sql.orders``; odd characters become ``_``."""
    return check_name(re.sub(r"[^A-Za-z0-9_.@+-]", "_", f"{source}.{stream}")[:200])


def is_version(text: str) -> bool:
    """Whether a folder of that name is a version: ``000007-full-20261122T221500Z``."""
    return _VERSION.fullmatch(text) is not None


def version_name(number: int, mode: Mode, created: datetime) -> str:
    """Versions sort by number, so that a clock set back changes no order."""
    return f"{number:06d}-{mode}-{created:%Y%m%dT%H%M%SZ}"


class DataReference(Value):
    """Where rows are: a dataset of the landing zone, Parquet files, or a table of the warehouse. Exactly one.

    As text: ``orders`` or ``orders@latest``, ``orders@000003-full-20261122T221500Z``,
    ``file:/data/a.parquet``, ``files:["/data/a.parquet", "/data/b.parquet"]``, ``table:main.orders``.
    """

    dataset: str | None = Field(default=None, description="Dataset of the landing zone.")
    version: str = Field(default=LATEST, description="Version of the dataset; `latest` is the newest whole one.")
    files: tuple[str, ...] = Field(default=(), description="Parquet files, in order.")
    table: str | None = Field(default=None, description="Warehouse table, with its schema if it has one.")

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """As fields or as text."""
        return {"anyOf": [handler(core), {"type": "string"}]}

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        kind, _, rest = value.partition(":")
        if kind in {"file", "files", "table"} and not rest:
            message = f"{value!r} names no {kind}"
            raise ValueError(message)
        if kind == "file":
            return {"files": (rest,)}
        if kind == "files":
            return {"files": _listed(rest)}
        if kind == "table":
            return {"table": rest}
        name, _, version = value.rpartition("@")
        if version != LATEST and not is_version(version):
            name, version = value, ""
        return {"dataset": name, "version": version or LATEST}

    @field_validator("dataset")
    @classmethod
    def _safe_name(cls, name: str | None) -> str | None:
        if name is not None and not _NAME.fullmatch(name):
            message = f"{name!r} is no dataset name (letters, digits and _ . @ + -, at most 200); a file is file:{name}"
            raise ValueError(message)
        return name

    @field_validator("version")
    @classmethod
    def _known_form(cls, version: str) -> str:
        if version != LATEST and not is_version(version):
            message = f"{version!r} is no version: 'latest' or such as 000007-full-20261122T221500Z"
            raise ValueError(message)
        return version

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.dataset is not None) + bool(self.files) + (self.table is not None) != 1:
            message = "name exactly one of dataset, files, table"
            raise ValueError(message)
        return self

    def __str__(self) -> str:
        """The text form."""
        if self.dataset is not None:
            return self.dataset if self.version == LATEST else f"{self.dataset}@{self.version}"
        if self.table is not None:
            return f"table:{self.table}"
        return f"file:{self.files[0]}" if len(self.files) == 1 else f"files:{json.dumps(self.files)}"


def _listed(text: str) -> list[object]:
    """The paths after ``files:``.

    Raises:
        ValueError: It is no list.
    """
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, list) or not found:
        message = f'files:{text} is no list of files; write files:["a.parquet", "b.parquet"]'
        raise ValueError(message)
    return found


class Column(Value):
    """One column.

    Attributes:
        name: Its name.
        type: Its Arrow type as text, for instance ``decimal128(10, 2)``.
    """

    name: str
    type: str


class Part(Value):
    """One file of a version.

    Attributes:
        name: File name within the version's folder.
        rows: Rows in it.
        bytes: Its size.
        sha256: Checksum of its bytes, in hex.
    """

    name: str
    rows: int
    bytes: int
    sha256: str


def total_checksum(parts: Sequence[Part], columns: Sequence[Column]) -> str:
    """One checksum for all parts and columns: equal bytes in equal order give an equal one."""
    content = {"parts": [[part.rows, part.sha256] for part in parts], "columns": [[c.name, c.type] for c in columns]}
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


class Draft(Value):
    """What whoever writes a version knows of it; the writer adds the rest of the manifest.

    Attributes:
        mode: How it came to be.
        stream: The Singer stream, if it came from one.
        source: The tap, or the references it was made from.
        keys: Key properties of the stream.
        unchanged: Rows that a delta left out, because the dataset holds them already.
        bookmark_before: Singer state that the tap was given.
        bookmark_after: Singer state after these rows; None when the tap keeps none.
        watermark: Replication key value in ``bookmark_after``, if it has one.
        replication_key: The column it is about.
        scope: Fingerprint of the conditions under which rows were kept; a bookmark counts for equal ones only.
        idempotency_key: Under which it was asked for.
        request: Fingerprint of what was asked for under the key.
        result: What the command answered, so that the same key is answered alike.
    """

    mode: Mode
    stream: str | None = None
    source: str = ""
    keys: tuple[str, ...] = ()
    unchanged: int = 0
    bookmark_before: dict[str, JsonValue] | None = None
    bookmark_after: dict[str, JsonValue] | None = None
    watermark: str | None = None
    replication_key: str | None = None
    scope: str | None = None
    idempotency_key: str | None = None
    request: str | None = None
    result: dict[str, JsonValue] | None = None


class Manifest(Draft):
    """What a version holds; its presence says that the version is whole.

    Attributes:
        format_version: Of this document.
        dataset: The dataset.
        version: This version of it.
        created: When, in UTC.
        rows: Rows in all parts.
        bytes: Size of all parts.
        columns: Columns of all parts together.
        parts: Parquet files, in the order of their rows.
        exports: The same rows in another format, if that was asked for.
        rejects: Records that do not fit their schema, with reasons, as JSON lines.
        checksum: Of all parts and columns, in hex; equal for equal bytes.
    """

    format_version: int = FORMAT_VERSION
    dataset: str
    version: str
    created: datetime
    rows: int
    bytes: int
    columns: tuple[Column, ...]
    parts: tuple[Part, ...]
    exports: tuple[Part, ...] = ()
    rejects: Part | None = None
    checksum: str

    @property
    def reference(self) -> DataReference:
        """This very version, for the next command."""
        return DataReference(dataset=self.dataset, version=self.version)
