"""The reader: a file in, records out, each accepted by RFC 2849 before it is handed on.

A record that is plain content is judged by one pattern and stays bytes; everything else is parsed line by line.
That is why reading is as fast as it is: measured, the pattern accepts a kilobyte in 4 us, and a parsed entry costs
three times that.

What belongs here: opening, the top of the file, what may follow what, rejects. What does not: blocks (``blocks``),
one record (``parse``).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, Self

from flext_pipelines.errors import ForbiddenError, LdifError, NotFoundError, UnavailableError, UsageError
from flext_pipelines.oud.ldif.blocks import (
    BLOCK_BYTES,
    MOST_RECORD_BYTES,
    Readable,
    RecordTooLongError,
    raw_records,
    record_blocks,
)
from flext_pipelines.oud.ldif.foreign import Foreign, listing, packed
from flext_pipelines.oud.ldif.grammar import CONTENT_RECORD
from flext_pipelines.oud.ldif.lines import unfolded
from flext_pipelines.oud.ldif.parse import RecordParser, ldif_error
from flext_pipelines.oud.ldif.record import Record
from flext_pipelines.oud.ldif.spans import Span, opened_span

Kind = Literal["content", "changes"]
Recognise = Callable[[bytes], object]
"""From the bytes of a record, with LF, to what is known of it; None when it must be judged."""

_BOM = b"\xef\xbb\xbf"
_HASH = ord("#")
_NOTHING_YET = re.compile(rb"(?:#[^\n]*+(?:\n [^\n]*+)*+(?:\n|\Z)|\r?\n)*+")
_LINE = re.compile(rb"[^\n]*+(?:\n [^\n]*+)*+")


class Reject(NamedTuple):
    """A record that was refused.

    Attributes:
        error: Why, with file, line and reason in its details.
        line: Number of its first line.
        raw: Its bytes.
    """

    error: LdifError
    line: int
    raw: bytes


class LdifReader(Iterator[Record]):
    """The records of one file, one after the other. Made by ``read_ldif``.

    Attributes:
        name: Of the file, as errors show it.
        kind: Content or changes; None before the first record.
        version: From the version line; None when there is none.
        records: How many were handed on so far.
        rejected: How many were refused so far.
        bytes_read: Read so far, in blocks.
        ends_mid_line: True after the last record when the file does not end with a line end: legal, and how a file
            looks that was cut off.
    """

    def __init__(
        self,
        file: Readable,
        name: str,
        *,
        on_reject: Callable[[Reject], None] | None = None,
        allow_urls: bool = False,
        most_record_bytes: int = MOST_RECORD_BYTES,
        block_bytes: int = BLOCK_BYTES,
        first_line: int = 1,
        first_byte: int = 0,
        recognise: Recognise | None = None,
    ) -> None:
        self.name = name
        self.kind: Kind | None = None
        self.version: int | None = None
        self.records = 0
        self.rejected = 0
        self.bytes_read = 0
        self.ends_mid_line = False
        self._file = file
        self._on_reject = on_reject
        self._allow_urls = allow_urls
        self._most = most_record_bytes
        self._block_bytes = block_bytes
        self._line = first_line
        self._offset = first_byte
        self._at_top = first_line == 1
        self._recognise = recognise
        self._stream = self._read()

    def __next__(self) -> Record:
        """The next record.

        Raises:
            LdifError: The next record is wrong, and the reader is strict; or the file is no LDIF at all.
            UnavailableError: The file cannot be read on.
        """
        return next(self._stream)

    def __iter__(self) -> Iterator[Record]:
        """The records that are left; a loop over the generator itself saves a call for each."""
        return self._stream

    def __enter__(self) -> Self:
        """The reader; leaving closes the file."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file before its end."""
        self._stream.close()
        self._file.close()

    def _read(self) -> Generator[Record, None, None]:
        with closing(self._file):
            try:
                for block in record_blocks(self._file, self._most, self._block_bytes):
                    self.bytes_read += len(block)
                    self.ends_mid_line = not block.endswith(b"\n")
                    yield from self._of_block(self._topped(block) if self._at_top else block)
            except RecordTooLongError:
                raise ldif_error(
                    self.name, self._line, f"no empty line in {self._most:,} bytes from here on; this is no LDIF",
                    "Name an LDIF file",
                ) from None  # fmt: skip
            except OSError as error:
                raise UnavailableError(
                    f"{self.name} cannot be read on after line {self._line}: {error.strerror}", "Check the disk"
                ) from error

    def _of_block(self, block: bytes) -> Iterator[Record]:
        odd = b"\r" in block or b"\0" in block
        accepted = CONTENT_RECORD.fullmatch
        base = self._offset
        wanted = None if odd else self._recognise
        recognise = wanted if self.kind == "content" else None
        for line, start, raw in raw_records(block, self._line):
            if recognise is not None:
                recognised = recognise(raw)
                if recognised is not None:
                    self.records += 1
                    yield Record(raw, None, line, base + start, None, recognised)
                    continue
            text = unfolded(raw.replace(b"\r\n", b"\n") if odd else raw)
            if accepted(text) and self.kind != "changes" and not (odd and (b"\r" in text or b"\0" in text)):
                self.kind = "content"
                recognise = wanted
                self.records += 1
                yield Record(raw, text, line if raw[0] != _HASH else line + _leading_comments(raw), base + start)
            else:
                record = self._parsed(raw, line, base + start)
                if record is not None:
                    yield record
        self._line += block.count(b"\n")
        self._offset += len(block)

    def _parsed(self, raw: bytes, line: int, offset: int) -> Record | None:
        try:
            parsed = RecordParser(raw, line, file=self.name, allow_urls=self._allow_urls).parse()
            if parsed is None:
                return None
            kind: Kind = "content" if parsed.changetype is None else "changes"
            if self.kind not in (None, kind):
                raise ldif_error(
                    self.name, parsed.line,
                    f"a {'change' if kind == 'changes' else 'content'} record among {self.kind}; a file holds one kind",
                    "Put changes into a file of their own",
                )  # fmt: skip
        except LdifError as error:
            self._reject(Reject(error, line, raw))
            return None
        self.kind = kind
        self.records += 1
        return Record(raw, None, parsed.line, offset, parsed)

    def _reject(self, reject: Reject) -> None:
        if self._on_reject is None:
            raise reject.error
        self.rejected += 1
        self._on_reject(reject)

    def _refuse(self, foreign: Foreign | None, line: int) -> None:
        if foreign is not None:
            raise ldif_error(self.name, line, f"the file {foreign.reason}", foreign.instruction)

    def _topped(self, block: bytes) -> bytes:
        """The first block without byte order mark and version line, which it judges."""
        if self._offset == 0:
            self._refuse(packed(block), 1)
            if block.startswith(_BOM):
                block = block.removeprefix(_BOM)
                self._offset += len(_BOM)
        above = _NOTHING_YET.match(block)
        line = _LINE.match(block, above.end()) if above is not None else None
        if above is None or line is None or above.end() == len(block):
            return block
        self._at_top = False
        self._refuse(listing(block[above.end() :]), self._line + block.count(b"\n", 0, above.end()))
        text = line[0].replace(b"\r\n", b"\n").replace(b"\n ", b"").removesuffix(b"\r")
        if text[:8].lower() != b"version:":
            return block
        number = text[8:].lstrip(b" ")
        if number != b"1":
            raise ldif_error(
                self.name, self._line + block.count(b"\n", 0, line.start()),
                f"LDIF has version 1 only, this file says {number[:20].decode('ascii', 'replace')!r}",
                "Export as version 1",
            )  # fmt: skip
        self.version = 1
        stop = min(line.end() + 1, len(block))
        self._line += block.count(b"\n", 0, stop)
        self._offset += stop
        return block[stop:]


def _leading_comments(raw: bytes) -> int:
    """Lines before the ``dn`` of a record that begins with comments."""
    for number, line in enumerate(raw.split(b"\n")):
        if line[:1] not in (b"#", b" "):
            return number
    return 0


def read_again(raw: bytes, line: int, offset: int, *, file: str) -> Record:
    """A content record whose bytes were accepted before and kept, or found again in the file."""
    text = unfolded(raw.replace(b"\r\n", b"\n") if b"\r" in raw else raw)
    if CONTENT_RECORD.fullmatch(text):
        return Record(raw, text, line, offset)
    return Record(raw, None, line, offset, RecordParser(raw, line, file=file).parse())


def read_ldif(
    source: str | Path | BinaryIO,
    *,
    lenient: bool = False,
    on_reject: Callable[[Reject], None] | None = None,
    allow_urls: bool = False,
    most_record_bytes: int = MOST_RECORD_BYTES,
    block_bytes: int = BLOCK_BYTES,
    span: Span | None = None,
    recognise: Recognise | None = None,
) -> LdifReader:
    """Read an LDIF file, strictly, record by record.

    Args:
        source: A path, or a file open for reading bytes; it is closed at the end.
        lenient: Go on after a wrong record; its bytes and the reason go to ``on_reject``. What is no LDIF at all
            (compressed, a listing of OID's ldapsearch) is an error all the same.
        on_reject: Called with each refused record. Needs ``lenient``.
        allow_urls: Read values behind ``:<`` from local files; otherwise such a record is wrong.
        most_record_bytes: A record that is longer ends the reading, so that memory stays bounded.
        block_bytes: Read at once.
        span: Only this part of the file, which must be a path.
        recognise: Called with records before they are judged. What it gives says that the record is right content,
            as it must only be said of what the judgement would accept, and is kept with the record.

    Returns:
        An iterator over the records, which counts what it reads.

    Raises:
        NotFoundError: There is no such file.
        UsageError: It is a folder.
        ForbiddenError: It may not be read.
        UnavailableError: It cannot be opened.
    """
    refused = (on_reject or _forget) if lenient else None
    file, name = _opened(source, span)
    return LdifReader(
        file, name, on_reject=refused, allow_urls=allow_urls, most_record_bytes=most_record_bytes,
        block_bytes=block_bytes, first_line=span.line if span else 1, first_byte=span.start if span else 0,
        recognise=recognise,
    )  # fmt: skip


def _forget(_: Reject) -> None:
    """The reader counts them."""


def _opened(source: str | Path | BinaryIO, span: Span | None) -> tuple[Readable, str]:
    if not isinstance(source, (str, Path)):
        return source, str(getattr(source, "name", "(stream)"))
    file = open_file(source)
    return (file if span is None else opened_span(file, span)), str(source)


def open_file(path: str | Path) -> io.FileIO:
    """A file open for reading bytes, unbuffered.

    Raises:
        FlextError: See ``read_ldif``.
    """
    details = {"file": str(path)}
    try:
        return Path(path).open("rb", buffering=0)
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {path}", "Check the path", details) from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder", "Name a file", details) from None
    except PermissionError:
        raise ForbiddenError(f"{path} may not be read", "Check its permissions", details) from None
    except OSError as error:
        raise UnavailableError(f"{path} cannot be opened: {error.strerror}", "Check the path", details) from error
