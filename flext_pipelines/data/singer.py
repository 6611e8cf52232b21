"""Reading what a tap writes: SCHEMA, RECORD, BATCH, STATE, ACTIVATE_VERSION, one JSON document a line.

What belongs here: lines to typed messages; a line that is none names its number. What does not: what becomes
of them (``extract``), or where the lines come from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import unquote, urlsplit

from flext_pipelines.data.arrow_types import StreamColumn, stream_columns
from flext_pipelines.errors import ExtractFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pydantic import JsonValue

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Schema:
    """A stream's columns and keys, from now on."""

    stream: str
    columns: tuple[StreamColumn, ...]
    keys: tuple[str, ...]
    bookmark_properties: tuple[str, ...]


class Record(NamedTuple):
    """One row."""

    stream: str
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Batch:
    """Files full of rows."""

    stream: str
    files: tuple[Path, ...]
    format: str
    compression: str


@dataclass(frozen=True, slots=True)
class State:
    """Everything before this line is behind this bookmark."""

    value: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Activation:
    """A full table's rows of this version are now all there are (when it follows them)."""

    stream: str
    version: int


Message = Schema | Record | Batch | State | Activation


class SingerReader:
    """Typed messages from lines.

    Attributes:
        line: Number of the line read last, from 1.
        streams: Columns by stream, as declared so far.
    """

    def __init__(self) -> None:
        self.line = 0
        self.streams: dict[str, Schema] = {}
        self._exact = False
        self._makers: dict[object, Callable[[Mapping[str, object]], Message]] = {
            "RECORD": self._record,
            "STATE": self._state,
            "SCHEMA": self._schema,
            "BATCH": self._batch,
            "ACTIVATE_VERSION": self._activation,
        }

    def messages(self, lines: Iterable[bytes]) -> Iterator[Message]:
        """Every message in order.

        Raises:
            ExtractFailedError: A line is no Singer message, or a row comes before its schema. Rows may be
                lost in such a line, so nothing after it is trusted.
        """
        for line in lines:
            self.line += 1
            if line.isspace() or not line:
                continue
            document = self._document(line)
            maker = self._makers.get(document.get("type"))
            if maker is None:
                raise self._wrong(f"has type {document.get('type')!r}, which Singer does not know", line)
            try:
                message = maker(document)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise self._wrong(f"is an incomplete {document['type']} message ({error})", line) from error
            yield message

    def rows(self, lines: Iterable[bytes], file: str) -> Iterator[Mapping[str, object]]:
        """Rows of a BATCH file of JSON lines.

        Raises:
            ExtractFailedError: A line of the file is no row.
        """
        for number, line in enumerate(lines, 1):
            if line.isspace():
                continue
            try:
                row = json.loads(line, parse_float=Decimal) if self._exact else json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise ExtractFailedError(
                    f"Line {number} of batch file {file} is no row", "Run it again", {"file": file, "line": number}
                )
            yield row

    def _document(self, line: bytes) -> Mapping[str, object]:
        try:
            # Reading each float as a decimal doubles the cost, and only exact columns need it.
            document = json.loads(line, parse_float=Decimal) if self._exact else json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._wrong("is no JSON", line) from error
        if not isinstance(document, dict):
            raise self._wrong("is no Singer message", line)
        return cast("dict[str, object]", document)

    def _record(self, document: Mapping[str, object]) -> Record:
        stream, values = document["stream"], document["record"]
        if stream not in self.streams:
            message = f"stream {stream!r} has no SCHEMA yet"
            raise ValueError(message)
        if not isinstance(values, dict):
            message = "its record is no object"
            raise TypeError(message)
        return Record(stream, values)

    def _state(self, document: Mapping[str, object]) -> State:
        value = document["value"]
        if not isinstance(value, dict):
            message = "its value is no object"
            raise TypeError(message)
        return State(cast("dict[str, JsonValue]", json.loads(json.dumps(value, default=float))))

    def _schema(self, document: Mapping[str, object]) -> Schema:
        stream, declared = str(document["stream"]), document["schema"]
        if not isinstance(declared, Mapping):
            message = "its schema is no object"
            raise TypeError(message)
        columns = stream_columns(declared)
        keys = _names(document.get("key_properties"))
        schema = Schema(stream, columns, keys, _names(document.get("bookmark_properties")))
        self.streams[stream] = schema
        self._exact = self._exact or any(column.kind == "decimal" for column in columns)
        return schema

    def _batch(self, document: Mapping[str, object]) -> Batch:
        encoding = cast("Mapping[str, object]", document["encoding"])
        stream = document["stream"]
        if stream not in self.streams:
            message = f"stream {stream!r} has no SCHEMA yet"
            raise ValueError(message)
        files = tuple(_local_file(str(url)) for url in cast("list[object]", document["manifest"]))
        return Batch(str(stream), files, str(encoding["format"]), str(encoding.get("compression") or "none"))

    def _activation(self, document: Mapping[str, object]) -> Activation:
        return Activation(str(document["stream"]), int(cast("int", document["version"])))

    def _wrong(self, what: str, line: bytes) -> ExtractFailedError:
        shown = line[:_SHOWN].decode("utf-8", "replace")
        return ExtractFailedError(
            f"Line {self.line} of the tap's output {what}",
            "Run the tap alone to see what it prints; what is not a Singer message belongs on its stderr",
            {"line": self.line, "begins": shown},
        )


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(name) for name in value) if isinstance(value, list) else ()


def _local_file(url: str) -> Path:
    parts = urlsplit(url)
    if parts.scheme not in {"", "file"} or parts.netloc not in {"", "localhost"}:
        message = f"{url[:_SHOWN]} is no local file"
        raise ValueError(message)
    return Path(unquote(parts.path))
