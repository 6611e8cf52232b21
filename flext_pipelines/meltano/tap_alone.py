"""Runs a tap without a target, and gives what it writes line by line.

``meltano invoke`` starts the tap with the project's settings and select rules. It removes the Singer state of a tap
that it starts without arguments, and discovers no catalog for one that it starts with some (plugin/singer/tap.py of
4.4.1, ``look_up_state`` and ``discover_catalog_hook``). So a run that begins from a state has two steps in one
sandbox: ``--dump=catalog`` leaves the catalog where the tap is given it, then ``--state`` is added by hand.

What belongs here: that. What does not: what the lines mean, and where the state is kept (the data domain).
"""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import uuid
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flext_pipelines.errors import ExtractFailedError, PluginMissingError, TimedOutError
from flext_pipelines.meltano import locks
from flext_pipelines.meltano.argv import meltano_argv
from flext_pipelines.meltano.environment import child_environment, variable
from flext_pipelines.meltano.lines import Tail
from flext_pipelines.meltano.process import Invocation, launch, run_to_end
from flext_pipelines.meltano.redaction import Redactor, dotenv_values
from flext_pipelines.meltano.running import Ended, Graces
from flext_pipelines.meltano.said import words_of
from flext_pipelines.meltano.sandbox import Sandbox, make_sandbox
from flext_pipelines.settings import environment as process_environment

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import JsonValue, SecretStr

    from flext_pipelines.meltano.catalogue import ProjectCatalogue
    from flext_pipelines.meltano.project import MeltanoProject

_LONGEST_LINE = 512 * 1024 * 1024
"""Bytes; a record of 50 MB is one line, and one that is cut is no record."""
_WAITING_LINES = 2_000
_WAITING_BYTES = 16 * 1024 * 1024
_GRACES = Graces(5, 5)


@dataclass(frozen=True)
class TapRun:
    """One stream of one tap to read.

    Attributes:
        project: The project, in the environment whose settings the tap gets.
        tap: Name of the tap.
        stream: The stream; the others stay unselected.
        batches: ``FLEXT_BATCH_ROOT``: where a tap that writes batches puts them.
        state: Singer state to begin from.
        replication_key: Column to use instead of the one in its catalog.
        full_table: Read everything, whatever its catalog says.
        run_id: Of the Dagster run.
        timeout_seconds: Longest run; 0 is none.
        plugin_env: Variables that plugins of this project get at each run.
    """

    project: MeltanoProject
    tap: str
    stream: str
    batches: Path
    state: Mapping[str, JsonValue] | None = None
    replication_key: str | None = None
    full_table: bool = False
    run_id: str | None = None
    timeout_seconds: float = 0
    plugin_env: Mapping[str, str | SecretStr] = field(default_factory=dict, repr=False)

    def lines(self, catalogue: ProjectCatalogue) -> Generator[bytes, None, None]:
        """What the tap writes on standard output; closing the generator stops it.

        Raises:
            PluginMissingError: There is no such tap, or it is not installed.
            ExtractFailedError: It failed, after its last line; with its last words.
            TimedOutError: It took too long.
        """
        self._check(catalogue)
        what = f"extract {self.tap} {self.stream}"
        with contextlib.ExitStack() as stack:
            installed = locks.hold_for_run(self.project, what)
            stack.callback(installed.release)
            sandbox = make_sandbox(self.project, str(uuid.uuid4()), what)
            stack.callback(sandbox.remove)
            env = child_environment(self.project, process_environment(), extra=self._variables(sandbox))
            redact = Redactor({**dotenv_values(self.project.root / ".env"), **self.plugin_env})
            arguments: tuple[str, ...] = ()
            if self.state is not None:
                self._leave_catalog(sandbox, env, redact)
                file = sandbox.folder / "state-before.json"
                file.write_text(json.dumps(self.state))
                arguments = ("--state", str(file))
            keep = [lock.handle for lock in (installed, sandbox.lock) if lock.handle is not None]
            work = _Work(self._invocation(sandbox, env, *arguments), sandbox, keep, self.timeout_seconds)
            yield from work.lines()
            self._judge(work.ended, work.tail, redact)

    def _check(self, catalogue: ProjectCatalogue) -> None:
        plugin = catalogue.plugin(self.tap, "extractors")
        if plugin is None:
            names = [found.name for found in catalogue.plugins if found.type == "extractors"]
            raise PluginMissingError(
                f"The project defines no tap {self.tap!r}", f"It has {', '.join(names) or 'none'}", {"plugin": self.tap}
            )
        if plugin.problem or not plugin.installed:
            raise PluginMissingError(
                f"Tap {self.tap!r} cannot be run: {plugin.problem or 'it is not installed'}",
                f"`flext plugins install {self.tap}` installs it",
                {"plugin": self.tap},
            )

    def _variables(self, sandbox: Sandbox) -> dict[str, str | SecretStr]:
        method: dict[str, str] = {}
        if self.full_table:
            method = {"replication-method": "FULL_TABLE"}
        elif self.replication_key is not None:
            method = {"replication-method": "INCREMENTAL", "replication-key": self.replication_key}
        said = {variable(self.tap, "_metadata"): json.dumps({self.stream: method})} if method else {}
        return {
            **self.plugin_env,
            **sandbox.variables,
            **said,
            variable(self.tap, "_select_filter"): json.dumps([self.stream]),
            "FLEXT_BATCH_ROOT": str(self.batches),
        }

    def _invocation(self, sandbox: Sandbox, env: Mapping[str, str], *arguments: str) -> Invocation:
        argv = meltano_argv(self.project, "invoke", "--no-install", self.tap, *arguments)
        return Invocation(argv, env, self.project.root, sandbox.mark)

    def _leave_catalog(self, sandbox: Sandbox, env: Mapping[str, str], redact: Redactor) -> None:
        argv = meltano_argv(self.project, "invoke", "--no-install", "--dump=catalog", self.tap)
        ended = run_to_end(
            Invocation(argv, env, self.project.root, sandbox.mark),
            timeout_seconds=self.timeout_seconds,
            longest_line=_LONGEST_LINE,
        )
        if ended.exit_code != 0:
            raise self._failed(ended.exit_code, ended.errors, redact)

    def _judge(self, ended: Ended | None, tail: Tail, redact: Redactor) -> None:
        assert ended is not None
        if ended.ending == "timed_out":
            raise TimedOutError(
                f"{self.tap} took longer than {self.timeout_seconds:g} s and was stopped; nothing of it is kept",
                "Give it more time (FLEXT_MELTANO_TIMEOUT_SECONDS), or extract less at once",
                {"plugin": self.tap, "stream": self.stream},
            )
        if ended.exit_code != 0:
            raise self._failed(ended.exit_code, tail.lines(), redact)

    def _failed(self, exit_code: int, lines: tuple[str, ...], redact: Redactor) -> ExtractFailedError:
        said = [redact(text) for line in lines for text in words_of(line)][-20:]
        ending = f"was killed by signal {-exit_code}" if exit_code < 0 else f"failed (exit code {exit_code})"
        return ExtractFailedError(
            f"{self.tap} {ending} on stream {self.stream}: {said[-1] if said else 'it gave no reason'}",
            f"Check its settings with `flext plugins config {self.tap}`, and that its source can be reached",
            {"plugin": self.tap, "stream": self.stream, "exit_code": exit_code, "tail": said},
        )


class _Work:
    """A tap at work in a thread of its own, its lines in a queue of bounded size.

    Whoever reads slower than the tap writes makes the tap wait; whoever stops reading makes it stop.
    """

    def __init__(self, invocation: Invocation, sandbox: Sandbox, keep: list[int], timeout_seconds: float) -> None:
        self.tail = Tail()
        self.ended: Ended | None = None
        self._invocation = invocation
        self._sandbox = sandbox
        self._keep = keep
        self._timeout = timeout_seconds
        self._waiting: queue.Queue[list[bytes] | None] = queue.Queue(maxsize=4)
        self._chunk: list[bytes] = []
        self._chunk_bytes = 0
        self._enough = threading.Event()

    def lines(self) -> Generator[bytes, None, None]:
        """Every line, then the end of the process."""
        with ThreadPoolExecutor(1, "tap") as threads:
            work = threads.submit(self._run)
            try:
                while (chunk := self._waiting.get()) is not None:
                    yield from chunk
            finally:
                self._enough.set()
        work.result()

    def _run(self) -> None:
        """Until the tap has ended; whatever is raised here is raised again where the lines are read."""
        try:
            with launch(
                self._invocation,
                on_out=self._out,
                on_err=self.tail.add,
                graces=_GRACES,
                folder=self._sandbox.folder,
                keep=self._keep,
                longest_line=_LONGEST_LINE,
            ) as running:
                self.ended = running.wait(
                    graces=_GRACES, timeout_seconds=self._timeout, should_stop=self._enough.is_set
                )
            self._pass_on()
        finally:
            self._put(None)

    def _out(self, line: str) -> None:
        encoded = line.encode()
        self._chunk.append(encoded)
        self._chunk_bytes += len(encoded)
        if len(self._chunk) >= _WAITING_LINES or self._chunk_bytes >= _WAITING_BYTES:
            self._pass_on()

    def _pass_on(self) -> None:
        chunk, self._chunk, self._chunk_bytes = self._chunk, [], 0
        self._put(chunk)

    def _put(self, chunk: list[bytes] | None) -> None:
        while not self._enough.is_set():
            with contextlib.suppress(queue.Full):
                self._waiting.put(chunk, timeout=0.2)
                return
