"""The database to read: its URL from the settings, its dialect, and the secrets that must never be printed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus

from singer_columnar.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa

_DRIVERS: Final = {"postgresql": "postgresql+psycopg", "oracle": "oracle+oracledb", "sqlite": "sqlite"}
_DIALECT_NAMES: Final = {"postgres": "postgresql", "sqlite3": "sqlite"}
_SQLITE_FILE: Final = re.compile(r"^sqlite(?:\+pysqlite)?:///(?P<path>[^?]+)")


@dataclass(frozen=True)
class Source:
    """A database.

    Attributes:
        dialect: SQLAlchemy's name of it, for example ``postgresql``.
        path: File of a SQLite database, empty otherwise.
        url: SQLAlchemy URL text with its password; never to be printed.
        secrets: Texts that must not appear in any output.
    """

    dialect: str
    path: str = ""
    url: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def sqlalchemy_url(self) -> sa.URL:
        """The URL with the driver that this package ships for the dialect."""
        import sqlalchemy as sa

        url = sa.make_url(self.url)
        driver = _DRIVERS.get(self.dialect)
        return url.set(drivername=driver) if driver and "+" not in url.drivername else url

    def engine(self) -> sa.Engine:
        """An engine without a pool: discovery and row readers each hold one connection."""
        import sqlalchemy as sa

        try:
            return sa.create_engine(self.sqlalchemy_url(), poolclass=sa.pool.NullPool, hide_parameters=True)
        except (sa.exc.NoSuchModuleError, ImportError) as error:
            raise SettingsError(
                f"There is no driver for the dialect '{self.dialect}': {error}",
                "Correct the dialect, or install its SQLAlchemy dialect and driver beside the tap (Meltano: pip_url).",
            ) from error


def source_from_config(config: Mapping[str, Any]) -> Source:
    """Find the database that the settings name.

    Args:
        config: The tap's settings.

    Returns:
        The source.

    Raises:
        SettingsError: If neither ``sqlalchemy_url`` nor ``dialect`` is set, or the URL cannot be read.
    """
    given = config.get("sqlalchemy_url")
    if given:
        return _from_url(str(given))
    dialect = str(config.get("dialect") or "").lower()
    dialect = _DIALECT_NAMES.get(dialect, dialect)
    if not dialect:
        raise SettingsError(
            "No database is configured",
            "Set sqlalchemy_url, or dialect with host, port, database, user and password.",
        )
    if dialect.split("+")[0] == "sqlite":
        if not config.get("database"):
            raise SettingsError("The SQLite file is not configured", "Set database to the path of the file.")
        return Source("sqlite", path=str(config["database"]), url=f"sqlite:///{config['database']}")
    return _from_parts(dialect, config)


def _from_url(given: str) -> Source:
    match = _SQLITE_FILE.match(given)
    if match:
        return Source("sqlite", path=match["path"], url=given)
    if given.startswith("sqlite"):
        raise SettingsError(
            "A SQLite URL needs the path of a file", "Write it as sqlite:///relative.db or sqlite:////absolute/path.db."
        )
    import sqlalchemy as sa

    try:
        url = sa.make_url(given)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise SettingsError(
            "The setting sqlalchemy_url is not a URL", "Write it as dialect://user:password@host:port/database."
        ) from error
    dialect = url.get_backend_name()
    dialect = _DIALECT_NAMES.get(dialect, dialect)
    if dialect != url.get_backend_name():
        url = url.set(drivername=dialect)
    return Source(dialect, url=url.render_as_string(hide_password=False), secrets=_secrets(given, url.password))


def _from_parts(dialect: str, config: Mapping[str, Any]) -> Source:
    import sqlalchemy as sa

    query = {name: str(value) for name, value in (config.get("url_options") or {}).items()}
    host = config.get("host")
    if config.get("service_name"):
        query["service_name"] = str(config["service_name"])
    if config.get("dsn"):
        host = str(config["dsn"])
    url = sa.URL.create(
        dialect,
        username=config.get("user"),
        password=config.get("password"),
        host=host,
        port=config.get("port"),
        database=config.get("database"),
        query=query,
    )
    text = url.render_as_string(hide_password=False)
    return Source(dialect.split("+")[0], url=text, secrets=_secrets(text, url.password))


def _secrets(url: str, password: object) -> tuple[str, ...]:
    """The password in every spelling that a driver may print, and the URL itself."""
    if not password:
        return ()
    plain = str(password)
    return tuple(dict.fromkeys((url, plain, quote_plus(plain))))
