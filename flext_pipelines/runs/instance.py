"""The Dagster instance of a home, opened only where something must be written or executed.

What belongs here: opening it. What does not: reading (``records``), the home's files (``home``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.errors import ConfigError
from flext_pipelines.runs.database import PostgresDatabase
from flext_pipelines.runs.failures import storage_error
from flext_pipelines.runs.home import prepare_home

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from flext_pipelines.settings import Settings


def check_postgres(url: str) -> None:
    """Whether the server answers at all: Dagster would try six times, and log each, before it says that it does not.

    Raises:
        UnavailableError: It does not.
    """
    database = PostgresDatabase(url)
    try:
        database.runs("SELECT 1", {})
    finally:
        database.close()


def open_instance(settings: Settings) -> DagsterInstance:
    """The instance of ``settings.dagster_home``, prepared if need be. Close it by ``dispose`` or as a context manager.

    Raises:
        ConfigError: ``dagster.yaml``, when edited by hand, does not validate.
        UnavailableError: The storage does not answer.
        DataDamagedError: A file of it is no database any more.
        StorageFullError: No room is left for it.
    """
    from dagster import DagsterInstance
    from dagster._core.errors import DagsterInvalidConfigError, DagsterInvariantViolationError
    from sqlalchemy.exc import DBAPIError

    home = prepare_home(settings)
    if settings.dagster_postgres_url is not None:
        check_postgres(settings.dagster_postgres_url.get_secret_value())
    try:
        return DagsterInstance.from_config(str(home))
    except (DagsterInvalidConfigError, DagsterInvariantViolationError) as error:
        raise ConfigError(
            f"{home / 'dagster.yaml'} does not validate: {error}",
            "Mend the file, or remove it to have it generated anew",
            {"file": str(home / "dagster.yaml")},
        ) from error
    except DBAPIError as error:
        raise storage_error(error.orig, f"in {home}") from None
