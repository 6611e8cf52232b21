"""Bytes become lines of bounded length, whatever comes."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.meltano.lines import LineReader, LineSplitter, Tail, clip


def split(chunks: list[bytes], longest: int = 1000) -> list[str]:
    """The lines of a stream that comes in chunks."""
    splitter = LineSplitter(longest)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    return [*lines, *splitter.rest()]


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_lines_do_not_depend_on_how_the_bytes_arrive(chunks: list[bytes]) -> None:
    """Cutting the stream anywhere gives the same lines."""
    assert split(chunks) == split([b"".join(chunks)])


@given(st.lists(st.text(alphabet="abcé\t ", max_size=20)))
def test_ordinary_lines_come_through_unchanged(lines: list[str]) -> None:
    """UTF-8, with the last line end or without."""
    data = "\n".join(lines).encode()

    assert split([data + b"\n"] if lines else []) == lines


def test_a_line_longer_than_the_limit_keeps_its_beginning_and_says_what_is_missing() -> None:
    """The rest is counted, never held."""
    assert split([b"x" * 7, b"y" * 10, b"\nnext\n"], longest=10) == [
        "xxxxxxxyyy ... (7 more bytes of this line left out)",
        "next",
    ]


def test_a_windows_line_end_and_bytes_that_are_no_text_are_harmless() -> None:
    """They become a line without a carriage return, and replacement characters."""
    assert split([b"one\r\ntwo\xff\n"]) == ["one", "two\ufffd"]


@given(st.text(max_size=200), st.integers(min_value=12, max_value=80))
def test_a_clipped_text_is_no_longer_than_asked_and_keeps_both_ends(text: str, width: int) -> None:
    """The middle goes."""
    clipped = clip(text, width)

    assert len(clipped) <= width
    assert text.startswith(clipped.split(" ... ")[0]) or clipped == text


def test_the_tail_holds_the_last_lines_only() -> None:
    """Oldest first, each clipped."""
    tail = Tail(lines=2, width=20)

    for line in ("one", "two", "x" * 50):
        tail.add(line)

    assert tail.lines() == ("two", clip("x" * 50, 20))


def test_a_reader_reads_to_the_end_and_says_so() -> None:
    """Every line, then the end, then a closed pipe."""
    read, write = os.pipe()
    lines: list[str] = []
    ended: list[bool] = []
    reader = LineReader(read, lines.append, lambda: ended.append(True), "reader")
    reader.start()

    os.write(write, b"one\ntwo")
    os.close(write)
    reader.join(5)

    assert (lines, ended, reader.finished) == (["one", "two"], [True], True)
