"""Runs a tap without a target, and gives what it writes line by line.

``meltano invoke`` starts the tap with the project's settings and select rules. It removes the Singer state of a tap
that it starts without arguments, and discovers no catalog for one that it starts with some (plugin/singer/tap.py of
4.4.1, ``look_up_state`` and ``discover_catalog_hook``). So a run that begins from a state has two steps in one
sandbox: ``--dump=catalog`` leaves the catalog where the tap is given it, then ``--state`` is added by hand.

What belongs here: those steps and what their end means. What does not: passing lines on (``tap_lines``), what the
lines mean and where the state is kept (the data domain).
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flext_pipelines.errors import ExtractFailedError, PluginMissingError, TimedOutError, UsageError
from flext_pipelines.meltano import locks
from flext_pipelines.meltano.argv import meltano_argv
from flext_pipelines.meltano.environment import child_environment, variable
from flext_pipelines.meltano.process import Invocation, run_to_end
from flext_pipelines.meltano.redaction import Redactor, dotenv_values
from flext_pipelines.meltano.said import words_of
from flext_pipelines.meltano.sandbox import Sandbox, make_sandbox
from flext_pipelines.meltano.system_database import make_private_database
from flext_pipelines.meltano.tap_lines import GRACES, LONGEST_LINE, TapLog, TapWork
from flext_pipelines.settings import environment as process_environment

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import JsonValue, SecretStr

    from flext_pipelines.meltano.catalogue import ProjectCatalogue
    from flext_pipelines.meltano.lines import Echo
    from flext_pipelines.meltano.project import MeltanoProject
    from flext_pipelines.meltano.running import Ended

_LAST_WORDS = 20
_WILDCARDS = frozenset("*?[")
"""Meltano matches names by ``fnmatch`` and takes a leading ``!`` as a negation (plugin/singer/catalog.py of 4.4.1)."""


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
        timeout_seconds: Longest run; 0 is none.
        plugin_env: Variables that plugins of this project get at each run.
        echo: Given every line of the tap's and Meltano's logs, secrets taken out, in another thread.
    """

    project: MeltanoProject
    tap: str
    stream: str
    batches: Path
    state: Mapping[str, JsonValue] | None = None
    replication_key: str | None = None
    full_table: bool = False
    timeout_seconds: float = 0
    plugin_env: Mapping[str, str | SecretStr] = field(default_factory=dict, repr=False)
    echo: Echo | None = None

    def lines(self, catalogue: ProjectCatalogue) -> Generator[bytes, None, None]:
        """What the tap writes on standard output; closing the generator stops it.

        Raises:
            UsageError: The stream's name would select others too.
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
            make_private_database(self.project.database_url)
            env = child_environment(self.project, process_environment(), extra=self._variables(sandbox))
            log = TapLog(self._redactor(env), self.echo)
            stack.callback(log.close)
            arguments: tuple[str, ...] = ()
            if self.state is not None:
                self._leave_catalog(sandbox, env, log)
                file = sandbox.folder / "state-before.json"
                file.write_text(json.dumps(self.state))
                arguments = ("--state", str(file))
            keep = [lock.handle for lock in (installed, sandbox.lock) if lock.handle is not None]
            invocation = self._invocation(sandbox, env, *arguments)
            work = TapWork(invocation, log, folder=sandbox.folder, keep=keep, timeout_seconds=self.timeout_seconds)
            yield from work.lines()
            self._judge(work.ended, log)

    def _redactor(self, env: Mapping[str, str]) -> Redactor:
        """Knows every secret that the tap is given, also those that only this process's environment holds."""
        return Redactor(env, dotenv_values(self.project.root / ".env"), self.plugin_env)

    def _check(self, catalogue: ProjectCatalogue) -> None:
        if self.stream.startswith("!") or _WILDCARDS & {*self.stream}:
            raise UsageError(
                f"The stream name {self.stream!r} acts as a pattern in Meltano's select rules: more than one stream "
                "may fit it",
                f"Give the stream's own name, without a leading ! and without {' '.join(sorted(_WILDCARDS))}; "
                f"`flext plugins discover {self.tap}` lists them",
                {"plugin": self.tap, "stream": self.stream},
            )
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

    def _invocation(
        self, sandbox: Sandbox, env: Mapping[str, str], *arguments: str, catalog_only: bool = False
    ) -> Invocation:
        options = ("--dump=catalog",) if catalog_only else ()
        argv = meltano_argv(self.project, "invoke", "--no-install", *options, self.tap, *arguments)
        return Invocation(argv, env, self.project.root, sandbox.mark)

    def _leave_catalog(self, sandbox: Sandbox, env: Mapping[str, str], log: TapLog) -> None:
        try:
            ended = run_to_end(
                self._invocation(sandbox, env, catalog_only=True),
                timeout_seconds=self.timeout_seconds,
                on_line=log.add,
                graces=GRACES,
                folder=sandbox.folder,
                longest_line=LONGEST_LINE,
            )
        except TimedOutError:
            raise self._timed_out(log) from None
        if ended.exit_code != 0:
            raise self._failed(ended.exit_code, log)

    def _judge(self, ended: Ended | None, log: TapLog) -> None:
        assert ended is not None
        if ended.ending == "timed_out":
            raise self._timed_out(log)
        if ended.exit_code != 0:
            raise self._failed(ended.exit_code, log)

    def _timed_out(self, log: TapLog) -> TimedOutError:
        return TimedOutError(
            f"{self.tap} took longer than {self.timeout_seconds:g} s and was stopped; nothing of it is kept",
            "Give it more time (FLEXT_MELTANO_TIMEOUT_SECONDS), or extract less at once",
            {"plugin": self.tap, "stream": self.stream, "tail": _words(log)},
        )

    def _failed(self, exit_code: int, log: TapLog) -> ExtractFailedError:
        said = _words(log)
        ending = f"was killed by signal {-exit_code}" if exit_code < 0 else f"failed (exit code {exit_code})"
        return ExtractFailedError(
            f"{self.tap} {ending} on stream {self.stream}: {said[-1] if said else 'it gave no reason'}",
            f"Check its settings with `flext plugins config {self.tap}`, and that its source can be reached",
            {"plugin": self.tap, "stream": self.stream, "exit_code": exit_code, "tail": said},
        )


def _words(log: TapLog) -> list[str]:
    return [text for line in log.lines() for text in words_of(line)][-_LAST_WORDS:]
