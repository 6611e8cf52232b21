"""What can go wrong with a database, said in one line: what happened, where, why, and what to do next.

TapError                        of singer_columnar, with those of settings, values and output
├── SourceUnreachableError      no connection: refused, unknown host, wrong password, missing file
├── SourceLostError             the connection broke in the middle of a read
├── TableMissingError           the table of a catalog entry is not in the database
├── ColumnMissingError          a selected column or a replication key is not in the table
├── PermissionMissingError      the user may not read the table
└── ReadFailedError             the database refused a query for any other reason
"""

from __future__ import annotations

import re
from typing import Final

from singer_columnar.errors import TapError


class SourceUnreachableError(TapError):
    """The database could not be opened."""


class SourceLostError(TapError):
    """The connection broke while rows were being read."""


class TableMissingError(TapError):
    """The catalog names a table that the database does not have."""


class ColumnMissingError(TapError):
    """The catalog or a setting names a column that the table does not have."""


class PermissionMissingError(TapError):
    """The database user may not read the table."""


class ReadFailedError(TapError):
    """The database refused a query for a reason that has no class of its own."""


_LOST: Final = re.compile(
    r"server closed the connection|terminating connection|connection (?:is |was )?(?:lost|closed|reset)|broken pipe"
    r"|SSL connection has been closed|could not receive data|connection not open|no connection to the server"
    r"|ORA-03113|ORA-03114|ORA-00028|DPY-4011|DPY-1001|DPY-4024|gone away|EOF detected",
    re.IGNORECASE,
)
_UNREACHABLE: Final = re.compile(
    r"connection refused|could not connect|connection failed|failed to connect|could not translate host"
    r"|name or service not known|password authentication failed|no password supplied|database \".*\" does not exist"
    r"|role \".*\" does not exist|unable to open database file|file is not a database|timeout expired"
    r"|ORA-01017|ORA-125\d\d|DPY-6\d\d\d|DPY-4000|DPY-4026|DPY-4027",
    re.IGNORECASE,
)
_PERMISSION: Final = re.compile(
    r"permission denied|insufficient privilege|InsufficientPrivilege|ORA-01031|ORA-41900|access denied", re.IGNORECASE
)
_COLUMN: Final = re.compile(
    r"no such column|column .* does not exist|UndefinedColumn|ORA-00904|unknown column", re.IGNORECASE
)
_TABLE: Final = re.compile(
    r"no such table|relation .* does not exist|UndefinedTable|ORA-00942|unknown table|table .* doesn't exist",
    re.IGNORECASE,
)

_FOREIGN: Final[tuple[tuple[re.Pattern[str], type[TapError], str, str], ...]] = (
    (
        _PERMISSION,
        PermissionMissingError,
        "{where} may not be read",
        "Grant SELECT on it to the configured user, or deselect the stream.",
    ),
    (
        _COLUMN,
        ColumnMissingError,
        "{where} has not all the columns of the catalog",
        "Run discovery again (with Meltano: --refresh-catalog), and check the stream's replication_key.",
    ),
    (
        _TABLE,
        TableMissingError,
        "{where} is not in the database",
        "Check the settings schemas and tables, or run discovery again (with Meltano: --refresh-catalog).",
    ),
    (
        _LOST,
        SourceLostError,
        "The connection to the database was lost while reading {where}",
        "Run again: it goes on from the last STATE that the target stored.",
    ),
    (
        _UNREACHABLE,
        SourceUnreachableError,
        "The database could not be opened for {where}",
        "Check host, port, database, user and password, and that the server accepts connections from here.",
    ),
)


def explain(error: BaseException, where: str) -> TapError:
    """Turn a driver's exception into one of ours.

    Args:
        error: What a driver (ADBC, SQLAlchemy, python-oracledb, sqlite3) raised.
        where: What was being done, for example ``table 'orders' of stream 'orders'``.

    Returns:
        The error to raise: its class tells the cause, its text names place, cause and next step.
    """
    if isinstance(error, TapError):
        return error
    original = getattr(error, "orig", None) or error
    cause = f"{type(original).__name__}: {original}".split("\n[SQL:")[0]
    for pattern, kind, reason, instruction in _FOREIGN:
        if pattern.search(cause):
            return kind(f"{reason.format(where=where)}: {cause}", instruction)
    return ReadFailedError(
        f"Reading {where} failed: {cause}", "Run the query by hand to see why the database refuses it."
    )
