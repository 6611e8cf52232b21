"""``docs/oracle.md`` says of codes what the tables say."""

from __future__ import annotations

import re
from pathlib import Path

from flext_pipelines import errors
from flext_pipelines.errors import TransientError
from flext_pipelines.wms.oracle.failures import verdict_of

PAGE = Path(__file__).resolve().parents[3] / "docs" / "oracle.md"
ROW = re.compile(r"^\| `(\w+Error)` \| (yes|no)[^|]*\| (.*) \|$", re.MULTILINE)


def test_the_page_names_the_error_of_each_code() -> None:
    """Every code in the table of errors becomes the error of its row, and may be tried again if the row says so."""
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))

    assert len(rows) == 10
    for name, again, codes in rows:
        kind = getattr(errors, name)
        found = re.findall(r"`((?:ORA|DPY)-\d+)`", codes)
        assert found, name
        for code in found:
            assert verdict_of(code).type is kind, code
            assert issubclass(kind, TransientError) is (again == "yes"), name
