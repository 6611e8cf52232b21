"""The errors a user of the target can meet.

TargetError(what, why, next_step)
├── SettingsError            the configuration cannot work
├── WarehouseError           the database refused or vanished; rolled back, a rerun completes
│   └── WarehouseBusyError   another process holds the lock
├── SchemaChangeError        a column changed in a way that would lose values
├── IdentifierError          two names would become one
├── BatchFileError           a batch file is missing, unreadable or of an unknown format
├── CountMismatchError       rows in and rows accounted for differ; rolled back
├── TooManyRejectsError      max_rejects was exceeded; rolled back
├── TruncatedInputError      the input ended inside a message
├── StateNotWrittenError     rows are committed, but the reader of our output has gone
└── IncompleteStreamError    an overwrite was not published because the stream is not known to be whole
"""

from __future__ import annotations


class TargetError(Exception):
    """A fault with its reason and what to do next, in one line that carries no secret.

    Args:
        what: What happened and where (stream, table, column, file).
        why: The reason, in the words of the database where it has any.
        next_step: What the reader of the line should do.
    """

    def __init__(self, what: str, why: str = "", next_step: str = "") -> None:
        self.what = what
        self.why = why
        self.next_step = next_step
        parts = [what.rstrip(".")]
        if why:
            parts.append(f"Why: {' '.join(why.split()).rstrip('.')}")
        if next_step:
            parts.append(f"Next: {next_step.rstrip('.')}")
        super().__init__(". ".join(parts) + ".")


class SettingsError(TargetError):
    """The configuration cannot work as it stands."""


class WarehouseError(TargetError):
    """The database refused a statement or went away; the open transaction is rolled back."""


class WarehouseBusyError(WarehouseError):
    """Another process holds the file or table lock for longer than `lock_timeout`."""


class SchemaChangeError(TargetError):
    """A column's new type cannot hold the old values, nor the old type the new ones."""


class IdentifierError(TargetError):
    """Two streams or columns would get one name, or a name is reserved."""


class BatchFileError(TargetError):
    """A file of a BATCH message is missing, unreadable or in an unknown format."""


class CountMismatchError(TargetError):
    """Rows received differ from rows loaded, rejected and deduplicated."""


class TooManyRejectsError(TargetError):
    """More rows broke the schema than `max_rejects` allows."""


class TruncatedInputError(TargetError):
    """The input ended in the middle of a message: the tap was stopped."""


class StateNotWrittenError(TargetError):
    """Nobody reads our output any more; the rows are committed, the bookmark is not known to anyone."""


class IncompleteStreamError(TargetError):
    """An overwrite was not published because the stream is not known to be whole."""
