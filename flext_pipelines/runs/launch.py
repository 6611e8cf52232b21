"""Launching: a Dagster run is made, and performed here (attached) or by a process of its own (detached).

*Attached*: the run is executed in this process, on the instance, with no code server between: what is added to the
process is the import of dagster and one run's events. Ctrl-C, SIGTERM and a closed terminal cancel it properly.
*Detached*: the run is submitted to the instance's coordinator, whose launcher starts it on a code server, and this
process may end. Both are seen, and can be cancelled, in the UI, GraphQL and by ``flext stop``.

What belongs here: making the run and the two ways. What does not: the definitions (``code``), signals (``interrupts``).
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flext_pipelines.errors import ConfigError, FlextError, UnavailableError, UsageError
from flext_pipelines.runs.code import CodeLocation, check_partition, choose_assets
from flext_pipelines.runs.decoding import decode_event
from flext_pipelines.runs.failures import storage_errors
from flext_pipelines.runs.instance import open_instance
from flext_pipelines.runs.interrupts import cancel_on_signal
from flext_pipelines.runs.liveness import host_name, own_start_time
from flext_pipelines.runs.location import Tag
from flext_pipelines.runs.lost import mark_lost
from flext_pipelines.runs.record import Event
from flext_pipelines.settings import make_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from dagster import DagsterInstance, DagsterRun, EventLogEntry, JobDefinition
    from dagster._core.definitions.reconstruct import ReconstructableJob

    from flext_pipelines.settings import Settings

OUR_CODE = CodeLocation()


def launch(
    settings: Settings,
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
    code: CodeLocation = OUR_CODE,
) -> str:
    """Make a run and see that it is performed.

    Args:
        settings: Whose Dagster home.
        job: The Dagster job.
        run_config: Dagster's run config; stored in plain text, so never a secret.
        tags: Run tags beside those that Dagster and this function set.
        asset_keys: Make only these assets of the job.
        streams: Make only the assets of these streams.
        partition: The partition key, for a job with partitions.
        attached: Perform it here and return when it ended; else return when it was submitted.
        on_event: For an attached run, called with each event as it happens; its ``cursor`` is 0, because the storage
            has not numbered it yet. While a step runs, this process's stdout and stderr are its compute log: who
            prints from here writes to a duplicate of the terminal's descriptor made before.
        on_created: Called with the run id before the run is performed.
        code: Where the job is defined.

    Returns:
        The run id. How the run ended is for ``status`` to say; a failed run is not an error of launching.

    Raises:
        NotFoundError: No such job, asset, stream or partition.
        UsageError: The run config does not fit the job, or a partition is missing.
        FlextError: As the job's own check of its run config raised it, for instance because it holds a secret.
        ConfigError: The definitions or the Dagster home are wrong.
        UnavailableError: The storage, or the code server of a detached run, does not answer.
        StorageFullError: No room is left for the storage.
    """
    with storage_errors(f"in {settings.dagster_home}"), open_instance(settings) as instance:
        mark_lost(instance, settings)
        recon = code.load_job(job)
        if not attached:
            run = _create(instance, recon, code, run_config, tags or {}, asset_keys, streams, partition)
            if on_created is not None:
                on_created(run.run_id)
            _submit(instance, run, code, settings.dagster_home / "logs")
            return run.run_id
        from dagster._utils.interrupts import capture_interrupts

        own = {Tag.PID: str(os.getpid()), Tag.HOST: host_name(), Tag.PROCESS_STARTED: f"{own_start_time():.2f}"}
        with capture_interrupts():
            run = _create(instance, recon, code, run_config, {**(tags or {}), **own}, asset_keys, streams, partition)
            if on_created is not None:
                on_created(run.run_id)
            _perform(instance, recon, run, on_event)
        return run.run_id


def _create(
    instance: DagsterInstance,
    recon: ReconstructableJob,
    code: CodeLocation,
    run_config: Mapping[str, object] | None,
    tags: Mapping[str, str],
    asset_keys: Sequence[Sequence[str]] | None,
    streams: Sequence[str],
    partition: str | None,
) -> DagsterRun:
    """The run in the storage, checked against the job, not started."""
    from dagster import DagsterInvalidConfigError
    from dagster._core.errors import DagsterConfigMappingFunctionError

    job = recon.get_definition()
    assets = choose_assets(job, asset_keys, streams)
    check_partition(job, partition)
    all_tags = {**job.run_tags, **tags}
    if partition is not None:
        all_tags[Tag.PARTITION] = partition
    try:
        return instance.create_run_for_job(
            job_def=job,
            run_config=_without_console(job, run_config or {}),
            tags=all_tags,
            asset_selection=assets,
            remote_job_origin=code.origin(job.name),
            job_code_origin=recon.get_python_origin(),
        )
    except DagsterConfigMappingFunctionError as error:
        if isinstance(error.user_exception, FlextError):
            raise error.user_exception from None
        raise
    except DagsterInvalidConfigError as error:
        problems = [str(problem.message) for problem in error.errors]
        raise UsageError(
            f"The run config does not fit the job {job.name}: {'; '.join(problems)}",
            "Correct the fields named",
            {"job": job.name, "problems": problems},
        ) from None


def _without_console(job: JobDefinition, run_config: Mapping[str, object]) -> dict[str, object]:
    """Run config that keeps Dagster's events off the terminal, where they would stand among our own lines."""
    config = dict(run_config)
    if "console" in job.loggers and "loggers" not in config:
        config["loggers"] = {"console": {"config": {"log_level": "CRITICAL"}}}
    return config


def _perform(
    instance: DagsterInstance, recon: ReconstructableJob, run: DagsterRun, on_event: Callable[[Event], None] | None
) -> None:
    """Execute the run in this process to its end, whatever end that is."""
    from dagster import DagsterRunStatus
    from dagster._core.errors import DagsterExecutionInterruptedError
    from dagster._core.execution.api import execute_run_iterator
    from dagster._utils.interrupts import check_captured_interrupt

    if on_event is not None:
        instance.add_event_listener(run.run_id, _listener(on_event))
    with cancel_on_signal(instance, run) as signals:
        # One that came while the run was made: nobody could mark the run then, and Dagster would call it failed.
        interrupted = check_captured_interrupt()
        try:
            for event in () if interrupted else execute_run_iterator(recon, run, instance):
                if event.is_step_failure:
                    signals.settle()
        except (KeyboardInterrupt, DagsterExecutionInterruptedError):
            interrupted = True
    ended = instance.get_run_by_id(run.run_id) or run
    if signals.seen or interrupted:
        # Dagster calls a run failed whose interruption it noticed before our mark of cancelling was stored.
        if ended.status not in {DagsterRunStatus.CANCELED, DagsterRunStatus.SUCCESS}:
            instance.report_run_canceled(ended, "The run was interrupted by a signal to its process.")
    elif not ended.is_finished:
        instance.report_run_failed(ended, "The run ended without a result.")


def _listener(on_event: Callable[[Event], None]) -> Callable[[EventLogEntry], None]:
    from dagster._serdes import serialize_value

    return lambda entry: on_event(decode_event(0, serialize_value(entry)))


def _submit(instance: DagsterInstance, run: DagsterRun, code: CodeLocation, logs: Path) -> None:
    """Start the run on a code server of its own, which ends with the run; without room it stays in the queue."""
    from dagster._core.errors import (
        DagsterCodeLocationLoadError,
        DagsterLaunchFailedError,
        DagsterUserCodeUnreachableError,
    )
    from dagster._core.workspace.context import WorkspaceProcessContext

    try:
        with (
            _output_to(logs / f"{run.run_id}.log"),
            WorkspaceProcessContext(instance, code.target()) as workspace,
        ):
            instance.submit_run(run.run_id, workspace.create_request_context())
    except DagsterCodeLocationLoadError as error:
        raise ConfigError(
            f"The definitions in {code.module} do not load on a code server: {_first_line(error)}",
            "Mend what the message names; `flext validate` checks the Meltano project that they are made from",
            {"run_id": run.run_id, "module": code.module},
        ) from error
    except (DagsterLaunchFailedError, DagsterUserCodeUnreachableError) as error:
        raise UnavailableError(
            f"The code server did not start run {run.run_id}: {_first_line(error)}",
            f"Its output is in {logs / run.run_id}.log; `flext logs {run.run_id}` shows the run's events",
            {"run_id": run.run_id},
        ) from error


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__


@contextmanager
def _output_to(file: Path) -> Iterator[None]:
    """Processes started meanwhile write to the file: else ``$(flext run --detach)`` would wait for the run's end."""
    import sys

    make_private(file.parent)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    target = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.dup2(target, 1)
        os.dup2(target, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, handle in zip((1, 2), kept, strict=True):
            os.dup2(handle, number)
            os.close(handle)
        os.close(target)
