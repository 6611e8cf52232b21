"""What a plugin complained of, out of its standard error."""

import json

from flext_pipelines.meltano.said import complaints


def test_error_records_come_before_warnings_at_exit() -> None:
    """Python's ResourceWarning is the last line and says nothing; the error record above it does."""
    record = {"level": "error", "message": "SourceUnreachableError: no such file. Check the path."}
    stderr = "\n".join(
        [json.dumps({"level": "info", "message": "starting"}), json.dumps(record), "sys:1: ResourceWarning: unclosed"]
    )

    assert complaints(stderr) == ["SourceUnreachableError: no such file. Check the path."]


def test_plain_lines_are_taken_where_there_are_no_records() -> None:
    """The last two, without Python's warnings."""
    stderr = "one\ntwo\n\nthree\nx.py:1: UserWarning: hm\nResourceWarning: Enable tracemalloc to get the traceback\n"

    assert complaints(stderr) == ["two", "three"]


def test_nothing_said_is_nothing() -> None:
    """No line is invented."""
    assert complaints("\n \n") == []
