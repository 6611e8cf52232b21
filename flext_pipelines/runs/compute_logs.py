"""Raw output of steps, kept in files and nowhere else.

Dagster's ``LocalComputeLogManager`` also repeats every line on the terminal of the run's process, by two ``tail``
processes and two Python processes that watch them, for each step. Nobody looks there: the UI and ``flext logs`` read
the files. Without them a step is quicker, and a killed run leaves four processes less behind.

What belongs here: the compute log manager named in the generated ``dagster.yaml``. What does not: reading (``logs``).
"""

from __future__ import annotations

import io
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._utils import ensure_file, touch_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dagster._serdes import ConfigurableClassData


class FileComputeLogManager(LocalComputeLogManager):
    """Dagster's local compute logs, without repeating them on the terminal."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> FileComputeLogManager:
        """As Dagster makes it from ``dagster.yaml``."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """While this lasts, stdout and stderr of this process and of its children go to the files of the key."""
        out = self.get_captured_local_path(log_key, "out")
        err = self.get_captured_local_path(log_key, "err")
        for file in (out, err):
            ensure_file(file)
        with redirect_to_file(sys.stdout, out), redirect_to_file(sys.stderr, err), _line_by_line(sys.stdout):
            yield CapturedLogContext(log_key)
        touch_file(self.get_captured_local_path(log_key, "complete"))


@contextmanager
def _line_by_line(stream: TextIO) -> Iterator[None]:
    """Write each line at once: into a file or pipe Python writes 8 KB at a time, and a kill would lose the last."""
    if not isinstance(stream, io.TextIOWrapper) or stream.line_buffering:  # a stand-in, of a notebook or a test
        yield
        return
    stream.reconfigure(line_buffering=True)
    try:
        yield
    finally:
        stream.reconfigure(line_buffering=False)
