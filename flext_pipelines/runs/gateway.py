"""The port ``runs``: everything that handlers ask of Dagster, in one object per process.

What belongs here: one line per question, so that a reader finds the module that answers it. What does not: answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.runs import logs, metrics, resources
from flext_pipelines.runs import status as statuses
from flext_pipelines.runs.find import find_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from flext_pipelines.runs.code import CodeLocation
    from flext_pipelines.runs.location import RunStatus
    from flext_pipelines.runs.record import Event, Level
    from flext_pipelines.runs.records import RunRecords
    from flext_pipelines.runs.stop import StopResult
    from flext_pipelines.settings import Settings


class Runs:
    """Runs of one Dagster home. Reading opens the storage at the first question; ``close`` gives it back.

    Args:
        settings: Whose home.
        code: Where jobs are defined; by default this package's definitions.
    """

    def __init__(self, settings: Settings, code: CodeLocation | None = None) -> None:
        self._settings = settings
        self._code = code
        self._records: RunRecords | None = None

    @property
    def records(self) -> RunRecords:
        """The reader of the storage."""
        if self._records is None:
            from flext_pipelines.runs.storage import open_records

            self._records = open_records(self._settings)
        return self._records

    def close(self) -> None:
        """Give the storage back."""
        if self._records is not None:
            self._records.close()
            self._records = None

    def launch(
        self,
        job: str,
        *,
        run_config: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
        asset_keys: Sequence[Sequence[str]] | None = None,
        streams: Sequence[str] = (),
        partition: str | None = None,
        attached: bool = True,
        on_event: Callable[[Event], None] | None = None,
        on_created: Callable[[str], None] | None = None,
    ) -> str:
        """Make a run; see ``launch.launch``."""
        from flext_pipelines.runs.launch import OUR_CODE, launch

        return launch(
            self._settings,
            job,
            run_config=run_config,
            tags=tags,
            asset_keys=asset_keys,
            streams=streams,
            partition=partition,
            attached=attached,
            on_event=on_event,
            on_created=on_created,
            code=self._code or OUR_CODE,
        )

    def stop(self, execution_id: str, *, force: bool = False, timeout_seconds: float | None = None) -> StopResult:
        """Stop a run, by id or the beginning of one; see ``stop.stop``."""
        from flext_pipelines.runs.stop import stop

        run = find_run(self.records, execution_id)
        return stop(self._settings, run.run_id, force=force, timeout_seconds=timeout_seconds)

    def status(
        self,
        execution_id: str | None = None,
        pipeline: str | None = None,
        *,
        include_logs: bool = False,
        previous: int = 0,
    ) -> statuses.PipelineStatus:
        """The state of one run; see ``status.pipeline_status``."""
        return statuses.pipeline_status(
            self.records, execution_id, pipeline, include_logs=include_logs, previous=previous
        )

    def overview(self) -> statuses.Overview:
        """How things stand; see ``status.overview``."""
        return statuses.overview(self.records)

    def list_runs(
        self,
        *,
        pipeline: str | None = None,
        status: RunStatus | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        limit: int = 25,
        cursor: str | None = None,
    ) -> statuses.RunPage:
        """Runs, a page at a time; see ``status.list_runs``."""
        return statuses.list_runs(
            self.records,
            pipeline=pipeline,
            status=status,
            created_after=created_after,
            created_before=created_before,
            limit=limit,
            cursor=cursor,
        )

    def events(
        self,
        execution_id: str,
        *,
        cursor: str | None = None,
        limit: int = 100,
        level: Level = "debug",
        since: datetime | None = None,
        wait_seconds: float = 0,
    ) -> logs.ExecutionLogs:
        """A page of a run's events; see ``logs.event_page``."""
        return logs.event_page(
            self.records,
            execution_id,
            cursor=cursor,
            limit=limit,
            level=level,
            since=since,
            wait_seconds=wait_seconds,
        )

    def raw(
        self, execution_id: str, *, cursor: str | None = None, step: str | None = None, wait_seconds: float = 0
    ) -> logs.ExecutionLogs:
        """A page of a run's raw output; see ``logs.raw_page``."""
        storage = self._settings.dagster_home / "storage"
        return logs.raw_page(self.records, storage, execution_id, cursor=cursor, step=step, wait_seconds=wait_seconds)

    def follow(self, execution_id: str, *, cursor: str | None = None, level: Level = "debug") -> Iterator[Event]:
        """Every event of a run until it has ended; see ``logs.follow``."""
        return logs.follow(self.records, execution_id, cursor=cursor, level=level)

    def metrics(self, execution_id: str | None = None, pipeline: str | None = None) -> metrics.RunMetrics:
        """What a run moved; see ``metrics.run_metrics``."""
        return metrics.run_metrics(self.records, execution_id, pipeline)

    def answer(self, execution_id: str) -> object:
        """What the message of a run of ``MESSAGE_JOB`` was answered with, as JSON values; None if it was not."""
        from flext_pipelines.runs.location import ANSWER

        found = [output[ANSWER] for output in self.records.outputs(execution_id) if ANSWER in output]
        return found[-1] if found else None

    def assets(self) -> list[resources.Resource]:
        """Assets that were made."""
        return resources.assets(self.records)

    def schedules(self, crons: Mapping[str, str], enabled: Mapping[str, bool]) -> list[resources.Resource]:
        """Schedules, given their cron lines and defaults by name, with what Dagster says of them."""
        return resources.switched(self.records, "schedules", crons, enabled)

    def sensors(self) -> list[resources.Resource]:
        """Sensors that were ever switched."""
        return resources.switched(self.records, "sensors", {})

    def daemons(self) -> list[resources.Resource]:
        """Dagster's daemons."""
        return resources.daemons(self.records)
