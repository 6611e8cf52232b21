"""One entity as a Singer stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from singer_columnar.stream import ColumnarStream

from tap_oracle_wms.catalog import KEY, plan_from_entry

if TYPE_CHECKING:
    from singer_columnar.chunk import Misfit
    from singer_columnar.reading import CatalogDict, Progress, Read

    from tap_oracle_wms.entity_read import EntityRead
    from tap_oracle_wms.tap import TapOracleWMS


class EntityStream(ColumnarStream):
    """An entity, read in pages.

    Args:
        tap: The tap.
        entry: The entity's catalog entry.
    """

    def __init__(self, tap: TapOracleWMS, entry: CatalogDict) -> None:
        self.plan = plan_from_entry(entry)
        self._wms_tap = tap
        super().__init__(tap, entry, self.plan)

    def open_read(self) -> EntityRead:
        """One read of the entity."""
        from tap_oracle_wms.entity_read import EntityRead

        tap = self._wms_tap
        columns = [self.plan.columns[column.name] for column in self.columns]
        return EntityRead(tap.client, self.config, self.plan, columns, tap.stop, self.ABORT_AT_RECORD_COUNT)

    @property
    def reads_all(self) -> bool:
        """Whether no run before was stopped on its way."""
        from tap_oracle_wms.progress import stored_resume

        return stored_resume(self.stream_state) is None

    def begin(self, read: Read) -> Progress:
        """Find where to start, and say where that is not the first row."""
        from tap_oracle_wms.progress import FullRead

        progress = super().begin(read)
        if isinstance(progress, FullRead) and progress.is_resumed:
            self.log("Stream '%s': going on below id %s, where a run before was stopped", self.name, progress.below)
        return progress

    def row_name(self, misfit: Misfit) -> str | None:
        """The row's id."""
        return str(misfit.record[KEY]) if KEY in misfit.record else None
