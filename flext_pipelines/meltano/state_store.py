"""Singer state through Meltano's own library: any backend that the project configures, and every write.

Importing the library costs 0.3 s once; ``state`` comes here only when the default backend is not in use.

What belongs here: the library's state service. What does not: the default backend's quick way (``system_database``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from meltano.core.db import project_engine
from meltano.core.state_service import StateService
from meltano.core.state_store.base import (
    MissingStateBackendSettingsError,
    StateIDLockedError,
    UnsupportedStateBackendURIError,
)
from sqlalchemy.exc import SQLAlchemyError

from flext_pipelines.errors import ConfigError, UnavailableError
from flext_pipelines.meltano.environment import child_environment
from flext_pipelines.meltano.library import LIBRARY_ERRORS, OpenedProject, quiet
from flext_pipelines.meltano.system_database import make_private_database
from flext_pipelines.settings import environment as process_environment

if TYPE_CHECKING:
    from flext_pipelines.meltano.bookmarks import State
    from flext_pipelines.meltano.project import MeltanoProject


def read_states(project: MeltanoProject, state_ids: Sequence[str]) -> dict[str, State]:
    """See ``state.read_states``."""
    with _service(project) as service:
        found = {state_id: service.get_state(state_id).get("singer_state") for state_id in state_ids}
    return {state_id: cast("State", state) for state_id, state in found.items() if state}


def write_state(project: MeltanoProject, state_id: str, state: State | None) -> None:
    """See ``state.write_state``."""
    with _service(project) as service:
        if state is None:
            service.clear_state(state_id)
        else:
            service.set_state(state_id, json.dumps({"singer_state": state}))


@contextmanager
def _service(project: MeltanoProject) -> Iterator[StateService]:
    seen = child_environment(project, process_environment())
    make_private_database(project.database_url)
    try:
        with quiet():
            opened = OpenedProject(project.root, project.environment, seen).project
            engine, session_maker = project_engine(opened)
            try:
                with session_maker() as session, StateService(opened, session) as service:
                    yield service
            finally:
                engine.dispose()
    except (MissingStateBackendSettingsError, UnsupportedStateBackendURIError) as error:
        raise ConfigError(
            f"The state backend of {project.file} cannot be used: {error}",
            "Correct state_backend in meltano.yml",
            {"file": str(project.file)},
        ) from error
    except (SQLAlchemyError, StateIDLockedError, OSError, *LIBRARY_ERRORS) as error:
        raise UnavailableError(
            f"The state store of {project.root} does not answer: {type(error).__name__}",
            "Check that the state backend of meltano.yml is reachable",
            {"project": str(project.root)},
        ) from error
