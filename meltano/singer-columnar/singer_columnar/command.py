"""The command line's edge: every failure becomes one line, and no secret reaches a log."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final

from singer_sdk.plugin_base import SingerCommand

from singer_columnar.errors import OutputClosedError, TapError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click

MASK: Final = "****"


class TapCommand(SingerCommand):
    """The SDK's command, which in addition turns our errors into one log line and exit code 1."""

    @classmethod
    def from_sdk(cls, command: click.Command, logger: logging.Logger) -> TapCommand:
        """The same command with this class's error handling."""
        return cls(
            name=command.name,
            callback=command.callback,
            params=command.params,
            help=command.help,
            context_settings=command.context_settings,
            logger=logger,
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; ``--discover`` and ``--test`` run meanwhile and end it, and click then closes no file of its own."""
        try:
            return super().parse_args(ctx, args)
        except BaseException:
            ctx.close()
            raise

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command; ``--discover`` and ``--test`` run while it parses its options, so errors are caught here."""
        try:
            return super().main(*args, **kwargs)
        except TapError as error:
            self._fail(error)

    def _fail(self, error: TapError) -> None:
        self.logger.error("%s: %s", type(error).__name__, error)
        # The interpreter would try to write the rest of the buffer to a closed pipe again at exit.
        if isinstance(error, OutputClosedError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1)


class _SecretFilter(logging.Filter):
    """Masks secrets in messages and in tracebacks."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite a record that holds a secret; never drop one."""
        text = record.getMessage()
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        if any(secret in text or secret in trace for secret in self.secrets):
            record.msg, record.args = self._masked(f"{text}\n{trace}".rstrip()), None
            record.exc_info = record.exc_text = None
        return True

    def _masked(self, text: str) -> str:
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text


_FILTER: Final = _SecretFilter()


def hide_secrets(secrets: Iterable[str]) -> None:
    """Keep texts out of everything that is logged from now on.

    Args:
        secrets: Passwords and URLs that contain them.
    """
    _FILTER.secrets.update(secret for secret in secrets if secret)
    for handler in logging.getLogger().handlers:
        if _FILTER not in handler.filters:
            handler.addFilter(_FILTER)
