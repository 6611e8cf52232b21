"""Every code of Oracle and of its driver becomes one of our errors, and no verdict contradicts the driver's own."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from oracledb import errors as driver

from flext_pipelines.errors import (
    ConfigError,
    ConflictError,
    FlextError,
    ForbiddenError,
    InternalError,
    NotFoundError,
    PermanentError,
    RecordError,
    StorageFullError,
    TimedOutError,
    TransientError,
    UnavailableError,
)
from flext_pipelines.wms.oracle.driver_codes import driver_verdict, is_named
from flext_pipelines.wms.oracle.failures import ORACLE_CODES, RANGES, verdict_of

PROMISED: MappingProxyType[str, type[FlextError]] = MappingProxyType(
    {
        "ORA-00001": ConflictError,
        "ORA-00018": UnavailableError,
        "ORA-00020": UnavailableError,
        "ORA-00028": UnavailableError,
        "ORA-00054": UnavailableError,
        "ORA-00060": UnavailableError,
        "ORA-00257": StorageFullError,
        "ORA-00600": UnavailableError,
        "ORA-00904": ConfigError,
        "ORA-00942": ConfigError,
        "ORA-00936": InternalError,
        "ORA-01013": TimedOutError,
        "ORA-01017": ConfigError,
        "ORA-01031": ForbiddenError,
        "ORA-01033": UnavailableError,
        "ORA-01034": UnavailableError,
        "ORA-01045": ForbiddenError,
        "ORA-01089": UnavailableError,
        "ORA-01400": RecordError,
        "ORA-01403": NotFoundError,
        "ORA-01438": RecordError,
        "ORA-01536": StorageFullError,
        "ORA-01555": UnavailableError,
        "ORA-01652": StorageFullError,
        "ORA-01653": StorageFullError,
        "ORA-01654": StorageFullError,
        "ORA-01691": StorageFullError,
        "ORA-01722": RecordError,
        "ORA-01830": RecordError,
        "ORA-01843": RecordError,
        "ORA-01861": RecordError,
        "ORA-02049": UnavailableError,
        "ORA-02290": ConflictError,
        "ORA-02291": ConflictError,
        "ORA-02292": ConflictError,
        "ORA-03113": UnavailableError,
        "ORA-03114": UnavailableError,
        "ORA-03135": UnavailableError,
        "ORA-04021": UnavailableError,
        "ORA-04031": UnavailableError,
        "ORA-04068": UnavailableError,
        "ORA-08177": UnavailableError,
        "ORA-12154": ConfigError,
        "ORA-12170": TimedOutError,
        "ORA-12505": UnavailableError,
        "ORA-12514": UnavailableError,
        "ORA-12516": UnavailableError,
        "ORA-12518": UnavailableError,
        "ORA-12519": UnavailableError,
        "ORA-12520": UnavailableError,
        "ORA-12528": UnavailableError,
        "ORA-12537": UnavailableError,
        "ORA-12541": UnavailableError,
        "ORA-12543": UnavailableError,
        "ORA-12545": ConfigError,
        "ORA-12547": UnavailableError,
        "ORA-12560": UnavailableError,
        "ORA-12650": ConfigError,
        "ORA-12899": RecordError,
        "ORA-20001": ConflictError,
        "ORA-25408": UnavailableError,
        "ORA-28000": ConfigError,
        "ORA-28001": ConfigError,
        "ORA-28002": ConfigError,
        "ORA-28040": ConfigError,
        "ORA-29024": ConfigError,
        "ORA-30006": TimedOutError,
        "ORA-30036": StorageFullError,
        "DPY-1001": UnavailableError,
        "DPY-3010": ConfigError,
        "DPY-4000": ConfigError,
        "DPY-4005": UnavailableError,
        "DPY-4011": UnavailableError,
        "DPY-4024": TimedOutError,
        "DPY-6000": UnavailableError,
        "DPY-6001": UnavailableError,
        "DPY-6003": UnavailableError,
        "DPY-6005": UnavailableError,
        "DPY-6006": ConfigError,
        "DPY-8000": RecordError,
        "DPI-1047": ConfigError,
        "DPI-1067": TimedOutError,
        "DPI-1080": UnavailableError,
    }
)
"""The table that the issue asks for, spelled out."""


@pytest.mark.parametrize("code", PROMISED)
def test_a_code_becomes_the_error_of_the_table(code: str) -> None:
    """The codes that matter become exactly these errors, each with a reason and advice."""
    verdict = verdict_of(code)

    assert verdict.type is PROMISED[code]
    assert verdict.reason
    assert verdict.instruction


DRIVER_NUMBERS = sorted(
    value
    for name, value in vars(driver).items()
    if name.startswith(("ERR_", "WRN_")) and isinstance(value, int) and not isinstance(value, bool)
)


def test_every_code_of_the_driver_has_a_verdict() -> None:
    """Each number that the installed python-oracledb can raise is answered, by name or by its class."""
    assert len(DRIVER_NUMBERS) > 150
    for number in DRIVER_NUMBERS:
        verdict = driver_verdict(number)
        assert issubclass(verdict.type, FlextError), number
        assert is_named(number) or verdict.type is InternalError, (
            f"DPY-{number} of the installed python-oracledb is in no table; {driver.ERR_MESSAGE_FORMATS[number]!r}: "
            "say in driver_codes what it means"
        )


def test_only_faults_of_ours_go_unnamed() -> None:
    """A code of connecting (DPY-6xxx) or of data (DPY-8xxx) is always named."""
    assert [number for number in DRIVER_NUMBERS if number // 1000 in {6, 7, 8} and not is_named(number)] == []


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param(driver.ERR_INTEGRITY_ERROR_CODES, id="integrity"),
        pytest.param(driver.ERR_OPERATIONAL_ERROR_CODES, id="operational"),
        pytest.param(driver.ERR_RECOVERABLE_ERROR_CODES, id="recoverable"),
    ],
)
def test_every_code_that_the_driver_knows_is_known(numbers: list[int]) -> None:
    """No ORA- code that python-oracledb treats in a way of its own falls to a guess here."""
    for number in numbers:
        assert number in ORACLE_CODES or any(number in span for span, _ in RANGES) or _is_the_drivers(number), number


def _is_the_drivers(number: int) -> bool:
    """The driver replaces it by a DPY- code, by which it is judged."""
    return number in driver.ERR_ORACLE_ERROR_XREF


def test_integrity_errors_are_never_tried_again() -> None:
    """What python-oracledb calls an integrity error is permanent, or about one record."""
    for number in driver.ERR_INTEGRITY_ERROR_CODES:
        assert issubclass(ORACLE_CODES[number].type, (PermanentError, RecordError)), number


def test_recoverable_errors_are_tried_again() -> None:
    """What python-oracledb calls recoverable is transient here."""
    for number in driver.ERR_RECOVERABLE_ERROR_CODES:
        assert issubclass(ORACLE_CODES[number].type, TransientError), number


def test_a_code_that_closes_the_connection_loses_the_session() -> None:
    """Each ORA- code for which python-oracledb gives the connection up says that the outcome must be looked up."""
    closing = [n for n, other in driver.ERR_ORACLE_ERROR_XREF.items() if other == driver.ERR_CONNECTION_CLOSED]

    assert len(closing) > 20
    for number in closing:
        assert ORACLE_CODES[number].lost, number


def test_a_lost_session_is_transient_and_never_sent_again_blindly() -> None:
    """Whatever loses the session may pass, but is not among what may be sent again at once."""
    for number, verdict in ORACLE_CODES.items():
        if verdict.lost:
            assert issubclass(verdict.type, TransientError), number
            assert not verdict.again, number


def test_what_may_be_sent_again_at_once_is_transient() -> None:
    """Locks, deadlocks and snapshots: undone and sent again, they succeed."""
    again = {number for number, verdict in ORACLE_CODES.items() if verdict.again}

    assert {54, 60, 1555, 4068, 8177} <= again
    assert all(issubclass(ORACLE_CODES[number].type, TransientError) for number in again)


def test_reasons_and_advice_are_sentences_of_ours() -> None:
    """A reason stands inside a sentence, advice is one: neither ends in a full stop."""
    for number, verdict in ORACLE_CODES.items():
        assert not verdict.reason.endswith("."), number
        assert verdict.instruction[:1].isupper(), number
        assert not verdict.instruction.endswith("."), number


@pytest.mark.parametrize("number", [991, 1099, 12571, 12698, 20123, 25420, 28050, 28999, 54321])
def test_a_code_of_no_table_is_judged_by_its_range(number: int) -> None:
    """One of the thousands of other codes still becomes an error of ours with advice."""
    verdict = verdict_of(f"ORA-{number:05}")

    assert issubclass(verdict.type, (PermanentError, TransientError))
    assert verdict.instruction


@pytest.mark.parametrize("text", ["", "ORA", "ORA-", "ORA-x", "12514", "SQL-1"])
def test_what_is_no_code_is_refused(text: str) -> None:
    """A typing error in a code does not become a verdict."""
    with pytest.raises(ValueError, match="no code of Oracle"):
        verdict_of(text)
