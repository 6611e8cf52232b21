"""Facts about the one result type."""

from __future__ import annotations

import json

import pytest

from flext_pipelines.commands.result import FlextResult, error_as_json
from flext_pipelines.errors import NotFoundError, UnavailableError


def test_a_value_is_given_back() -> None:
    """A result with a value is ok and unwraps to it."""
    result = FlextResult[int](5, correlation_id="c")

    assert result.ok
    assert (result.unwrap(), result.correlation_id, repr(result)) == (5, "c", "FlextResult(ok: 5)")


@pytest.mark.parametrize("value", [None, 0, "", (), False])
def test_an_empty_value_is_a_value(value: object) -> None:
    """What is false is no error."""
    result = FlextResult[object](value)

    assert result.ok
    assert result.unwrap() == value


def test_an_error_is_raised_as_it_was() -> None:
    """A result with an error unwraps by raising that very error."""
    error = NotFoundError("No pipeline x", "List them")
    result = FlextResult[int](None, error)

    assert not result.ok
    with pytest.raises(NotFoundError) as caught:
        result.unwrap()
    assert caught.value is error
    assert repr(result) == "FlextResult(not_found: No pipeline x)"


def test_an_error_is_told_to_programs() -> None:
    """JSON of an error has code, reason, instruction, details and whether trying again may help."""
    error = UnavailableError("No answer", "Wait", {"host": "h"})

    assert json.loads(json.dumps(error_as_json(error))) == {
        "code": "unavailable",
        "reason": "No answer",
        "instruction": "Wait",
        "details": {"host": "h"},
        "retryable": True,
    }
