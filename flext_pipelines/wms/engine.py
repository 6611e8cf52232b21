"""The connection to the warehouse-management database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flext_pipelines.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import SecretStr
    from sqlalchemy import Engine


def open_engine(url: SecretStr) -> Engine:
    """An engine for the URL; an SQLite file's folder is made if it is missing.

    Raises:
        ConfigError: The URL is not one, or its driver is not installed.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        parsed = make_url(url.get_secret_value())
        if parsed.get_backend_name() == "sqlite" and parsed.database not in {None, "", ":memory:"}:
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        return create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError(
            f"FLEXT_WMS_URL is not a database URL we can open ({type(error).__name__})",
            "Give it as dialect+driver://user:password@host:port/database, for instance sqlite:////data/wms.db",
        ) from error
