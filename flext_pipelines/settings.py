"""Every setting, and the only reader of the environment.

A setting is an environment variable with the prefix ``FLEXT_``. The embedded defaults need none:
state lives in one home folder (``FLEXT_HOME``, by default ``.flext`` beside the checkout's
``pyproject.toml``), databases are SQLite and DuckDB files below it.

What belongs here: names, types, defaults and derived places, and how a folder of the home is made, which all of them
do alike. What does not: what is in them, opening or connecting to it; reading this module touches no file.
"""

import getpass
import os
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_CHECKOUT = Path(__file__).resolve().parent.parent


def _default_root() -> Path:
    """The checkout when we run from one, else the folder we are called in."""
    return _CHECKOUT if (_CHECKOUT / "workspace.yaml").exists() else Path.cwd()


class Settings(BaseSettings):
    """The effective settings of one process. Immutable; build another to change one.

    Secrets are ``SecretStr``: they never print. Databases are SQLAlchemy URLs.
    """

    model_config = SettingsConfigDict(env_prefix="FLEXT_", frozen=True, extra="ignore", hide_input_in_errors=True)

    home: Path = Field(default_factory=lambda: _default_root() / ".flext", description="Folder of all state.")
    actor: str = Field(default="", description="Who acts; by default the operating system's user.")

    meltano_project_root: Path = Field(
        default_factory=lambda: _default_root() / "meltano", description="The Meltano project: ours, or anybody's."
    )
    meltano_environment: str = Field(default="dev", description="Meltano environment of runs and look-ups.")
    meltano_executable: Path = Field(
        default_factory=lambda: Path(sys.executable).parent / "meltano", description="The pinned Meltano."
    )
    meltano_database_url: SecretStr | None = Field(default=None, description="Meltano system database.")
    meltano_pass_env: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Comma-separated names or globs of variables that plugins may see besides their own."
    )
    meltano_timeout_seconds: float = Field(default=0, ge=0, description="Longest Meltano run; 0 is no limit.")
    stop_tap_grace_seconds: float = Field(default=60, gt=0, description="Wait after the tap was asked to stop.")
    stop_meltano_grace_seconds: float = Field(default=20, gt=0, description="Wait after Meltano was asked to stop.")

    control_url: SecretStr | None = Field(default=None, description="Control database; by default SQLite in the home.")
    idempotency_wait_seconds: float = Field(
        default=3600, ge=0, description="How long a second caller of one idempotency key waits for the first."
    )
    idempotency_retention_days: float = Field(
        default=30, gt=0, description="How long the result of an idempotency key is kept."
    )
    dagster_postgres_url: SecretStr | None = Field(
        default=None, description="Dagster storage on PostgreSQL; by default SQLite in the home."
    )
    max_concurrent_runs: int = Field(default=10, ge=1, description="Runs that Dagster starts at once.")
    wms_url: SecretStr | None = Field(default=None, description="WMS database; by default SQLite in the home.")
    wms_backend: Literal["database", "cloud"] = Field(
        default="database", description="Who answers WMS messages: the WMS database, or Oracle WMS Cloud."
    )
    wms_status_labels: dict[Literal["order", "outbound", "inbound"], dict[int, str]] = Field(
        default_factory=dict,
        description='What status ids of the WMS database are called, as JSON: {"order": {"20": "released"}}.',
    )
    wms_pool_size: int = Field(default=5, ge=1, le=100, description="Most connections of a process to an Oracle WMS.")
    wms_connect_timeout_seconds: float = Field(
        default=20, gt=0, description="Longest wait for a connection to the WMS, login included."
    )
    wms_call_timeout_seconds: float = Field(
        default=300, ge=0, description="Longest wait for an Oracle WMS's answer to one statement; 0 is no limit."
    )
    wms_wallet_location: Path | None = Field(default=None, description="Folder of an Oracle wallet (ewallet.pem).")
    wms_wallet_password: SecretStr | None = Field(default=None, description="Password of the Oracle wallet.")
    wms_cloud_url: str | None = Field(
        default=None, description="Oracle WMS Cloud: https://<instance>.wms.ocs.oraclecloud.com/<tenant>."
    )
    wms_cloud_user: str = Field(default="", description="User of Oracle WMS Cloud (basic authentication).")
    wms_cloud_password: SecretStr | None = Field(default=None, description="Password of that user.")
    wms_cloud_token_url: str | None = Field(default=None, description="OAuth2 token endpoint, instead of a password.")
    wms_cloud_client_id: str = Field(default="", description="OAuth2 client.")
    wms_cloud_client_secret: SecretStr | None = Field(default=None, description="Secret of the OAuth2 client.")
    wms_cloud_scope: str = Field(default="", description="OAuth2 scope to ask for.")
    wms_cloud_facility: str | None = Field(default=None, description="Facility of requests that name none, by code.")
    wms_cloud_company: str | None = Field(default=None, description="Company of requests that name none, by code.")
    wms_cloud_timeout_seconds: float = Field(default=60, gt=0, description="Longest wait for one answer of the cloud.")
    wms_cloud_retries: int = Field(
        default=3, ge=0, le=20, description="How often a call that may be repeated is repeated."
    )
    wms_cloud_retry_wait_seconds: float = Field(
        default=60, ge=0, description="Longest wait before one repetition, whatever Retry-After says."
    )
    wms_cloud_ca_file: Path | None = Field(
        default=None, description="Certificates to trust instead of the system's, in PEM."
    )
    wms_mock_user: str = Field(default="mock", description="User of `flext wms mock-server`.")
    wms_mock_password: SecretStr = Field(default=SecretStr("mock"), description="Its password.")
    warehouse_url: SecretStr | None = Field(default=None, description="Warehouse; by default DuckDB in the home.")
    landing_root: Path | None = Field(default=None, description="Landing zone of extracted files.")
    landing_keep: str = Field(
        default="",
        description="What stays of each data set after a command wrote or loaded it: 10 versions, 30d, or 10,30d; all.",
    )
    oud_bind_password: SecretStr | None = Field(
        default=None, description="Password of the account that binds to a directory, when no file holds it."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Our own log level.")

    @cached_property
    def acting_user(self) -> str:
        """The actor of commands that name none: ``FLEXT_ACTOR`` or the operating system's user."""
        return self.actor or getpass.getuser()

    @property
    def dagster_home(self) -> Path:
        """Folder of the Dagster instance; holds the generated ``dagster.yaml``."""
        return self.home / "dagster"

    @property
    def control_database(self) -> SecretStr:
        """SQLAlchemy URL of the control database."""
        return self.control_url or SecretStr(f"sqlite:///{self.home / 'control.db'}")

    @property
    def meltano_database(self) -> SecretStr:
        """SQLAlchemy URL of the Meltano system database (state, runs)."""
        return self.meltano_database_url or SecretStr(f"sqlite:///{self.home / 'meltano.db'}")

    @property
    def wms_database(self) -> SecretStr:
        """SQLAlchemy URL of the warehouse-management database that pipelines read."""
        return self.wms_url or SecretStr(f"sqlite:///{self.home / 'wms.db'}")

    @property
    def warehouse(self) -> SecretStr:
        """URL of the warehouse that pipelines load: ``duckdb:///file``, ``postgresql://`` or ``oracle://``."""
        return self.warehouse_url or SecretStr(f"duckdb:///{self.home / 'warehouse.duckdb'}")

    @property
    def landing(self) -> Path:
        """Root folder of the landing zone (Parquet files and their manifests)."""
        return self.landing_root or self.home / "landing"

    @property
    def runs_folder(self) -> Path:
        """Where each Meltano run has its sandbox while it lasts."""
        return self.home / "sandboxes"


def environment() -> Mapping[str, str]:
    """The environment of this process, read-only, for those who pass a part of it on to a child."""
    return dict(os.environ)


def make_private(folder: Path) -> Path:
    """Make a folder and what is missing above it, each with mode 0700; one that is there stays as it is.

    The home holds bookmarks, landed rows, logs and databases, and whoever comes first with a folder below it makes it
    too. ``Path.mkdir`` gives its ``mode`` to the last folder only, and to those above it what the umask leaves.

    Returns:
        The folder.

    Raises:
        OSError: It cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError:
        if folder.parent == folder:
            raise
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder
