"""Facts about the error tree."""

from __future__ import annotations

import inspect
import re

import pytest

from flext_pipelines import errors
from flext_pipelines.errors import FlextError, PermanentError, RecordError, TransientError

CLASSES = [found for found in vars(errors).values() if inspect.isclass(found) and issubclass(found, FlextError)]


def drawn() -> dict[str, str | None]:
    """Each class of the drawing with the one it hangs on."""
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^    ([│├└─ ]*)(\w+Error)\b", line)
        if match:
            depth = len(match.group(1)) // 4
            path[depth:] = [match.group(2)]
            assert match.group(2) not in parents, f"{match.group(2)} is drawn twice"
            parents[match.group(2)] = path[depth - 1] if depth else None
    return parents


def test_the_drawing_is_the_tree() -> None:
    """The drawing at the top of ``errors.py`` shows every class, each under its base."""
    assert drawn() == {
        found.__name__: None if found is FlextError else found.__bases__[0].__name__ for found in CLASSES
    }


def test_the_drawing_is_in_order() -> None:
    """Below each class the drawing is alphabetical, so that a reader finds a name."""
    parents = drawn()
    for parent in set(parents.values()) - {None, "FlextError"}:
        children = [name for name, above in parents.items() if above == parent]
        assert children == sorted(children)


@pytest.mark.parametrize("found", CLASSES, ids=lambda found: found.__name__)
def test_every_class_says_what_it_is(found: type[FlextError]) -> None:
    """Each class has a docstring of its own, a name that ends in Error, a stable code, one of the three verdicts."""
    assert (found.__dict__.get("__doc__") or "").strip()
    assert found.__name__.endswith("Error")
    assert found.error_code() == found("x").code
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", found.error_code())
    if found is not FlextError:
        assert sum(issubclass(found, base) for base in (PermanentError, TransientError, RecordError)) == 1
        assert found.retryable is issubclass(found, TransientError)


def test_codes_are_unique() -> None:
    """No two classes have one code."""
    assert len({found.error_code() for found in CLASSES}) == len(CLASSES)


def test_an_error_reads_as_a_sentence() -> None:
    """Text is the reason, then the instruction; details are a copy."""
    details = {"file": "x"}
    error = errors.NotFoundError("No file x", "Make it", details)
    details["file"] = "y"

    assert str(error) == "No file x. Make it"
    assert str(errors.NotFoundError("No file x")) == "No file x"
    assert error.details == {"file": "x"}
