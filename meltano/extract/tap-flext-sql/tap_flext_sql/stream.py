"""One table as a Singer stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from singer_columnar.stream import ColumnarStream

from tap_flext_sql.catalog import plan_from_entry

if TYPE_CHECKING:
    from singer_columnar.reading import CatalogDict

    from tap_flext_sql.table_read import TableRead
    from tap_flext_sql.tap import TapFlextSQL


class TableStream(ColumnarStream):
    """A table or view.

    Args:
        tap: The tap.
        entry: The table's catalog entry.
    """

    def __init__(self, tap: TapFlextSQL, entry: CatalogDict) -> None:
        self.plan = plan_from_entry(entry)
        self._sql_tap = tap
        super().__init__(tap, entry, self.plan)

    def open_read(self) -> TableRead:
        """One read of the table."""
        from tap_flext_sql.table_read import TableRead

        tap = self._sql_tap
        limit = self.ABORT_AT_RECORD_COUNT
        return TableRead(tap.source, self.config, self.plan, self.columns, limit, tap.stop, self.logger)
