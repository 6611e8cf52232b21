"""The connection to the warehouse-management database."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flext_pipelines.errors import ConfigError, UnavailableError
from flext_pipelines.settings import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr
    from sqlalchemy import Connection, Engine


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
            make_private(Path(str(parsed.database)).parent)
        return create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError(
            f"FLEXT_WMS_URL is not a database URL we can open ({type(error).__name__})",
            "Give it as dialect+driver://user:password@host:port/database, for instance sqlite:////data/wms.db",
        ) from error


@contextmanager
def beginning(engine: Engine) -> Iterator[Connection]:
    """A transaction; kept when the block ends, undone when it raises.

    Raises:
        UnavailableError: The database does not answer, or refuses a statement; nothing was changed.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
        place = engine.url.render_as_string(hide_password=True).partition("?")[0]
        raise UnavailableError(
            f"The warehouse-management database ({place}) refuses: {said}",
            "Check FLEXT_WMS_URL, and that the database runs and this user may create and write tables in it",
            {"database": place, "type": type(error).__name__},
        ) from error
