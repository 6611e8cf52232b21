"""Runs a pipeline of the project through Meltano, from the request to the outcome.

The order: what is asked for, is it possible; locks on plugins and Singer states; a sandbox; the bookmarks before;
Meltano; the bookmarks after; the verdict; everything put away.

What belongs here: this order. What does not: any of the steps.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from flext_pipelines.errors import FlextError
from flext_pipelines.meltano import locks, system_database, warm
from flext_pipelines.meltano.argv import run_argv
from flext_pipelines.meltano.bookmarks import State
from flext_pipelines.meltano.environment import child_environment
from flext_pipelines.meltano.failures import cancelled, verdict
from flext_pipelines.meltano.lines import Echo, Tail
from flext_pipelines.meltano.log import JobStarted, parse_line
from flext_pipelines.meltano.plan import Plan, RunRequest, make_plan
from flext_pipelines.meltano.process import Invocation, launch
from flext_pipelines.meltano.raw_log import RawLog
from flext_pipelines.meltano.redaction import Redactor, dotenv_values
from flext_pipelines.meltano.report import Readings, evidence_of, pipeline_run
from flext_pipelines.meltano.running import Ended, Graces, Running
from flext_pipelines.meltano.sandbox import Sandbox, make_sandbox
from flext_pipelines.meltano.state import read_states
from flext_pipelines.meltano.tally import Tally
from flext_pipelines.settings import environment as process_environment
from flext_pipelines.values import Progress, ignore_progress

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import JsonValue, SecretStr

    from flext_pipelines.meltano.catalogue import ProjectCatalogue
    from flext_pipelines.meltano.outcome import PipelineRun
    from flext_pipelines.meltano.project import MeltanoProject
    from flext_pipelines.settings import Settings


def read_catalogue(project: MeltanoProject) -> ProjectCatalogue:
    """The project's catalogue; the reader is imported when it is first needed."""
    from flext_pipelines.meltano.introspection import read_catalogue as read

    return read(project)


@dataclass(frozen=True)
class MeltanoRunner:
    """Runs pipelines of one project. The port ``meltano``.

    Attributes:
        project: The project.
        graces: How long the steps of a stop may take.
        timeout_seconds: Longest run where the request sets no limit; 0 is none.
        plugin_env: Variables that plugins of this project get at each run: where our databases are.
        read: How the project's catalogue is had.
    """

    project: MeltanoProject
    graces: Graces = field(default_factory=Graces)
    timeout_seconds: float = 0
    plugin_env: Mapping[str, str | SecretStr] = field(default_factory=dict, repr=False)
    read: Callable[[MeltanoProject], ProjectCatalogue] = read_catalogue

    @classmethod
    def from_settings(
        cls, settings: Settings, plugin_env: Mapping[str, str | SecretStr] | None = None
    ) -> MeltanoRunner:
        """The runner of the project that the settings name."""
        from flext_pipelines.meltano.project import MeltanoProject

        return cls(
            MeltanoProject.from_settings(settings),
            Graces(settings.stop_tap_grace_seconds, settings.stop_meltano_grace_seconds),
            settings.meltano_timeout_seconds,
            plugin_env or {},
        )

    def catalogue(self, environment: str | None = None) -> ProjectCatalogue:
        """What the project holds."""
        return self.read(self.project.in_environment(environment))

    def check(self, request: RunRequest) -> None:
        """Whether ``run`` would begin with this request; nothing is started.

        Raises:
            FlextError: As ``run`` raises it before anything is started.
        """
        project = self.project.in_environment(request.environment)
        project.check()
        make_plan(project, self.read(project), request)

    def run(
        self,
        request: RunRequest,
        on_progress: Callable[[Progress], None] = ignore_progress,
        *,
        echo: Echo | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> PipelineRun:
        """Run it to its end.

        Args:
            request: What.
            on_progress: Called with each step worth telling, in this thread.
            echo: Given every raw line of Meltano and its plugins, secrets taken out, in another thread.
            should_stop: Asked about once a second; True stops the run from the tap downwards, bookmarks kept.

        Raises:
            FlextError: The run was refused or failed. Of a run that had begun, ``details["run"]`` holds the
                counts so far, ``details["tail"]`` the last raw lines.
            BaseException: Whatever interrupted it, once nothing of it is left and the bookmark is saved. Its cause is
                a ``RunCancelledError`` with ``details["run"]``.
        """
        project = self.project.in_environment(request.environment)
        project.check()
        catalogue = self.read(project)
        plan = make_plan(project, catalogue, request)
        run_id = _uuid(request.run_id)
        for warning in plan.warnings:
            on_progress(Progress(kind="warning", text=warning))
        what = f"run {plan.name}"
        with contextlib.ExitStack() as stack:
            installed = locks.hold_for_run(project, what)
            stack.callback(installed.release)
            held = locks.hold_states(project, plan.state_ids, what)
            for lock in held:
                stack.callback(lock.release)
            sandbox = make_sandbox(project, run_id, what)
            stack.callback(sandbox.remove)
            keep = [lock.handle for lock in (installed, sandbox.lock, *held) if lock.handle is not None]
            one = _OneRun(self, project, catalogue, plan, request, run_id, sandbox, on_progress)
            return one.perform(echo, should_stop, keep)

    def extract(  # the port of ``commands.data.extraction.TapRunner``; each keyword is said there
        self,
        tap: str,
        stream: str,
        *,
        batches: Path,
        state: Mapping[str, JsonValue] | None = None,
        replication_key: str | None = None,
        full_table: bool = False,
        environment: str | None = None,
        echo: Echo | None = None,
    ) -> Generator[bytes, None, None]:
        """Run one stream of a tap without a target; see ``tap_alone.TapRun``."""
        from flext_pipelines.meltano.tap_alone import TapRun

        project = self.project.in_environment(environment)
        project.check()
        run = TapRun(
            project,
            tap,
            stream,
            batches,
            state,
            replication_key,
            full_table,
            self.timeout_seconds,
            self.plugin_env,
            echo,
        )
        return run.lines(self.read(project))


@dataclass
class _OneRun:
    """One run on its way; what is known of it grows as it goes."""

    runner: MeltanoRunner
    project: MeltanoProject
    catalogue: ProjectCatalogue
    plan: Plan
    request: RunRequest
    run_id: str
    sandbox: Sandbox
    on_progress: Callable[[Progress], None]
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    tail: Tail = field(default_factory=Tail)

    def perform(self, echo: Echo | None, should_stop: Callable[[], bool] | None, keep: list[int]) -> PipelineRun:
        """Start it, wait for it, judge it."""
        invocation = self._invocation()
        before = self._states_before()
        timeout = self.request.timeout_seconds or self.runner.timeout_seconds
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(self._log_file())
            migration = stack.enter_context(locks.first_migration(self.project))
            raw = RawLog(_keeping(file, echo))
            stack.callback(raw.close)
            listener = _Listener(self._redactor(invocation.env), self.tail, self.on_progress, migration, raw)
            listener.running = launch(
                invocation,
                on_out=listener.out,
                on_err=listener.err,
                graces=self.runner.graces,
                folder=self.sandbox.folder,
                keep=keep,
                warm=warm.take(self.project, invocation),
            )
            try:
                with listener.running as running:
                    ended = running.wait(graces=self.runner.graces, timeout_seconds=timeout, should_stop=should_stop)
            except BaseException as interrupt:
                interrupt.__cause__ = self._cancelled(Ended(-1, "stopped", 0), listener.tally, before)
                raise
        return self._judge(ended, listener.tally, before, timeout)

    def _states_before(self) -> Mapping[str, State]:
        """The bookmarks; of an extract-and-load schedule at its first run those that Meltano's scheduler has kept.

        ``meltano schedule run`` calls ``meltano el`` with a state id of the schedule's own. Starting without it would
        extract everything again.
        """
        former, ids = self.plan.former_state_id, self.plan.state_ids
        found = read_states(self.project, [*ids, *([former] if former else [])])
        if former is None or former not in found or ids[0] in found or former == ids[0]:
            return {state_id: state for state_id, state in found.items() if state_id in ids}
        from flext_pipelines.meltano import state_store

        state_store.write_state(self.project, ids[0], found[former])
        self.on_progress(Progress(text=f"{ids[0]}: bookmarks taken over from {former}"))
        return {ids[0]: found[former]}

    def _invocation(self) -> Invocation:
        self.sandbox.take_catalogs(self.project, () if self._refresh else self.plan.taps)
        env = child_environment(
            self.project,
            process_environment(),
            extra={**self.runner.plugin_env, **self.plan.variables, **self.sandbox.variables},
        )
        argv = run_argv(
            self.project,
            self.plan.words,
            run_id=self.run_id,
            state_id_suffix=self.plan.suffix,
            merge_state=self.plan.merge_state,
            full_refresh=self.request.full_refresh,
            refresh_catalog=self.request.refresh_catalog,
        )
        return Invocation(argv, env, self.project.root, self.sandbox.mark)

    @property
    def _refresh(self) -> bool:
        return self.request.full_refresh or self.request.refresh_catalog

    def _redactor(self, env: Mapping[str, str]) -> Redactor:
        """Knows every secret that a plugin is given, also those that only this process's environment holds."""
        return Redactor(env, dotenv_values(self.project.root / ".env"), self.runner.plugin_env, self.plan.variables)

    @contextlib.contextmanager
    def _log_file(self) -> Iterator[TextIO | None]:
        if self.request.log_file is None:
            yield None
            return
        self.request.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.request.log_file.open("a", encoding="utf-8", errors="replace") as file:
            yield file

    def _judge(
        self, ended: Ended, tally: Tally, before: Mapping[str, Mapping[str, object]], timeout: float
    ) -> PipelineRun:
        self._mend(ended)
        if ended.ending == "exited":
            with contextlib.suppress(OSError):  # a catalog that cannot be kept is discovered again
                self.sandbox.give_catalogs(self.project)
        readings = self._readings(ended, tally, before)
        error = verdict(evidence_of(readings, timeout))
        run = pipeline_run(readings, error)
        if error is None:
            return run
        error.details["run"] = run.model_dump(mode="json")
        if ended.ending != "exited":
            self.on_progress(Progress(kind="warning", text=error.reason))
        raise error

    def _cancelled(self, ended: Ended, tally: Tally, before: Mapping[str, Mapping[str, object]]) -> FlextError:
        """Where the bookmarks stand, and the counts so far: told, and the interrupt takes it along as its cause."""
        self._mend(ended)
        try:
            readings = self._readings(ended, tally, before)
        except FlextError as unknown:  # the bookmarks cannot be read; the interrupt goes on its way all the same
            return unknown
        error = cancelled(evidence_of(readings, 0))
        error.details["run"] = pipeline_run(readings, error).model_dump(mode="json")
        self.on_progress(Progress(kind="warning", text=error.reason))
        return error

    def _mend(self, ended: Ended) -> None:
        """A killed Meltano leaves its row ``RUNNING``, which would block the state id for five minutes."""
        if ended.exit_code < 0:
            with contextlib.suppress(FlextError):  # the bookmarks are read next and say it better
                system_database.end_runs(self.project.database_url, [self.run_id])

    def _readings(self, ended: Ended, tally: Tally, before: Mapping[str, Mapping[str, object]]) -> Readings:
        return Readings(
            project=self.project,
            catalogue=self.catalogue,
            plan=self.plan,
            request=self.request,
            run_id=self.run_id,
            started_at=self.started_at,
            ended=ended,
            tally=tally,
            tail=self.tail.lines(),
            before=before,
            after=read_states(self.project, self.plan.state_ids),
            streams={tap: self.sandbox.selected_streams(tap) for tap in self.plan.taps},
        )


class _Listener:
    """Takes the lines of a run: to whoever keeps them raw, and to the tally. Runs in the readers' threads."""

    running: Running
    """Set before the first line is read."""

    def __init__(
        self,
        redact: Redactor,
        tail: Tail,
        on_progress: Callable[[Progress], None],
        migration: locks.Migration,
        raw: RawLog,
    ) -> None:
        self._redact = redact
        self._tail = tail
        self._on_progress = on_progress
        self._migration = migration
        self._raw = raw
        self.tally = Tally(self._tell, lambda pid: self.running.tap_is(pid))

    def _tell(self, progress: Progress) -> None:
        """Progress reaches its listener in the thread that waits for the run."""
        self.running.note(lambda: self._on_progress(progress))

    def out(self, line: str) -> None:
        """A line of standard output: click's own messages, or whatever a wrapper around Meltano writes."""
        clean = self._redact(line)
        self._keep(clean)
        self.tally.plain.append(clean[:2000])

    def err(self, line: str) -> None:
        """A line of standard error."""
        clean = self._redact(line)
        self._keep(clean)
        record = parse_line(clean)
        self.tally.stopping = self.running.stopping
        self.tally.add(record)
        self.running.blocks_over = self.tally.blocks_over
        if isinstance(record, JobStarted) or self.tally.no_blocks:
            self._migration.done()

    def _keep(self, line: str) -> None:
        self._tail.add(line)
        self._raw.add(line + "\n")


def _keeping(file: TextIO | None, echo: Echo | None) -> Echo:
    """Writes a raw line to those who want it."""

    def write(line: str) -> None:
        if file is not None:
            file.write(line)
        if echo is not None:
            echo(line)

    return write


def _uuid(text: str | None) -> str:
    """The given id where it is a UUID (Dagster's are), else a new one: Meltano takes nothing else."""
    with contextlib.suppress(ValueError):
        return str(uuid.UUID(text or ""))
    return str(uuid.uuid4())
