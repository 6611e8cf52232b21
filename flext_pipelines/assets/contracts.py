"""The check ``contract`` of a stream or mart: its table in the warehouse, held against a YAML file of the project.

A file ``contracts/<namespace>/<name>.yml`` below the Meltano project belongs to the asset of that key, one called
``contracts/<name>.yml`` to every asset of that name. No file, no check.

What belongs here: finding the file and reporting what the message found. What does not: judging data.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast

import dagster as dg

from flext_pipelines.assets.bus import BUS, context_of
from flext_pipelines.assets.failures import translated
from flext_pipelines.assets.progress import StepLog
from flext_pipelines.commands.bus import Bus
from flext_pipelines.commands.data.validation import ValidateDataCommand
from flext_pipelines.data.dataset import DataReference
from flext_pipelines.data.validate import ValidationReport
from flext_pipelines.errors import ContractBrokenError
from flext_pipelines.runs.location import Meta

CONTRACT_CHECK = "contract"


def contract_checks(root: Path, paths: Iterable[tuple[str, ...]]) -> Iterator[dg.AssetChecksDefinition]:
    """The checks of those assets that have a contract.

    Args:
        root: The Meltano project.
        paths: Asset keys.
    """
    for path in paths:
        file = contract_file(root, path)
        if file is not None:
            yield _check(dg.AssetKey(path), file)


def contract_file(root: Path, path: tuple[str, ...]) -> Path | None:
    """The contract of an asset; the one with its namespace wins."""
    folder = root / "contracts"
    names = [folder.joinpath(*path[:-1]), folder]
    files = (place / f"{path[-1]}{suffix}" for place in names for suffix in (".yml", ".yaml"))
    return next((file for file in files if file.is_file()), None)


def _check(key: dg.AssetKey, file: Path) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name=CONTRACT_CHECK,
        asset=key,
        required_resource_keys={BUS},
        description=f"The table keeps what {file.parent.name}/{file.name} promises.",
    )
    def contract(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        with translated(context):
            bus: Bus = getattr(context.resources, BUS)
            table = DataReference(table=table_of(context.instance, key))
            command = ValidateDataCommand(dataset=table, contract_file=str(file))
            result = bus.send(command, context_of(context, StepLog(context.log)))
            if isinstance(result.error, ContractBrokenError):
                return _result(ValidationReport.model_validate(result.error.details["report"]), str(result.error))
            return _result(result.unwrap(), "")

    return contract


def table_of(instance: dg.DagsterInstance, key: dg.AssetKey) -> str:
    """The table of an asset: as its last materialization says, else after its key."""
    records = instance.fetch_materializations(key, limit=1).records
    materialization = records[0].asset_materialization if records else None
    told = materialization.metadata.get(Meta.TABLE_NAME) if materialization else None
    return str(told.value) if told is not None else ".".join(key.path[-2:])


def _result(report: ValidationReport, broken: str) -> dg.AssetCheckResult:
    """Broken beyond a threshold is an error; a check that failed within one is a warning."""
    warned = [check for check in report.checks if not check.passed]
    return dg.AssetCheckResult(
        passed=not broken and not warned,
        severity=dg.AssetCheckSeverity.ERROR if broken else dg.AssetCheckSeverity.WARN,
        description=broken or _words(report, len(warned)),
        metadata={
            "rows": report.rows,
            "failing_rows": report.failing_rows,
            "checks": dg.MetadataValue.json(cast("Mapping[str, object]", report.model_dump(mode="json"))["checks"]),  # type: ignore[arg-type]  # JSON values
            **({"failing": str(report.failing)} if report.failing else {}),
        },
    )


def _words(report: ValidationReport, warned: int) -> str:
    if warned:
        return f"{warned} of {len(report.checks)} checks failed within what the contract tolerates."
    return f"{report.rows} rows keep all {len(report.checks)} checks of the contract."
