"""Errors of python-oracledb and SQLAlchemy become ours here, by the first code that says something.

An exception often carries several codes, one a line: ``DPY-6005: cannot connect ...`` above ``DPY-6001: Service ... is
not registered``, ``ORA-00604: error at recursive SQL level 1`` above ``ORA-01653: unable to extend``. Wrappers like
the first of each pair are passed over as long as something else stands below them.

What belongs here: finding the code, masking secrets, wording. What does not: the tables (``*_codes``) and retries
(``wms/operations``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, quote_plus

from flext_pipelines.errors import FlextError
from flext_pipelines.wms.oracle.database_codes import DATABASE_CODES
from flext_pipelines.wms.oracle.driver_codes import driver_verdict
from flext_pipelines.wms.oracle.network_codes import NETWORK_CODES, REFUSALS
from flext_pipelines.wms.oracle.verdict import Verdict, away, conflict, cut, full, ours, record, setup, slow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ORACLE_CODES = {**DATABASE_CODES, **NETWORK_CODES}
"""Every ORA- code that has a verdict of its own."""

_SAME = "Look the code up at docs.oracle.com/error-help/db, and ask the database's administrator"
_LATER = "Try again later; if it stays so, ask the database's administrator"
RANGES: tuple[tuple[range, Verdict], ...] = (
    (range(900, 1000), ours("Oracle does not take a statement")),
    (range(1050, 1160), away("the database is not in order", _LATER)),
    (range(1500, 1630), setup("the database's storage is not set up as it must be", _SAME)),
    (range(1630, 1700), full("a tablespace is full", _SAME)),
    (range(1800, 1900), record("a date or time is no valid one", "Write the date as ISO 8601")),
    (range(2390, 2400), away("a limit of the user's profile is reached", _SAME)),
    (range(3100, 3150), cut("the connection was lost", "Look up what the command did before it is sent again")),
    (range(4000, 4100), away("an object or the memory of the database is not in order", _LATER)),
    (range(6500, 6600), ours("PL/SQL fails")),
    (range(12150, 12700), away("the way to the database is not in order", _SAME)),
    (range(19500, 20000), away("the database's files are not in order", _LATER)),
    (range(20000, 21000), conflict("the database's own rule refuses", "Read what it says: the rule is the site's")),
    (range(25400, 25430), cut("the session moved to another instance", "Look up what the command did")),
    (range(27000, 27200), away("the database's files or processes are not in order", _LATER)),
    (range(28000, 28060), setup("the account is not in order", _SAME)),
    (range(28500, 28600), away("a link to another database fails", _LATER)),
    (range(28750, 29200), setup("TLS or the wallet is not in order", _SAME)),
)
"""For the thousands of codes without a verdict of their own."""

_UNKNOWN = setup("Oracle refuses with a code that we do not know", _SAME)
_NO_CODE = away("the database cannot be reached", "Check host, port and service name in FLEXT_WMS_URL")

_WRAPPERS = frozenset(
    {("ORA", number) for number in (604, 2063, 2068, 4088, 6510, 6512, 6550, 12801, 24381)}
    | {("DPY", number) for number in (4011, 6000, 6005)}
)
"""Codes that only say that something else, named on another line, failed."""

_CONNECTING = ("DPY", 6005)
_CUT_WHILE_CONNECTING = away(
    "what listens there ended the connection before we were logged in",
    "Check that the port of FLEXT_WMS_URL is a listener's, with protocol=tcps where it speaks TLS; nothing was done",
)
_RESET = 12547

_CODE = re.compile(r"(?:^|\n)\s*(ORA|DPY|DPI|TNS)-(\d{4,5})\b|Similar to (ORA)-(\d{5})")
_SOCKET: tuple[tuple[re.Pattern[str], int], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), code)
    for pattern, code in (
        (r"hostname mismatch|doesn't match|IP address mismatch", 29003),
        (r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|self.signed certificate", 29024),
        (r"WRONG_VERSION_NUMBER|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS|alert protocol version", 28859),
        (r"UNEXPECTED_EOF_WHILE_READING|EOF occurred in violation", 28864),
        (r"\bSSL\b|\bTLS\b|\bX509\b|bad decrypt|PEM lib", 28860),
        (r"Connection refused|Errno 111", 12541),
        (
            r"Name or service not known|nodename nor servname|No address associated|name resolution|Errno -[235]\b",
            12545,
        ),
        (r"No route to host|unreachable|Errno 11[03]\b(?!.*timed)|Errno 101", 12543),
        (r"timed out|time-out|Errno 110", 12170),
        (r"Broken pipe|reset by peer|Errno (?:32|104)", 12547),
    )
)
"""What the operating system and OpenSSL say, as the code that an Oracle client gives for it."""

_SAID_MOST = 300


class Finding(NamedTuple):
    """What an exception says.

    Attributes:
        code: ``ORA-12514``, ``DPY-4011``; empty when it names none.
        verdict: What that means.
        connecting: There was no session yet: nothing can have been done.
    """

    code: str
    verdict: Verdict
    connecting: bool = False


def finding(error: BaseException) -> Finding:
    """The code of an exception of python-oracledb, SQLAlchemy or the operating system, and its verdict."""
    text = _text(error)
    codes = list(_codes(error, text))
    found = _found(error, text, codes)
    if _CONNECTING not in codes and not any(kind == "ORA" and number in REFUSALS for kind, number in codes):
        return found
    return Finding(found.code, _CUT_WHILE_CONNECTING if found.verdict.lost else found.verdict, connecting=True)


def _found(error: BaseException, text: str, codes: list[tuple[str, int]]) -> Finding:
    telling = [code for code in codes if code not in _WRAPPERS]
    if telling:
        return _named(*telling[0])
    for pattern, number in _SOCKET:
        if pattern.search(text) and not (number == _RESET and ("DPY", 4011) in codes):
            return _named("ORA", number)
    return _named(*codes[-1]) if codes else Finding("", _of_class(error))


def verdict_of(code: str) -> Verdict:
    """What a code means: ``ORA-00001``, ``ora-1``, ``DPY-6005``.

    Raises:
        ValueError: It is not written as a code.
    """
    kind, _, number = code.upper().partition("-")
    if kind not in {"ORA", "TNS", "DPY", "DPI"} or not number.isdigit():
        message = f"{code!r} is no code of Oracle; write ORA-00001 or DPY-6005"
        raise ValueError(message)
    return _named(kind, int(number)).verdict


def translate(error: BaseException, place: str, secrets: Iterable[str] = ()) -> FlextError:
    """An error of ours for one of Oracle's.

    Args:
        error: Of python-oracledb, of SQLAlchemy around one, or of the operating system while connecting.
        place: The database's URL without its password.
        secrets: Texts that must not appear: the passwords of the user and of the wallet.

    Returns:
        The error; ``details`` carry the ``code`` and the ``database``. Statements and their values are left out:
        they may hold what nobody should read in a log.
    """
    if isinstance(error, FlextError):
        return error
    found = finding(error)
    code, verdict = found.code, found.verdict
    said = without(_said(_text(error)) or type(error).__name__, secrets)
    named = "" if not code or code in said else f"{code}: "
    return verdict.type(
        f"Oracle ({place}): {verdict.reason} ({named}{said})",
        verdict.instruction,
        {
            "database": place,
            "code": code or None,
            "type": type(_original(error)).__name__,
            "session_lost": verdict.lost,
        },
    )


def _named(kind: str, number: int) -> Finding:
    if kind in {"DPY", "DPI"}:
        return Finding(f"{kind}-{number:04}", driver_verdict(number) if kind == "DPY" else _of_thick(number))
    return Finding(f"ORA-{number:05}", ORACLE_CODES.get(number) or _of_range(number))


def _of_range(number: int) -> Verdict:
    return next((verdict for numbers, verdict in RANGES if number in numbers), _UNKNOWN)


def _of_thick(number: int) -> Verdict:
    """Thick mode: a missing client library, a time-out, or a lost session."""
    known = {1047: setup("no Oracle client library was found", "Use thin mode, or install the Instant Client")}
    known[1067] = slow("the statement took longer than it was given", "Raise FLEXT_WMS_CALL_TIMEOUT_SECONDS")
    known[1010] = known[1080] = driver_verdict(4011)
    return known.get(number, ours("Oracle's client library fails"))


def _of_class(error: BaseException) -> Verdict:
    """For an exception without a code: SQLAlchemy's own, or the operating system's."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if "TimeoutError" in names:
        return slow("no connection became free, or none was made, in time", "Raise FLEXT_WMS_POOL_SIZE, or try later")
    if names & {"ArgumentError", "NoSuchModuleError", "UnicodeError"}:
        return setup("the database cannot be used as it is named", "Correct FLEXT_WMS_URL")
    if names & {"OSError", "DisconnectionError", "OperationalError", "InterfaceError"}:
        return _NO_CODE
    return ours("an exception without a code of Oracle")


def _original(error: BaseException) -> BaseException:
    """The driver's exception inside SQLAlchemy's."""
    original = getattr(error, "orig", None)
    return original if isinstance(original, BaseException) else error


def _text(error: BaseException) -> str:
    """What the driver says; of a SQLAlchemy error only that, never its statement and parameters."""
    original = _original(error)
    if original is error and hasattr(error, "statement"):
        return str(error.args[0]) if error.args else ""
    return str(original)


def _codes(error: BaseException, text: str) -> Iterator[tuple[str, int]]:
    """Every code in the order of the lines; python-oracledb's own number last, for texts in another language."""
    for match in _CODE.finditer(text):
        kind, number = (match[1], match[2]) if match[1] else (match[3], match[4])
        yield ("ORA" if kind == "TNS" else kind, int(number))
    inner = next(iter(_original(error).args), None)
    number = getattr(inner, "code", 0)
    if isinstance(number, int) and number:
        yield ("ORA", number)


def _said(text: str) -> str:
    """The lines that say something, as one."""
    kept = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("Help: ")]
    said = " / ".join(kept)
    return re.sub(r" \(CONNECTION_ID=[^)]*\)", "", said)[:_SAID_MOST]


def without(text: str, secrets: Iterable[str]) -> str:
    """A text with every secret masked, however it is spelled."""
    for secret in secrets:
        for spelling in (secret, quote(secret, safe=""), quote(secret, safe=" "), quote(secret), quote_plus(secret)):
            if spelling:
                text = text.replace(spelling, "***")
    return text
