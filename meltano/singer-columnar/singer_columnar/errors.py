"""What can go wrong in any tap, said in one line: what happened, where, why, and what to do next.

TapError                each tap adds the errors of its source
├── SettingsError       a setting is missing or contradicts another
├── ValueMisfitError    a value does not fit its declared type and ``on_misfit`` is ``fail``
├── LandingFailedError  a batch file could not be written (disk full, folder not writable)
└── OutputClosedError   the reader of our standard output went away
"""

from __future__ import annotations


class TapError(Exception):
    """A failure that the user can act on; printed as one line, without a traceback.

    Attributes:
        reason: What happened, where and why.
        instruction: What to do next.
    """

    def __init__(self, reason: str, instruction: str) -> None:
        self.reason = " ".join(reason.split())
        self.instruction = instruction
        super().__init__(f"{self.reason.rstrip('.')}. {instruction}")


class SettingsError(TapError):
    """A setting is missing, or contradicts another."""


class ValueMisfitError(TapError):
    """A value does not fit its column's declared type and the setting ``on_misfit`` is ``fail``."""


class LandingFailedError(TapError):
    """A batch file could not be written."""


class OutputClosedError(TapError):
    """The process that reads our standard output has gone."""
