"""The code location: where the definitions are, and finding a job in them.

What belongs here: loading definitions into this process and choosing a job, its assets and its partition, with errors
that name what there is. What does not: what the definitions hold (``assets``), running any of it (``launch``).
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from flext_pipelines.errors import ConfigError, NotFoundError, UsageError
from flext_pipelines.runs.location import CODE_LOCATION, DEFINITIONS_ATTRIBUTE, DEFINITIONS_MODULE, REPOSITORY, Meta
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dagster import AssetKey, JobDefinition
    from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
    from dagster._core.remote_origin import RemoteJobOrigin
    from dagster._core.workspace.load_target import ModuleTarget


class CodeLocation(Value):
    """A module with a ``Definitions`` object.

    Attributes:
        module: Its dotted name.
        attribute: The name of the object in it.
        name: How Dagster lists it.
        working_directory: Put before the import path, for a module that is not installed.
    """

    module: str = DEFINITIONS_MODULE
    attribute: str = DEFINITIONS_ATTRIBUTE
    name: str = CODE_LOCATION
    working_directory: str | None = None

    def target(self) -> ModuleTarget:
        """The location as Dagster's workspaces name it."""
        from dagster._core.workspace.load_target import ModuleTarget

        return ModuleTarget(self.module, self.attribute, self.working_directory, self.name)

    def origin(self, job: str) -> RemoteJobOrigin:
        """Where a code server finds the job, so that a run made here can be re-executed from the UI."""
        from dagster._core.remote_origin import RemoteJobOrigin, RemoteRepositoryOrigin

        return RemoteJobOrigin(RemoteRepositoryOrigin(self.target().create_origins()[0], REPOSITORY), job)

    def load_job(self, job: str) -> ReconstructableJob:
        """The job, with the definitions loaded into this process.

        Raises:
            NotFoundError: There is no such job.
            ConfigError: The definitions do not load.
        """
        from dagster._core.errors import DagsterUserCodeLoadError, user_code_error_boundary

        repository = self._repository()
        try:
            with user_code_error_boundary(DagsterUserCodeLoadError, lambda: self.module):
                names = list(repository.get_definition().job_names)
        except DagsterUserCodeLoadError as error:
            raise ConfigError(
                f"The definitions in {self.module} do not load: {str(error.user_exception).rstrip('.')}",
                "Mend what the message names; `flext validate` checks the Meltano project that they are made from",
                {"module": self.module, "error": type(error.user_exception).__name__},
            ) from error.user_exception
        if job not in names:
            near = difflib.get_close_matches(job, names, 3) or sorted(name for name in names if name[:2] != "__")[:10]
            raise NotFoundError(
                f"There is no job {job!r}", f"There are, among others: {', '.join(near)}", {"job": job, "near": near}
            )
        return repository.get_reconstructable_job(job)

    def _repository(self) -> ReconstructableRepository:
        from dagster._core.definitions.reconstruct import ReconstructableRepository

        return ReconstructableRepository.for_module(
            module=self.module, fn_name=self.attribute, working_directory=self.working_directory
        )


def choose_assets(
    job: JobDefinition, asset_keys: Sequence[Sequence[str]] | None, streams: Sequence[str]
) -> set[AssetKey] | None:
    """The assets of a job that a run should make: by key or by stream.

    Args:
        job: The job.
        asset_keys: Keys.
        streams: Names as taps give them, or ``tap.stream`` for that of one tap; else what ends a key.

    Returns:
        None when neither is given: the whole job.

    Raises:
        NotFoundError: The job makes no such asset; the error names those it makes.
    """
    from dagster import AssetKey

    if asset_keys is None and not streams:
        return None
    there = {key.to_user_string(): key for key in job.asset_layer.executable_asset_keys}
    by_stream, by_end = _by_stream(job, there.values())
    chosen: set[AssetKey] = set()
    for path in asset_keys or ():
        name = AssetKey(list(path)).to_user_string()
        if name not in there:
            raise _unknown("asset", name, job.name, list(there))
        chosen.add(there[name])
    for stream in streams:
        found = by_stream.get(stream) or by_end.get(stream.replace("/", "_"))
        if found is None:
            raise _unknown("stream", stream, job.name, list(by_end))
        chosen |= found
    return chosen


def _by_stream(
    job: JobDefinition, keys: Iterable[AssetKey]
) -> tuple[dict[str, set[AssetKey]], dict[str, set[AssetKey]]]:
    """Assets by the stream that they are, bare and with its tap; and all of them by what ends their key."""
    by_stream: dict[str, set[AssetKey]] = {}
    by_end: dict[str, set[AssetKey]] = {}
    for key in keys:
        by_end.setdefault(key.path[-1], set()).add(key)
        told = job.asset_layer.asset_graph.get(key).metadata
        if Meta.TAP in told and Meta.STREAM in told:
            for name in (str(told[Meta.STREAM]), f"{told[Meta.TAP]}.{told[Meta.STREAM]}"):
                by_stream.setdefault(name, set()).add(key)
    return by_stream, by_end


def _unknown(kind: str, name: str, job: str, there: Sequence[str]) -> NotFoundError:
    near = difflib.get_close_matches(name, there, 3) or sorted(there)[:10]
    return NotFoundError(
        f"The job {job} has no {kind} {name!r}",
        f"It has {', '.join(near)}" if near else "It has none: run it as a whole",
        {"job": job, kind: name, "near": near},
    )


def check_partition(job: JobDefinition, partition: str | None) -> None:
    """Whether the job has partitions, and this one.

    Raises:
        UsageError: A partition is missing, or given to a job without partitions.
        NotFoundError: The job has no such partition.
    """
    partitions = job.partitions_def
    if partitions is None:
        if partition is not None:
            raise UsageError(f"The job {job.name} has no partitions", "Leave the partition out", {"job": job.name})
        return
    keys = partitions.get_partition_keys()
    if partition is None:
        last = f", the latest is {keys[-1]}" if keys else ""
        raise UsageError(
            f"The job {job.name} is partitioned and no partition is given",
            f"Name one of its {len(keys)} partitions{last}",
            {"job": job.name},
        )
    if partition not in keys:
        span = f"from {keys[0]} to {keys[-1]}" if keys else "none yet"
        raise NotFoundError(
            f"The job {job.name} has no partition {partition!r}", f"Its partitions: {span}", {"job": job.name}
        )
