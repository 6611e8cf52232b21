"""The ORA- codes of statements, data, space and sessions, each with what it means and what to do.

After Oracle's error help (https://docs.oracle.com/error-help/db/), in the words of those who run pipelines. Codes of
the network and of accounts stand in ``network_codes``; a code that is in no table falls into a range
(``failures.RANGES``).

What belongs here: the table. What does not: finding a code in an exception (``failures``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.wms.oracle.verdict import (
    away,
    busy,
    conflict,
    cut,
    damaged,
    forbidden,
    full,
    missing,
    ours,
    record,
    setup,
    slow,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flext_pipelines.wms.oracle.verdict import Verdict

_LATER = "Try again later; if it stays so, ask the database's administrator"
_AGAIN = "Send it again; if it stays so, look in V$LOCK and DBA_BLOCKERS for who holds it"
_LOST = "What was not committed is undone; look up what the command did before it is sent again"
_VALUE = "Correct the value, or widen the column"
_DATE = "Write the date as ISO 8601 (2026-11-23T08:00:00)"
_SCHEMA = "Make the tables with `flext wms seed`, or grant this user access and create synonyms"
_LEVEL = "Bring the schema to this version of flext-pipelines: `flext wms seed` migrates it"
_PLSQL = "Ask the database's administrator: SHOW ERRORS and USER_OBJECTS say which object is invalid"
_EXTEND = "Ask the database's administrator to add space; nothing of this transaction was kept"
_RIGHTS = "Ask the database's administrator to grant it to the user of FLEXT_WMS_URL"

_INTEGRITY: Mapping[int, Verdict] = {
    1: conflict("a row with this key exists already", "Use another key, or change the row that is there"),
    1400: record("a column that must have a value got none", "Give the value; Oracle takes an empty text as none"),
    1407: record("a column that must have a value would lose it", "Give the value; Oracle takes '' as none"),
    2290: conflict("a check rule of the table refuses the row", "Correct the values that the rule speaks of"),
    2291: conflict("the row refers to one that does not exist", "Load what it refers to first: item, location, order"),
    2292: conflict("other rows refer to this one", "Remove or change those rows first"),
    2298: conflict("a foreign key cannot be enabled: rows without a parent", "Remove the orphaned rows"),
    2299: conflict("a unique key cannot be enabled: duplicates", "Remove the duplicates"),
    14400: conflict("no partition takes the row's key", "Ask the database's administrator to add the partition"),
    14402: conflict("the change would move the row to another partition", "Enable row movement on the table"),
    21525: record("a value breaks the rule of an object's attribute", _VALUE),
    30926: conflict("two source rows of a MERGE meet the same row", "Remove duplicates of the key from the source"),
    28115: forbidden("a security policy refuses the row", "Ask who keeps the policy of the table"),
}

_VALUES: Mapping[int, Verdict] = {
    1401: record("a value is longer than its column", _VALUE),
    1403: missing("no row was found", "Check the number or code that you gave"),
    1426: record("a number is too large to be reckoned with", "Correct the number"),
    1438: record("a number has more digits than its column", _VALUE),
    1455: record("a number does not fit the type it is read into", _VALUE),
    1461: record("a text of more than 4,000 bytes is bound to a column that is no CLOB", "Shorten it"),
    1476: record("a division by zero", "Correct the number that divides"),
    1480: record("a text is longer than what was bound", _VALUE),
    1483: record("a date or number is no valid one", _VALUE),
    1489: record("joined texts are longer than 4,000 bytes", "Shorten them"),
    1722: record("a text that must be a number is none", "Correct the value; the decimal sign is a point"),
    6502: record("a value does not fit a variable of a procedure", _VALUE),
    12899: record("a text is longer than its column", "Shorten it, or widen the column; BYTE columns count UTF-8"),
    22835: record("a CLOB does not fit a text column", "Shorten it"),
    29275: record("a text holds half a character", "Correct the text's encoding at its source"),
    40441: record("a text that must be JSON is none", "Correct the value"),
    40478: record("a JSON value is longer than what it is read into", "Shorten it"),
    40479: record("a JSON value cannot be written", "Correct the value"),
    **{
        code: record(f"a date or time is no valid one: {what}", _DATE)
        for code, what in {
            1801: "the format is too long", 1810: "a part of the format comes twice",
            1821: "the format is not known", 1830: "text is left over behind it",
            1831: "the year conflicts with the day of the year", 1832: "the day of the year conflicts with the date",
            1833: "the month conflicts with the day of the year",
            1834: "the day conflicts with the day of the year", 1835: "the weekday conflicts with the date",
            1836: "the hour conflicts with the seconds of the day",
            1837: "the minute conflicts with the seconds of the day",
            1838: "the second conflicts with the seconds of the day", 1839: "the month has no such day",
            1840: "it is too short", 1841: "the year is out of range", 1842: "the quarter is out of range",
            1843: "no such month", 1844: "the week is out of range", 1845: "the week of the month is out of range",
            1846: "no such weekday", 1847: "the day is out of range", 1848: "the day of the year is out of range",
            1849: "the hour is out of range (12)", 1850: "the hour is out of range (24)",
            1851: "the minute is out of range", 1852: "the second is out of range",
            1853: "the seconds of the day are out of range", 1854: "the Julian date is out of range",
            1855: "AM or PM is missing", 1856: "BC or AD is missing", 1857: "no such time zone",
            1858: "a letter where a digit must be", 1859: "a digit where a letter must be",
            1861: "it does not match the format", 1862: "a number of digits is wrong", 1863: "no such year",
            1864: "it is out of the calendar", 1865: "no such era", 1866: "it is not valid",
            1867: "an interval is not valid", 1868: "the leading precision is too small",
            1870: "intervals or dates that cannot be compared", 1871: "too many seconds",
            1873: "the leading precision of an interval is too small", 1874: "the zone's hour is out of range",
            1875: "the zone's minute is out of range", 1876: "the year is before -4713",
            1877: "text is too long", 1878: "no such hour on the day the clocks change",
            1879: "the hour is out of range (25)", 1880: "the fraction of the second is out of range",
            1881: "no such zone id", 1882: "no such time zone region", 1883: "an overlap was left open",
        }.items()
    },
}  # fmt: skip

_STATEMENTS: Mapping[int, Verdict] = {
    **{
        code: ours(f"Oracle does not take a statement: {what}")
        for code, what in {
            900: "invalid SQL", 902: "invalid type", 903: "invalid table name", 905: "missing keyword",
            906: "missing (", 907: "missing )", 908: "missing NULL", 909: "wrong number of arguments",
            910: "length too long for the type", 911: "invalid character", 913: "too many values",
            914: "missing ADD", 917: "missing comma", 918: "ambiguous column", 919: "invalid function",
            920: "invalid operator", 921: "unexpected end", 922: "missing option", 923: "missing FROM",
            924: "missing BY", 925: "missing INTO", 926: "missing VALUES", 927: "missing =", 928: "missing SELECT",
            931: "missing identifier", 932: "types do not match", 933: "not properly ended", 934: "group function",
            935: "nested group function", 936: "missing expression", 937: "not a single-group function",
            938: "not enough arguments", 939: "too many arguments", 946: "missing TO", 947: "not enough values",
            957: "duplicate column", 960: "ambiguous column in ORDER BY", 969: "missing ON", 979: "not in GROUP BY",
            984: "a column where none may be", 997: "illegal use of LONG", 1002: "fetch out of sequence",
            1003: "no statement parsed", 1006: "no such bind variable", 1007: "no such column in the list",
            1008: "not all variables bound", 1023: "no such cursor", 1024: "invalid type in a call",
            1036: "unknown variable", 1060: "array binds not allowed", 1062: "no memory for a bind buffer",
            1406: "a fetched column was cut off",
            1410: "invalid ROWID", 1422: "more rows than asked for", 1427: "more than one row",
            1451: "column is NULL already", 1453: "SET TRANSACTION must come first", 1456: "the transaction only reads",
            1458: "invalid length of a variable", 1460: "conversion not supported", 1465: "invalid hex number",
            1484: "arrays only to PL/SQL", 1702: "a view is not appropriate", 1712: "no such right",
            1723: "zero-length column", 1733: "virtual column", 1740: "missing double quote",
            1741: "zero-length name", 1742: "comment not ended", 1745: "invalid variable name",
            1747: "invalid column", 1756: "missing quote", 1779: "view is not key-preserved",
            1785: "ORDER BY number", 1789: "columns do not match", 1790: "types of columns do not match",
            1791: "not a selected expression", 1795: "more than 1,000 values in a list", 2014: "cannot lock this query",
            2070: "not supported over a link", 2287: "sequence number not allowed here", 6550: "PL/SQL",
            6553: "PL/SQL", 12838: "table changed in parallel before", 14551: "no DML inside a query",
            22275: "invalid LOB", 24333: "no rows of binds", 24335: "more than 1,000 columns",
            24381: "errors in an array", 24816: "LOB bound before others",
            32795: "identity column is always generated", 38104: "MERGE changes a column of its ON",
        }.items()
    },
    904: setup("a column is missing", _LEVEL),
    942: setup("a table or view is missing, or may not be seen", _SCHEMA),
    955: conflict("a table or index of this name exists already", "Use the one that is there, or another schema"),
    959: setup("a tablespace is missing", "Ask the database's administrator for the name of one that exists"),
    972: setup("a name has more than 30 bytes", "Oracle 12.2 or later is needed, with COMPATIBLE 12.2 or higher"),
    980: setup("a synonym leads nowhere", _SCHEMA),
    1031: forbidden("a right is missing", _RIGHTS),
    1418: setup("an index is missing", _LEVEL),
    1430: conflict("a column of this name exists already", _LEVEL),
    1432: setup("a public synonym is missing", _SCHEMA),
    1434: setup("a synonym is missing", _SCHEMA),
    1435: setup("the schema's user does not exist", "Correct the schema's name, or have the user created"),
    1502: setup("an index is unusable", "Ask the database's administrator to rebuild it"),
    1720: forbidden("a right on the tables of a view is missing", _RIGHTS),
    1749: forbidden("rights may not be granted to oneself", "Connect as the owner"),
    1918: setup("a user does not exist", "Correct the schema's name, or have the user created"),
    1927: forbidden("a right that was not granted cannot be revoked", _RIGHTS),
    1950: forbidden("the user has no quota on its tablespace", _RIGHTS),
    2019: setup("a database link is missing", "Ask the database's administrator for the link"),
    2289: setup("a sequence is missing", _LEVEL),
    2443: setup("a constraint is missing", _LEVEL),
    4043: setup("an object is missing", _SCHEMA),
    4063: setup("a view or procedure has errors", _PLSQL),
    4088: setup("a trigger fails", _PLSQL),
    4098: setup("a trigger is invalid", _PLSQL),
    6510: setup("a procedure raises an error that it does not name", _PLSQL),
    6512: setup("a procedure fails", _PLSQL),
    6508: setup("a procedure is missing or invalid", _PLSQL),
    6564: setup("an object or a directory is missing", _SCHEMA),
    24247: forbidden("a network access list refuses", _RIGHTS),
    24344: setup("a procedure was made with errors", _PLSQL),
    12705: setup("the language settings are not valid", "Correct NLS_LANG"),
    16000: setup("the database is open for reading only", "Connect to the primary, not to the standby"),
    16224: setup("Data Guard protects the tables", "Connect to the primary, not to the standby"),
    16456: away("a switchover is under way", _LATER),
}  # fmt: skip

_LOCKS: Mapping[int, Verdict] = {
    51: slow("a resource was waited for in vain", _AGAIN),
    54: busy("the rows are locked by another session", _AGAIN),
    60: busy("two sessions waited for each other", "Send it again: the other one has gone on"),
    1555: busy("the undo of a long reading was overwritten", "Send it again; ask for a longer UNDO_RETENTION"),
    1591: busy("an in-doubt distributed transaction holds the rows", "Ask the administrator to settle DBA_2PC_PENDING"),
    2049: busy("a distributed transaction waited too long for a lock", _AGAIN),
    4020: busy("two sessions waited for each other over an object", "Send it again: the other one has gone on"),
    4021: busy("an object was locked too long", _AGAIN),
    4023: busy("an object could not be validated", "Send it again"),
    4061: busy("a package was changed while it was in use", "Send it again"),
    4065: busy("a package was changed or dropped while it was in use", "Send it again"),
    4068: busy("the state of a package was discarded", "Send it again"),
    8103: busy("a table was dropped or truncated while it was read", "Send it again"),
    8176: busy("the undo of a long reading is gone", "Send it again"),
    8177: busy("another transaction changed the rows meanwhile", "Send it again"),
    12829: busy("a parallel session waits for a lock", _AGAIN),
    12860: busy("parallel sessions waited for each other", "Send it again"),
    14450: busy("a temporary table is in use", "Send it again when the other session has ended"),
    25402: busy("the session moved to another instance; the transaction must begin anew", "Send it again"),
    30006: slow("the rows stayed locked longer than the lock is waited for", _AGAIN),
}

_SPACE: Mapping[int, Verdict] = {
    257: full("the archive log is full, and the database waits", "Ask the administrator to free the archive area"),
    **{
        code: full(what, _EXTEND)
        for code, what in {
            1536: "the user's quota of its tablespace is used up", 1628: "a rollback segment is full",
            1630: "a temporary segment has no extents left", 1631: "a table has no extents left",
            1632: "an index has no extents left", 1650: "a rollback segment cannot grow",
            1651: "an undo segment cannot grow", 1652: "the temporary tablespace is full",
            1653: "a table's tablespace is full", 1654: "an index's tablespace is full",
            1655: "a cluster's tablespace is full", 1656: "a cluster has no extents left",
            1658: "a tablespace has no room for a first extent", 1659: "a tablespace has no room for its extents",
            1683: "an index partition's tablespace is full", 1688: "a table partition's tablespace is full",
            1691: "a LOB's tablespace is full", 1692: "a LOB partition's tablespace is full",
            1693: "a LOB has no extents left", 19502: "the disk is full", 19504: "a file cannot be made",
            19510: "a file cannot be extended", 19809: "the recovery area is full", 19815: "the recovery area is full",
            25153: "the temporary tablespace is empty", 27044: "a file cannot be written",
            30032: "the statement waited for room too long", 30036: "the undo tablespace is full",
            65114: "the pluggable database's storage limit is reached",
        }.items()
    },
}  # fmt: skip

_RESOURCES: Mapping[int, Verdict] = {
    18: away("the database has no session left", "Try again later, or raise SESSIONS"),
    20: away("the database has no process left", "Try again later, or raise PROCESSES"),
    376: away("a data file cannot be read now", _LATER),
    604: away("an inner statement of Oracle failed", _LATER),
    1000: away("the session has no cursor left", "Try again; raise OPEN_CURSORS if it stays so"),
    1013: slow("the statement was cancelled", "Raise FLEXT_WMS_CALL_TIMEOUT_SECONDS if it was our time-out"),
    1033: away("the database is starting or stopping", _LATER),
    1034: away("the database does not run", _LATER),
    1035: away("the database is open to administrators only", "Try again after the maintenance"),
    1109: away("the database is not open", _LATER),
    1115: away("a data file cannot be read", _LATER),
    1157: away("a data file cannot be found or locked", _LATER),
    1219: away("the database is not open for this query", _LATER),
    1578: damaged("a block of a data file is damaged", "Ask the administrator to recover it; do not load further"),
    2063: away("a database behind a link failed", _LATER),
    2068: away("a database behind a link failed", _LATER),
    2391: away("the user has as many sessions as its profile allows", "Close others, or raise SESSIONS_PER_USER"),
    2393: slow("the call used more CPU than its profile allows", "Ask for a higher CPU_PER_CALL"),
    2395: slow("the call read more than its profile allows", "Ask for a higher LOGICAL_READS_PER_CALL"),
    4030: away("the database's process has no memory left", _LATER),
    4031: away("the shared pool has no memory left", _LATER),
    4035: away("the shared pool has no memory left", _LATER),
    4036: away("the instance's PGA limit is reached", _LATER),
    8102: damaged("an index does not hold a row's key", "Ask the administrator to rebuild the index"),
    12751: slow("the statement ran longer than the database's policy allows", "Try again at a quieter time"),
    12757: away("the instance does not know the service yet", "Try again in a minute; it registers when it is open"),
    12801: away("a parallel process failed", _LATER),
    12805: away("a parallel process died", _LATER),
    12850: away("no parallel process is left", _LATER),
    12853: away("no memory for parallel processes is left", _LATER),
    16014: away("the archive log cannot be written", _LATER),
    16038: away("a log cannot be archived", _LATER),
    24761: away("the transaction was rolled back", "Send it again"),
    26202: away("no sessionless transaction is active", "Send it again"),
    27072: away("a file of the database cannot be read or written", _LATER),
    27101: away("the instance does not run", _LATER),
    27102: away("the database's machine has no memory left", _LATER),
    28365: away("the wallet of encrypted tablespaces is closed", "Ask the administrator to open the keystore"),
    24457: away("no connection became free in time", "Raise FLEXT_WMS_POOL_SIZE, or send fewer commands at once"),
    24459: away("no connection became free in time", "Raise FLEXT_WMS_POOL_SIZE, or send fewer commands at once"),
    24496: away("no connection became free in time", "Raise FLEXT_WMS_POOL_SIZE, or send fewer commands at once"),
}

_SESSIONS: Mapping[int, Verdict] = {
    code: cut(what, _LOST)
    for code, what in {
        22: "the session is not valid any more", 28: "an administrator killed the session",
        31: "an administrator marked the session to be killed", 45: "the session was ended",
        378: "the database's memory is set up wrongly", 600: "Oracle met an internal error",
        602: "Oracle met an internal error", 603: "the session ended with a fatal error",
        609: "the connection could not be taken up", 1012: "the session is not logged on any more",
        1041: "the session is broken", 1043: "the session is broken", 1089: "the database is being shut down",
        1090: "the database is being shut down", 1092: "the instance ended", 1573: "the instance is being shut down",
        2050: "a distributed transaction was rolled back; others may be in doubt",
        2051: "a distributed transaction is in doubt", 2054: "a distributed transaction is in doubt",
        2392: "the session used more CPU than its profile allows",
        2394: "the session read more than its profile allows", 2396: "the session was idle too long",
        2399: "the session was connected too long", 3111: "the connection was interrupted",
        3113: "the connection ended", 3114: "the session is not connected any more",
        3120: "the two ends do not understand each other", 3122: "the connection ended",
        3135: "the connection was lost", 3136: "the login took longer than the database allows",
        3150: "the connection over a link was lost", 7445: "Oracle met an internal error",
        25400: "the session moved to another instance; its query must begin anew",
        25401: "the session moved to another instance; its query cannot go on",
        25403: "the session could not be moved to another instance", 25404: "the instance was lost",
        25405: "the session moved to another instance; whether the transaction was kept is unknown",
        25406: "the session could not be moved to another instance", 25407: "the connection ended while rows were read",
        25408: "the connection ended within a call that may not be repeated safely",
        25409: "the session moved to another instance while rows were read",
        25425: "the connection was lost while the transaction was undone",
        27146: "the instance could not begin to wait", 28511: "the connection over a link was lost",
        56600: "the session must be made anew",
    }.items()
}  # fmt: skip

DATABASE_CODES: Mapping[int, Verdict] = {
    **_INTEGRITY, **_VALUES, **_STATEMENTS, **_LOCKS, **_SPACE, **_RESOURCES, **_SESSIONS,
}  # fmt: skip
"""What each ORA- code means; ``tests/wms/oracle/test_codes.py`` compares it with what python-oracledb knows."""
