"""Running the tap, and a database to fill for it."""

from __future__ import annotations

from singer_columnar.testing import TapRunner

from tap_flext_sql.tap import TapFlextSQL

_TAP = TapRunner(TapFlextSQL)
sync, discover, start, run = _TAP.sync, _TAP.discover, _TAP.start, _TAP.run


class Tables:
    """A PostgreSQL database and a connection to fill it."""

    def __init__(self, url: str) -> None:
        import sqlalchemy as sa

        self.url = url
        self._engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))

    def run(self, *statements: str) -> None:
        """Execute statements in one transaction."""
        import sqlalchemy as sa

        with self._engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement.replace(":", r"\:")))

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
