"""The DPY- codes of python-oracledb, each with what it means and what to do.

Numbers and meaning come from ``oracledb.errors`` of the installed version; a test walks through all of them, so a new
version with a code that falls to no class here is found. Thick mode's DPI- codes reach us only as text.

What belongs here: the table. What does not: finding a code in an exception (``failures``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.wms.oracle.verdict import away, conflict, cut, forbidden, ours, record, setup, slow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flext_pipelines.wms.oracle.verdict import Verdict

_URL = "Correct FLEXT_WMS_URL: oracle+oracledb://user:password@host:port/?service_name=name"
_DSN = "Correct the connect descriptor or alias in FLEXT_WMS_URL, or tnsnames.ora"
_LOST = "What was not committed is undone; look up what the command did before it is sent again"
_TLS = "Check FLEXT_WMS_WALLET_LOCATION, and that the certificate is the one of the host in FLEXT_WMS_URL"
_TOKEN = "Give a valid access token, over tcps"  # noqa: S105  advice
_THICK = "Use Oracle Database 12.1 or later and a user with a current password verifier; thin mode knows no older ones"
_LISTENER = "Check host and port in FLEXT_WMS_URL, and on the server that the listener runs (lsnrctl status)"
_SERVICE = (
    "Compare the service name in FLEXT_WMS_URL with `lsnrctl services`; "
    "a database that has just been started registers within a minute"
)
_VALUE = "Correct the value, or widen the column"

_DRIVER: Mapping[int, Verdict] = {
    1001: cut("the session is not connected", _LOST),
    1002: away("the connection pool is closed", "Begin the program anew"),
    1005: away("connections of the pool are still at work", "Wait for them to end"),
    2018: setup("the wallet has no file that we can read", "Put ewallet.pem into FLEXT_WMS_WALLET_LOCATION"),
    2020: setup("the connect data hold characters that they may not", _DSN),
    2023: setup("the class of connections is not valid", _URL),
    2025: setup("the parameters of the connection are not valid", _URL),
    2029: setup("an HTTPS proxy needs tcps", "Use tcps://"),
    2031: setup("the access token is not valid", _TOKEN),
    2032: setup("the access token is not valid", _TOKEN),
    2033: setup("the access token has expired", _TOKEN),
    2034: setup("an access token needs tcps", _TOKEN),
    2041: ours("a statement has a quote that does not end"),
    2042: ours("a statement has a double quote that does not end"),
    2043: record("a value is longer than its attribute", _VALUE),
    2044: record("a value is longer than its element", _VALUE),
    2049: setup("the connect descriptor names no address", _DSN),
    2056: setup("the configuration store of the URL fails", _DSN),
    2057: setup("the password of the configuration store cannot be read", _DSN),
    2058: setup("the configuration store holds a password in the clear", _DSN),
    2059: setup("the configuration store holds no connect descriptor", _DSN),
    2061: setup("a hook for connection parameters fails", _DSN),
    2064: setup("the pool's greatest size is below its smallest", "Raise FLEXT_WMS_POOL_SIZE"),
    2072: setup("the end user's context is too long", _URL),
    2073: setup("an end user's context needs tcps", "Use tcps://"),
    3000: record("a time without a date cannot be kept in Oracle", "Give a date, or keep it as text"),
    3002: record("a value of this type cannot be kept in Oracle", _VALUE),
    3010: setup("the database is too old for thin mode", _THICK),
    3012: setup("the national character set is not AL16UTF16", _THICK),
    3015: setup("the user's password verifier is too old for thin mode", _THICK),
    3016: setup("the package cryptography is missing", "Install the requirements of flext-pipelines anew"),
    3029: setup("a name of program, machine or user holds characters that it may not", _URL),
    3040: setup("the database's character set is not supported in thin mode", _THICK),
    4000: setup("the alias in the URL is not in tnsnames.ora", _DSN),
    4001: setup("no user or no password was given", _URL),
    4003: record("a number cannot be kept in Oracle", _VALUE),
    4004: record("a number is none", _VALUE),
    4005: away("no connection became free in time", "Raise FLEXT_WMS_POOL_SIZE, or send fewer commands at once"),
    4011: cut("the connection ended", _LOST),
    4012: record("a number's exponent is none", _VALUE),
    4013: record("a number is empty", _VALUE),
    4014: record("a number is too long", _VALUE),
    4015: record("a number's exponent is empty", _VALUE),
    4016: record("a number goes on with what is none", _VALUE),
    4017: setup("the connect descriptor cannot be read", _DSN),
    4018: setup("the connect string cannot be read", _DSN),
    4019: away("the listener sends us on to an address that cannot be read", _LISTENER),
    4021: setup("the protocol is neither tcp nor tcps", _DSN),
    4022: setup("a parameter of the connection has a value that it may not", _DSN),
    4024: slow("the statement took longer than it was given", "Raise FLEXT_WMS_CALL_TIMEOUT_SECONDS, or try again"),
    4026: setup("tnsnames.ora is missing or cannot be read", "Put it into the folder that TNS_ADMIN names"),
    4027: setup("the URL holds an alias, and no tnsnames.ora is known", "Set TNS_ADMIN, or write host/service"),
    4028: setup("the kind of server is not valid", _DSN),
    4030: setup("tnsnames.ora includes itself", "Remove the circle of IFILE lines"),
    4031: record("a vector has no dimensions", _VALUE),
    4032: setup("the TLS version is not valid", _DSN),
    4033: cut("the session was idle too long", _LOST),
    4034: setup("the kind of password is not valid", _DSN),
    4035: away("what answers is no Oracle listener, or not in order", _LISTENER),
    4036: record("a number does not fit an integer", _VALUE),
    4037: record("a number does not fit a double", _VALUE),
    4038: record("an integer does not fit its column", _VALUE),
    4039: record("a number does not fit a float", _VALUE),
    4040: record("bytes are not of their fixed length", _VALUE),
    4041: record("a row is too long for a direct load", _VALUE),
    4042: record("a number does not fit a decimal", _VALUE),
    5005: away("the listener refuses, and does not say why in a way we know", _LISTENER),
    5006: cut("the answer ended in its middle", _LOST),
    5016: setup("the server demands native network encryption", "Connect by tcps: thin mode has no native encryption"),
    6000: away("the listener refuses the connection", _LISTENER),
    6001: away("the listener does not know the service", _SERVICE),
    6002: setup("the certificate's name is not the expected one", _TLS),
    6003: away("the listener does not know the SID", _SERVICE),
    6004: away("the network's proxy refuses", "Check https_proxy in FLEXT_WMS_URL, and the proxy's log"),
    6005: away("the database cannot be reached", _LISTENER),
    6006: setup("the certificate is of another host", _TLS),
    6007: away("a subscription could not be made", "Try again later"),
    6008: setup("the server could not prove who it is", _TLS),
    6009: setup("the server refuses TLS at this port", "Use the port of tcps, or tcp"),
    7000: setup("a procedure was made with errors", "Ask the database's administrator: SHOW ERRORS"),
    8000: record("a text is longer than its column", _VALUE),
    8001: record("a column that must have a value got none", "Give the value; Oracle takes an empty text as none"),
    8002: record("a column of Arrow data is too long", "Load fewer rows at once"),
    4006: ours("row counts of an array were not asked for"),
    4029: conflict("more than 65,535 rows of one load were refused", "Correct the data before they are loaded again"),
    3041: forbidden("the database does not know this kind of end user", _URL),
}  # fmt: skip

_CLASSES: Mapping[int, Verdict] = {
    1: ours("a connection or cursor was used in a state that does not allow it"),
    2: ours("the driver was called wrongly"),
    3: ours("the driver does not support what it was asked for"),
    4: ours("the driver does not take a statement or a value"),
    5: ours("the driver met something it did not expect"),
    6: away("the database cannot be reached", _LISTENER),
    7: ours("the driver warns"),
    8: record("a value does not fit its column", _VALUE),
}
"""By thousands, which python-oracledb gives a meaning (``oracledb.errors.ERR_EXCEPTION_TYPES``)."""


def driver_verdict(number: int) -> Verdict:
    """What a DPY- code means; one we have never seen is judged by its class."""
    return _DRIVER.get(number) or _CLASSES.get(number // 1000, _CLASSES[5])


def is_named(number: int) -> bool:
    """Whether the table speaks of this very number."""
    return number in _DRIVER
