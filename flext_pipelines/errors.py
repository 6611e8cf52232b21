"""The error tree. A base class says whether trying again can help; a leaf says what happened.

::

    FlextError
    ├── PermanentError              trying again cannot help
    │   ├── AuditBrokenError
    │   ├── CommandBlockFailedError
    │   ├── CommandInDoubtError
    │   ├── ConfigError
    │   ├── ConflictError
    │   │   ├── ExpiredLotError
    │   │   ├── IdempotencyConflictError
    │   │   ├── InsufficientStockError
    │   │   ├── OverReceiptError
    │   │   └── ShipmentClosedError
    │   ├── ContractBrokenError
    │   ├── DataDamagedError
    │   ├── DirectoryRefusedError
    │   ├── ForbiddenError
    │   ├── InternalError
    │   ├── InvalidMessageError
    │   │   ├── CursorRefusedError
    │   │   └── UnknownMessageError
    │   ├── MapperFailedError
    │   ├── NotFoundError
    │   ├── OutcomeNotSavedError
    │   ├── PluginConfigError
    │   ├── PluginInstallError
    │   ├── PluginMissingError
    │   ├── RunCancelledError
    │   ├── RunFailedError
    │   ├── StateNotSavedError
    │   ├── TransformFailedError
    │   └── UsageError
    ├── TransientError              trying again may help
    │   ├── AlreadyRunningError
    │   ├── ExtractFailedError
    │   ├── InstallInProgressError
    │   ├── LoadFailedError
    │   ├── OutcomeUnknownError
    │   ├── StorageFullError
    │   ├── TimedOutError
    │   └── UnavailableError
    └── RecordError                 this record only: counted, kept with its reason
        ├── AciSyntaxError
        ├── DnError
        ├── EntryRefusedError
        ├── LdifError
        └── SchemaSyntaxError

What belongs here: every error that may leave a gateway, a domain or a handler. Foreign errors
(Meltano exit, database, LDAP, HTTP) are turned into one of these where they are met.
What does not: translation tables (they live with their gateway) and exit codes or HTTP statuses
(they live with their door).

``tests/test_errors.py`` compares the drawing with the classes.
"""

import re
from collections.abc import Iterator, Mapping

_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")

Details = Mapping[str, object]
"""Where it happened, as plain values: file, line, stream, row, run id, plugin. Never a secret."""


class FlextError(Exception):
    """What went wrong, and what to do next.

    Args:
        reason: What happened, where and why, in one sentence without a trailing full stop.
        instruction: What the reader should do next. Empty only when nothing can be done.
        details: Plain values that say where: file, line, stream, row, plugin, exit code.

    Attributes:
        code: The class name in snake case without ``Error``; stable, for programs.
        retryable: True when the same call may succeed later without a change.
    """

    retryable: bool = False

    def __init__(self, reason: str, instruction: str = "", details: Details | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.instruction = instruction
        self.details: dict[str, object] = dict(details or {})

    @classmethod
    def error_code(cls) -> str:
        """``NotFoundError`` becomes ``not_found``."""
        return _WORD_START.sub("_", cls.__name__.removesuffix("Error")).lower()

    @property
    def code(self) -> str:
        """The stable name of this kind of error."""
        return self.error_code()

    def __str__(self) -> str:
        """The reason, then the instruction: what a log line needs."""
        return f"{self.reason}. {self.instruction}" if self.instruction else self.reason


def error_of_code(code: str, reason: str, instruction: str = "", details: Details | None = None) -> FlextError | None:
    """The error that was written down as its code, reason, instruction and details; None for a code of nobody here."""
    kinds = {kind.error_code(): kind for kind in _below(FlextError)}
    return kinds[code](reason, instruction, details) if code in kinds else None


def _below(kind: type[FlextError]) -> Iterator[type[FlextError]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from _below(inner)


class PermanentError(FlextError):
    """Trying again cannot help: something must be changed first."""


class TransientError(FlextError):
    """Trying again may help: the cause lies outside and may pass."""

    retryable = True


class RecordError(FlextError):
    """One record is bad. The work goes on; the record is counted and kept with its reason."""


class DnError(RecordError):
    """A distinguished name that is none, by RFC 4514."""


class LdifError(RecordError):
    """A record of an LDIF file that RFC 2849 does not allow. Details carry ``file``, ``line`` and ``reason``."""


class EntryRefusedError(RecordError):
    """A directory server refuses an entry, or a change of one. Details carry ``dn``, LDAP ``result`` and its name."""


class AciSyntaxError(RecordError):
    """An access directive is not one: ``details`` carry the ``column`` (1-based) and the ``text`` that was read."""

    @property
    def column(self) -> int:
        """Where reading stopped, counted from 1."""
        column = self.details.get("column")
        return column if isinstance(column, int) else 1


class SchemaSyntaxError(RecordError):
    """A schema definition is not one: ``details`` carry ``column`` (1-based), ``text``, and ``file`` and ``line``."""

    @property
    def column(self) -> int:
        """Where reading stopped, counted from 1, in the definition."""
        column = self.details.get("column")
        return column if isinstance(column, int) else 1


class UsageError(PermanentError):
    """The call itself is wrong: an option, an argument, a combination of them."""


class InvalidMessageError(PermanentError):
    """A message does not validate. ``details["problems"]`` lists field path, reason, and what is allowed."""


class UnknownMessageError(InvalidMessageError):
    """No message has that name."""


class CursorRefusedError(InvalidMessageError):
    """A paging cursor that we did not give for this query: changed, cut off, or of another search."""


class NotFoundError(PermanentError):
    """The thing named does not exist: a pipeline, plugin, run, stream, table, file."""


class ConflictError(PermanentError):
    """The thing exists already, or is in a state that does not allow this."""


class IdempotencyConflictError(ConflictError):
    """The idempotency key was used before with another payload."""


class InsufficientStockError(ConflictError):
    """Less stock is available than is asked for. Details say how much, item by item."""


class ExpiredLotError(ConflictError):
    """The lot is past its expiry date, so that it may not become available stock."""


class OverReceiptError(ConflictError):
    """More was received than expected, beyond the tolerance."""


class ShipmentClosedError(ConflictError):
    """The shipment or order is shipped, received in full or cancelled: nothing more may happen to it."""


class ForbiddenError(PermanentError):
    """The actor may not do this."""


class ConfigError(PermanentError):
    """A settings or project file is wrong. Details name the file and, where known, the line."""


class ContractBrokenError(PermanentError):
    """The data break their contract beyond the threshold. The failing rows are kept with reasons."""


class DataDamagedError(PermanentError):
    """Stored files are not what was written: missing, changed, or of an unknown format."""


class DirectoryRefusedError(PermanentError):
    """A directory server refuses the work as such: read-only, TLS, a control or policy. Details carry ``result``."""


class TransformFailedError(PermanentError):
    """A transform rule fails on rows beyond what is tolerated; details name the rule and show a row."""


class RunFailedError(PermanentError):
    """A Dagster run failed; the details carry the first failure."""


class RunCancelledError(PermanentError):
    """The work was stopped on request. Bookmarks up to the stop are kept."""


class PluginMissingError(PermanentError):
    """A plugin is not in the project, or is not installed."""


class PluginConfigError(PermanentError):
    """A plugin refuses its settings."""


class PluginInstallError(PermanentError):
    """Installing or upgrading a plugin failed; what was there before is back in place."""


class MapperFailedError(PermanentError):
    """A Singer mapper failed between tap and target."""


class CommandBlockFailedError(PermanentError):
    """A command block of a pipeline, such as ``dbt:run``, failed."""


class CommandInDoubtError(PermanentError):
    """A change was sent to another system, its answer was lost, and what is there does not tell what came of it.

    Sent again it could be done twice: somebody has to look first.
    """


class StateNotSavedError(PermanentError):
    """Rows were loaded, but the bookmark was not saved. A rerun reads them again."""


class OutcomeNotSavedError(PermanentError):
    """A command was performed, but its outcome could not be written down. Look what it did before sending it again."""


class AuditBrokenError(PermanentError):
    """The audit trail was changed or rows are missing."""


class InternalError(PermanentError):
    """A fault of ours: an exception that no gateway translated. Details carry its type and place."""


class UnavailableError(TransientError):
    """A database, server or file that we need does not answer."""


class TimedOutError(TransientError):
    """The work took longer than it was given."""


class StorageFullError(TransientError):
    """No room is left where data must be written. Nothing half-written is left behind."""


class AlreadyRunningError(TransientError):
    """The same pipeline, or the same key, is at work right now."""


class InstallInProgressError(TransientError):
    """Plugins are being installed, or a pipeline that uses them is running."""


class ExtractFailedError(TransientError):
    """The tap failed. The bookmark stands where the last loaded batch left it."""


class LoadFailedError(TransientError):
    """The target failed. The bookmark stands where the last loaded batch left it."""


class OutcomeUnknownError(TransientError):
    """The connection broke in the middle of a command, and what came of it could not be found out yet.

    Details carry the ``idempotency_key``: sent again with it, the command is performed only if it was not.
    """
