"""Facts about LDAP result codes: each is known, only those that may pass are tried again, each says what to do."""

from __future__ import annotations

import inspect

import ldap
import pytest

from flext_pipelines.errors import DirectoryRefusedError, ForbiddenError, PermanentError, TransientError
from flext_pipelines.oud.directory.result_codes import TABLE, Answer, code_of, record_error, work_error

OF_THE_LIBRARY = sorted({
    number for _, found in inspect.getmembers(ldap)
    if inspect.isclass(found) and issubclass(found, ldap.LDAPError)
    and (number := getattr(found, "errnum", None)) is not None
})  # fmt: skip
RFC_4511 = [*range(9), *range(10, 15), *range(16, 22), *range(32, 37), *range(48, 55), *range(64, 70), 71, 80]
MAY_PASS = {3, 11, 51, 52, 113, 118, -1, -5, -11, -18}


@pytest.mark.parametrize("number", sorted({*OF_THE_LIBRARY, *RFC_4511}))
def test_every_code_is_known(number: int) -> None:
    """Those of RFC 4511 and each that python-ldap can raise stand in the table."""
    assert number in TABLE


def test_only_what_may_pass_is_tried_again() -> None:
    """Busy, unavailable, limits of time and administration, and a connection that is lost; nothing else."""
    assert {number for number, row in TABLE.items() if row.verdict == "transient"} == MAY_PASS


@pytest.mark.parametrize("number", sorted(TABLE))
def test_a_code_becomes_an_error_of_its_verdict(number: int) -> None:
    """A transient code is a transient error, every other a permanent one; both say what to do and carry the code."""
    row = TABLE[number]
    if row.verdict == "done":
        return

    error = work_error(Answer(1, number, "words"), "ldap://h", "does not take it")

    assert isinstance(error, TransientError if row.verdict == "transient" else PermanentError)
    assert error.details["result"] == number
    assert error.instruction or number == -8
    assert "ldap://h" in error.reason
    assert record_error(Answer(1, number), "cn=a", "Addition").details["result"] == number


def test_a_code_that_no_standard_knows_is_permanent() -> None:
    """It is not tried again, and its number is told."""
    error = work_error(Answer(1, 4711, "odd"), "ldap://h", "does not take it")

    assert not error.retryable
    assert "4711" in error.reason
    assert code_of(4711).verdict == "work"


@pytest.mark.parametrize(
    ("number", "said", "advice"),
    [
        (53, "Pre-encoded passwords are not allowed for the password attribute userPassword", "allow-pre-encoded"),
        (19, "invalid password syntax - passwords with storage scheme are not allowed", "nsslapd-allow-hashed"),
        (53, "database is read-only", "writable"),
        (53, "operation restricted", "writable"),
    ],
)
def test_what_the_server_says_changes_the_advice(number: int, said: str, advice: str) -> None:
    """Policies against hashed passwords and read-only servers are known by their words, and are about the server."""
    answer = Answer(1, number, said)

    assert answer.verdict == "target"
    assert advice in record_error(answer, "cn=a", "Addition").instruction


def test_a_connection_that_fails_of_a_certificate_is_permanent() -> None:
    """Trying again cannot help, though the code is the one of a server that is down."""
    error = work_error(Answer(-1, -11, "TLS: hostname does not match CN in peer certificate"), "ldaps://h", "x")

    assert isinstance(error, DirectoryRefusedError)
    assert "--ca-file" in error.instruction


def test_a_wrong_password_is_no_matter_of_patience() -> None:
    """It is refused at once."""
    assert isinstance(work_error(Answer(1, 49), "ldap://h", "cannot be bound"), ForbiddenError)
