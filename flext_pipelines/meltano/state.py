"""Singer state: which state id a run has, and where its state is kept.

What belongs here: state ids as Meltano builds them, reading and writing a state. What does not: what a state says
(``bookmarks``), who may write one at what time (``locks``, ``run``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flext_pipelines.errors import NotFoundError, UsageError
from flext_pipelines.meltano import system_database
from flext_pipelines.meltano.bookmarks import State
from flext_pipelines.meltano.environment import child_environment, project_files
from flext_pipelines.settings import environment as process_environment

if TYPE_CHECKING:
    from flext_pipelines.meltano.project import MeltanoProject


def state_id(environment: str, tap: str, target: str, suffix: str | None = None) -> str:
    """``<environment>:<tap>-to-<target>[:<suffix>]``, as ``meltano run`` builds it (block/extract_load.py).

    Raises:
        UsageError: A part holds a colon, which Meltano refuses.
    """
    parts = [environment, f"{tap}-to-{target}", *([suffix] if suffix else [])]
    if any(":" in part for part in parts):
        raise UsageError(
            f"No state id can be built from {', '.join(parts)}: a part holds a colon",
            "Rename the environment, plugin or partition",
        )
    return ":".join(parts)


def read_states(project: MeltanoProject, state_ids: Sequence[str]) -> dict[str, State]:
    """The Singer state that the next run would be given, for each state id that has one.

    Raises:
        UnavailableError: The state store does not answer.
    """
    if not state_ids:
        return {}
    if uses_system_database(project):
        return dict(system_database.stored_states(project.database_url, state_ids))
    from flext_pipelines.meltano import state_store

    return state_store.read_states(project, state_ids)


def uses_system_database(project: MeltanoProject) -> bool:
    """Whether states lie in the system database, Meltano's default.

    Judged by whether anything mentions another backend, so that the usual case parses nothing. A mention that
    means nothing only costs the slower way, which asks the Meltano library.
    """
    mentioned = any(b"state_backend" in path.read_bytes() for path in project_files(project))
    dotenv = project.root / ".env"
    if dotenv.is_file():
        mentioned = mentioned or b"STATE_BACKEND" in dotenv.read_bytes()
    return not mentioned and not any(
        "STATE_BACKEND" in name for name in child_environment(project, process_environment())
    )


def write_state(project: MeltanoProject, wanted: str, state: State | None) -> None:
    """Put a Singer state in place of the one there is, or remove it with None.

    Raises:
        AlreadyRunningError: A run with that state id is at work.
        NotFoundError: There is nothing to remove.
        UnavailableError: The state store does not answer.
    """
    from flext_pipelines.meltano import state_store
    from flext_pipelines.meltano.locks import hold_states

    if state is None and wanted not in read_states(project, [wanted]):
        raise NotFoundError(
            f"There is no Singer state {wanted}",
            "A state id is ENVIRONMENT:TAP-to-TARGET, and :PARTITION after it where there is one; `meltano state list` "
            "shows those there are, with MELTANO_DATABASE_URI set to the database that flext keeps them in",
            {"state_id": wanted},
        )
    held = hold_states(project, (wanted,), f"edit of state {wanted}")
    try:
        state_store.write_state(project, wanted, state)
    finally:
        for lock in held:
            lock.release()
