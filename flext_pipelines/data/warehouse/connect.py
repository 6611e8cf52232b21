"""The warehouse by its URL.

What belongs here: choosing a target, and reading tables. What does not: settings; the URL is given.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from flext_pipelines.data.warehouse.table_name import TableName
from flext_pipelines.data.warehouse.target import Target
from flext_pipelines.errors import ConfigError, NotFoundError, UsageError
from flext_pipelines.secrets import looks_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from pydantic import SecretStr

WAREHOUSE = "warehouse"


class Warehouse:
    """Where data are loaded to; opened anew for each piece of work, so that nothing is held open in between.

    Args:
        url: ``duckdb:///file``, ``postgresql://...`` or ``oracle://...``.
    """

    def __init__(self, url: SecretStr) -> None:
        self._url = url

    def connect(self, connection: str = WAREHOUSE) -> Target:
        """A connection.

        Args:
            connection: ``warehouse`` for the configured one, or a URL without a password.

        Raises:
            UsageError: The URL holds a password, which would end up in logs and run configurations.
        """
        if connection == WAREHOUSE:
            return connect(self._url.get_secret_value())
        if has_password(connection):
            raise UsageError(
                "target_connection holds a password",
                "Set FLEXT_WAREHOUSE_URL and use `warehouse`, or keep the password in ~/.pgpass",
            )
        return connect(connection)

    def check_exists(self) -> None:
        """Make sure that there is one to read from; connecting would make a DuckDB file that nobody has made yet.

        Raises:
            NotFoundError: There is no warehouse yet.
        """
        file = _duckdb_file(self._url.get_secret_value())
        if file is not None and not file.exists():
            raise NotFoundError(f"There is no warehouse {file} yet", "Load something first", {"file": str(file)})

    @contextmanager
    def rows(self, table: str) -> Iterator[pa.RecordBatchReader]:
        """The rows of a table.

        Raises:
            NotFoundError: There is no such table, or no warehouse yet.
        """
        self.check_exists()
        with closing(self.connect()) as target, target.rows(TableName.parse(table)) as reader:
            yield reader


def has_password(url: str) -> bool:
    """Whether a URL holds a password, before its host or among its parameters, where libpq takes one too."""
    parts = urlsplit(url)
    return parts.password is not None or any(looks_secret(name) for name, _ in parse_qsl(parts.query))


def connect(url: str) -> Target:
    """A connection to the database of a URL.

    Raises:
        ConfigError: It is of no kind we know.
    """
    scheme = urlsplit(url).scheme.partition("+")[0]
    file = _duckdb_file(url)
    if file is not None:
        from flext_pipelines.data.warehouse.duckdb_target import DuckDBTarget

        return DuckDBTarget(file)
    if scheme in {"postgresql", "postgres"}:
        from flext_pipelines.data.warehouse.postgres_target import PostgresTarget

        return PostgresTarget("postgresql" + url[url.index("://") :])
    if scheme == "oracle":
        from flext_pipelines.data.warehouse.oracle_target import OracleTarget

        return OracleTarget(url)
    raise ConfigError(
        f"{scheme or 'This'!r} is no warehouse we can load", "Use duckdb:///file, postgresql:// or oracle://"
    )


def _duckdb_file(url: str) -> Path | None:
    parts = urlsplit(url)
    if parts.scheme != "duckdb":
        return None
    if parts.netloc or not parts.path.strip("/"):
        raise ConfigError(f"{url!r} names no file", "Write duckdb:///relative/file or duckdb:////absolute/file")
    return Path(unquote(parts.path)[1:])
