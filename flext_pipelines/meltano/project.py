"""Which Meltano project, which Meltano, which environment: everything a run or a look-up starts from."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from flext_pipelines.errors import ConfigError, NotFoundError
from flext_pipelines.settings import Settings
from flext_pipelines.values import Value


class MeltanoProject(Value):
    """One Meltano project as this process sees it. Making one touches no file.

    Attributes:
        root: Folder that holds ``meltano.yml``; absolute.
        environment: Meltano environment of runs and look-ups. There is always one: without it Meltano keeps no state.
        executable: The pinned ``meltano``; absolute.
        database_url: SQLAlchemy URL of the Meltano system database, shared by all runs.
        pass_env: Names or globs of variables that plugins may see besides their own.
        sandboxes: Where each run has its sandbox while it lasts.
        home: Folder of caches and locks.
    """

    root: Path
    environment: str
    executable: Path
    database_url: SecretStr
    pass_env: tuple[str, ...] = ()
    sandboxes: Path
    home: Path

    @classmethod
    def from_settings(cls, settings: Settings) -> MeltanoProject:
        """The project that the settings name."""
        return cls(
            root=settings.meltano_project_root.absolute(),
            environment=settings.meltano_environment,
            executable=settings.meltano_executable.absolute(),
            database_url=settings.meltano_database,
            pass_env=settings.meltano_pass_env,
            sandboxes=settings.runs_folder.absolute(),
            home=settings.home.absolute(),
        )

    def in_environment(self, environment: str | None) -> MeltanoProject:
        """The same project in another environment; itself when none is named."""
        return self if environment in {None, self.environment} else self.model_copy(update={"environment": environment})

    @property
    def file(self) -> Path:
        """Its ``meltano.yml``."""
        return self.root / "meltano.yml"

    @property
    def system_folder(self) -> Path:
        """Its ``.meltano``, where plugins are installed."""
        return self.root / ".meltano"

    @property
    def locks(self) -> Path:
        """Folder of lock files."""
        return self.home / "locks"

    def check(self) -> None:
        """Refuse what cannot work before anything is started.

        Raises:
            NotFoundError: There is no ``meltano.yml``, or no ``meltano``.
            ConfigError: No environment is named.
        """
        if not self.file.is_file():
            raise NotFoundError(
                f"There is no Meltano project in {self.root}",
                "Set FLEXT_MELTANO_PROJECT_ROOT to the folder that holds meltano.yml",
                {"folder": str(self.root)},
            )
        if not self.executable.is_file():
            raise NotFoundError(
                f"There is no Meltano at {self.executable}",
                "Set FLEXT_MELTANO_EXECUTABLE to the meltano of the pinned environment",
                {"file": str(self.executable)},
            )
        if not self.environment:
            raise ConfigError(
                "No Meltano environment is named, so Meltano would keep no bookmarks",
                "Set FLEXT_MELTANO_ENVIRONMENT to an environment of meltano.yml",
                {"file": str(self.file)},
            )
