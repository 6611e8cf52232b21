"""``flext data``: extract, validate, transform and load data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from flext_pipelines.cli import output
from flext_pipelines.cli.options import command_for

if TYPE_CHECKING:
    from flext_pipelines.commands.data.datasets import Removed
    from flext_pipelines.data.dataset import Manifest
    from flext_pipelines.data.extract import Extraction
    from flext_pipelines.data.load_request import Load
    from flext_pipelines.data.summary import DatasetSummary
    from flext_pipelines.data.transform import Transformation
    from flext_pipelines.data.validate import ValidationReport


@click.group()
def data() -> None:
    """Extract, validate, transform and load data sets of the landing zone."""


def show_extraction(answer: object) -> None:
    """What was extracted, and where it lies."""
    one = cast("Extraction", answer)
    output.fields(
        {
            "dataset": str(one.reference),
            "rows": one.rows,
            "rejected": one.rejected or None,
            "filtered out": one.filtered or None,
            "bytes": one.bytes,
            "watermark": one.watermark,
            "folder": one.folder,
            "rejects": one.rejects_file,
            "note": "an earlier call with this key made it" if one.already_done else None,
        }
    )


def show_validation(answer: object) -> None:
    """Each check with what failed it."""
    report = cast("ValidationReport", answer)
    rows = [(one.name, one.passed, one.failing, one.percent, one.severity, one.reason) for one in report.checks]
    columns = ("check", "passed", "failing", "percent", "severity", "why")
    output.table(f"{report.reference} against {report.contract}", columns, rows, empty="The contract has no checks.")
    output.fields({"rows": report.rows, "failing rows": str(report.failing) if report.failing else None})


def show_transformation(answer: object) -> None:
    """Rows in and out, rule by rule."""
    one = cast("Transformation", answer)
    output.fields(
        {
            "dataset": str(one.reference),
            "from": str(one.source),
            "rows in": one.rows_in,
            "rows out": one.rows_out,
            "filtered out": one.filtered or None,
            "errors": one.errors or None,
            "quarantine": str(one.quarantine) if one.quarantine else None,
            "reasons": one.samples,
        }
    )


def show_load(answer: object) -> None:
    """What a load did to its table."""
    one = cast("Load", answer)
    output.fields(
        {
            "table": one.table,
            "from": str(one.reference),
            "mode": one.mode,
            "rows read": one.rows_read,
            "inserted": one.inserted,
            "updated": one.updated or None,
            "unchanged": one.unchanged or None,
            "deleted": one.deleted or None,
            "deduplicated": one.deduplicated or None,
            "rows in table": one.rows_in_table,
            "verified": one.verified,
            "note": "it was loaded before; nothing was done" if one.already_loaded else None,
        }
    )


def show_datasets(answer: object) -> None:
    """The data sets, each with its latest version."""
    found = cast("tuple[DatasetSummary, ...]", answer)
    rows = [
        (one.dataset, one.version, one.versions, one.rows, one.bytes, output.moment(one.created), one.watermark)
        for one in found
    ]
    columns = ("dataset", "latest version", "versions", "rows", "bytes", "made", "watermark")
    output.table("", columns, rows, empty="The landing zone is empty: flext data extract SOURCE TABLE")
    damaged = [(one.dataset, one.problem) for one in found if one.problem]
    if damaged:
        output.table("Damaged", ("dataset", "why"), damaged, empty="")


def show_manifest(answer: object) -> None:
    """One version in full."""
    one = cast("Manifest", answer)
    output.fields(
        {
            "dataset": one.dataset,
            "version": one.version,
            "mode": one.mode,
            "source": one.source,
            "made": output.moment(one.created),
            "rows": one.rows,
            "bytes": one.bytes,
            "keys": one.keys,
            "watermark": one.watermark,
            "checksum": one.checksum,
        }
    )
    output.table("", ("column", "type"), [(column.name, column.type) for column in one.columns], empty="No columns.")
    parts = [(part.name, part.rows, part.bytes) for part in one.parts]
    output.table("", ("file", "rows", "bytes"), parts, empty="No files.")


def show_removal(answer: object) -> None:
    """What was removed."""
    output.fields(cast("Removed", answer).model_dump(mode="json"))


for command in (
    command_for(
        "data.ExtractData", "extract", show_extraction, arguments=("source_name", "table_name"),
        examples=(
            "flext data extract tap-wms order_hdr",
            """flext data extract tap-wms order_hdr --where '[{"column": "status_id", "value": 90}]'""",
        ),
    ),
    command_for(
        "data.ValidateData", "validate", show_validation, arguments=("dataset",),
        examples=("flext data validate tap-wms.order_hdr --contract-file contracts/order_hdr.yml",),
    ),
    command_for(
        "data.TransformData", "transform", show_transformation, arguments=("input_source", "output_destination"),
        examples=("flext data transform tap-wms.order_hdr open_orders --rules @rules.yml",),
    ),
    command_for(
        "data.LoadData", "load", show_load, arguments=("source_data", "target_table"),
        examples=("flext data load open_orders marts.open_orders --load-mode upsert --merge-keys id",),
    ),
    command_for("data.ListDatasets", "list", show_datasets, examples=("flext data list",)),
    command_for("data.GetDataset", "show", show_manifest, arguments=("dataset",), examples=("flext data show orders",)),
    command_for(
        "data.PruneDataset", "prune", show_removal, arguments=("dataset",),
        examples=("flext data prune orders --keep 10",),
    ),
    command_for("data.SweepLanding", "sweep", show_removal, examples=("flext data sweep",)),
):  # fmt: skip
    data.add_command(command)
