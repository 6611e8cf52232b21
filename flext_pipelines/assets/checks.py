"""Asset checks of a stream: made from what the run counted, in the same step and at no cost of another.

* ``all_rows_arrived``: extracted = loaded + rejected + deduplicated. A loader's exit code is no proof: target-duckdb
  0.8.0 with duckdb 1.3 loses the first row of each load and exits with 0. It blocks what lies downstream, except
  behind a mapper, which may drop rows on purpose.
* ``schema_unchanged``: the columns are those of the last materialization; a warning says what changed.

What belongs here: these two. What does not: contracts (``contracts``), freshness (a policy of the asset).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from flext_pipelines.assets.metadata import column_schema
from flext_pipelines.runs.location import Meta

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flext_pipelines.assets.blocks import BlockPlan
    from flext_pipelines.meltano.outcome import StreamOutcome

ROWS_CHECK = "all_rows_arrived"
SCHEMA_CHECK = "schema_unchanged"


def declared_columns(columns: Mapping[str, str]) -> dict[str, object]:
    """The columns that the catalog promises, as definition metadata."""
    schema = column_schema(columns)
    return {Meta.COLUMN_SCHEMA: schema} if schema else {}


def specs(block: BlockPlan) -> list[dg.AssetCheckSpec]:
    """The checks of every stream of a block."""
    found = []
    for asset in block.streams:
        key = dg.AssetKey(asset.path)
        found.append(
            dg.AssetCheckSpec(
                ROWS_CHECK,
                asset=key,
                description="Rows extracted are rows loaded, rejected, or replaced by a later row with the same key.",
                blocking=not block.block.mappers,
            )
        )
        found.append(
            dg.AssetCheckSpec(SCHEMA_CHECK, asset=key, description="Columns are those of the last materialization.")
        )
    return found


def results(
    context: dg.AssetExecutionContext, key: dg.AssetKey, outcome: StreamOutcome
) -> Iterator[dg.AssetCheckResult]:
    """The results of one stream. A check that lacks its figures is left unevaluated rather than passed."""
    if dg.AssetCheckKey(key, ROWS_CHECK) in context.selected_asset_check_keys:
        yield from _all_rows_arrived(context, key, outcome)
    if dg.AssetCheckKey(key, SCHEMA_CHECK) in context.selected_asset_check_keys and outcome.columns:
        yield _schema_unchanged(key, last_columns(context.instance, key), dict(outcome.columns))


def _all_rows_arrived(
    context: dg.AssetExecutionContext, key: dg.AssetKey, outcome: StreamOutcome
) -> Iterator[dg.AssetCheckResult]:
    missing = outcome.missing
    if missing is None:
        return
    spec = context.assets_def.get_spec_for_check_key(dg.AssetCheckKey(key, ROWS_CHECK))
    yield dg.AssetCheckResult(
        passed=missing == 0,
        asset_key=key,
        check_name=ROWS_CHECK,
        severity=dg.AssetCheckSeverity.ERROR if spec.blocking else dg.AssetCheckSeverity.WARN,
        description=_arrival(missing),
        metadata={
            Meta.ROWS_EXTRACTED: outcome.extracted or 0,
            Meta.ROWS_LOADED: outcome.loaded or 0,
            Meta.ROWS_REJECTED: outcome.rejected or 0,
            Meta.ROWS_DEDUPLICATED: outcome.deduplicated,
        },
    )


def _arrival(missing: int) -> str:
    if missing == 0:
        return "Every row that was extracted was loaded, rejected with a reason, or replaced by a later one."
    if missing > 0:
        return f"{missing} rows were extracted but neither loaded nor rejected."
    return f"{-missing} more rows were loaded or rejected than were extracted."


def last_columns(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, str]:
    """Columns with their types as the last materialization recorded them; empty when none did."""
    records = instance.fetch_materializations(key, limit=1).records
    materialization = records[0].asset_materialization if records else None
    value = materialization.metadata.get(Meta.COLUMN_SCHEMA) if materialization else None
    if not isinstance(value, dg.TableSchemaMetadataValue):
        return {}
    return {column.name: column.type for column in value.value.columns}


def _schema_unchanged(key: dg.AssetKey, before: Mapping[str, str], now: Mapping[str, str]) -> dg.AssetCheckResult:
    changes = schema_changes(before, now) if before else []
    description = "; ".join(changes) if changes else ("No column changed." if before else "The first known schema.")
    return dg.AssetCheckResult(
        passed=not changes,
        asset_key=key,
        check_name=SCHEMA_CHECK,
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
    )


def schema_changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What changed between two schemas, column by column, in words."""
    added = [f"column {name} ({now[name]}) is new" for name in now if name not in before]
    gone = [f"column {name} ({before[name]}) is gone" for name in before if name not in now]
    other = [
        f"column {name} was {before[name]} and is {now[name]}"
        for name in now
        if name in before and before[name] != now[name]
    ]
    return [*gone, *other, *added]
