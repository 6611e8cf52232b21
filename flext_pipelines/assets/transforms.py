"""Marts: a SQL file of the project is an asset downstream of the streams it reads.

``transforms/*.sql`` below the Meltano project begin with a comment that declares them::

    -- name: marts/open_orders
    -- deps: orders = wms/order_hdr, lines = wms/order_dtl
    -- pipeline: wms
    -- mode: overwrite
    -- plot: bar SELECT facility, count(*) AS orders FROM input GROUP BY ALL ORDER BY ALL
    SELECT ... FROM orders JOIN lines USING (...)

``name`` is the asset's key and, with a point in place of the slash, its table; by default ``marts/<file name>``.
``deps`` are assets by the names under which the query reads them; without a name, the last part of the key. With
``pipeline`` it is made at the end of that pipeline's job. ``mode`` is a load mode; ``upsert`` and ``merge`` need
``keys``. ``table`` and ``description`` may be given too. ``plot`` draws bars or lines of what a query finds in the
mart (``input``) and shows the picture among the materialization's metadata. A contract is found as for streams.

What belongs here: the file's head, and an asset of two messages: transform into the landing zone, load from there.
What does not: dbt, which Meltano runs as a command block.
"""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple, cast

import dagster as dg

from flext_pipelines.assets.bus import BUS
from flext_pipelines.assets.contracts import table_of
from flext_pipelines.assets.data import reference_text
from flext_pipelines.assets.failures import translated
from flext_pipelines.assets.messages import send
from flext_pipelines.assets.metadata import Metadata, column_schema
from flext_pipelines.commands import data, plots, registry
from flext_pipelines.data.plots import Plot
from flext_pipelines.errors import ConfigError
from flext_pipelines.runs.location import Meta

PLOT = "plot"
"""Metadata key of a mart's picture."""
_DECLARED = re.compile(r"--\s*(?P<key>[a-z]+)\s*:\s*(?P<value>.*?)\s*$")
_KNOWN = frozenset({"name", "deps", "pipeline", "mode", "keys", "table", "description", "plot"})
_PLOT = re.compile(r"(?P<kind>bar|line)\s+(?P<query>\S.*)", re.DOTALL)
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_]")
_KEY = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")


class Mart(NamedTuple):
    """A declared SQL file.

    Attributes:
        file: The file.
        path: Asset key.
        deps: Asset keys by the name under which the query reads them.
        query: The SELECT.
        table: Warehouse table.
        mode: Load mode.
        keys: Columns that tell rows apart, for upsert and merge.
        pipeline: At whose end it is made, if at all.
        description: For people.
        plot: Kind of a picture and the query that gives its points, if there is to be one.
    """

    file: Path
    path: tuple[str, ...]
    deps: Mapping[str, tuple[str, ...]]
    query: str
    table: str
    mode: str = "overwrite"
    keys: tuple[str, ...] = ()
    pipeline: str | None = None
    description: str = ""
    plot: tuple[str, str] | None = None


def read_marts(root: Path) -> tuple[Mart, ...]:
    """Every declared file of a project, by name of the file.

    Raises:
        ConfigError: A head cannot be understood; names file and line.
    """
    marts: dict[tuple[str, ...], Mart] = {}
    for file in sorted((root / "transforms").glob("*.sql")):
        mart = read_mart(file)
        if mart.path in marts:
            raise _wrong(file, 1, f"{'/'.join(mart.path)} is declared in {marts[mart.path].file.name} too")
        marts[mart.path] = mart
    return tuple(marts.values())


def read_mart(file: Path) -> Mart:
    """One file.

    Raises:
        ConfigError: Its head cannot be understood; names file and line.
    """
    declared: dict[str, str] = {}
    lines = file.read_text("utf-8").splitlines()
    number = 0
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("--"):
            break
        found = _DECLARED.match(line.strip())
        if found is None:
            continue
        if found["key"] not in _KNOWN:
            raise _wrong(file, number, f"{found['key']!r} is none of {', '.join(sorted(_KNOWN))}")
        declared[found["key"]] = found["value"]
    if not number or lines[number - 1].lstrip().startswith("--"):
        raise _wrong(file, max(number, 1), "there is no query")
    path = _key(file, declared.get("name", f"marts/{file.stem}"))
    deps = dict(_dep(file, one) for one in declared.get("deps", "").split(",") if one.strip())
    if not deps:
        raise _wrong(file, 1, "it has no deps")
    return Mart(
        file=file,
        path=path,
        deps=deps,
        query="\n".join(lines),
        table=declared.get("table", ".".join(path[-2:])),
        mode=declared.get("mode", "overwrite"),
        keys=tuple(key.strip() for key in declared.get("keys", "").split(",") if key.strip()),
        pipeline=declared.get("pipeline"),
        description=declared.get("description", ""),
        plot=_plot(file, declared.get("plot")),
    )


def _plot(file: Path, text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    found = _PLOT.fullmatch(text)
    if found is None:
        raise _wrong(file, 1, f"plot {text!r} is neither `bar SELECT ...` nor `line SELECT ...`")
    return found["kind"], found["query"]


def _dep(file: Path, text: str) -> tuple[str, tuple[str, ...]]:
    alias, equals, key = text.partition("=")
    path = _key(file, (key if equals else alias).strip())
    return (alias.strip() if equals else _NOT_IN_NAME.sub("_", path[-1])), path


def _key(file: Path, text: str) -> tuple[str, ...]:
    if not _KEY.fullmatch(text):
        raise _wrong(file, 1, f"{text!r} is no asset key: write schema/name")
    return tuple(text.split("/"))


def _wrong(file: Path, line: int, reason: str) -> ConfigError:
    return ConfigError(
        f"{file.parent.name}/{file.name}, line {line}: {reason}",
        "Correct the comment at its head",
        {"file": str(file), "line": line},
    )


def mart_asset(mart: Mart) -> dg.AssetsDefinition:
    """The asset of a SQL file."""
    specs = registry.collect([data, plots])

    @dg.asset(
        key=dg.AssetKey(mart.path),
        deps=[dg.AssetKey(path) for path in mart.deps.values()],
        description=f"{mart.description}\n\n```sql\n{mart.query}\n```".strip(),
        group_name=_NOT_IN_NAME.sub("_", mart.pipeline or mart.path[0]),
        kinds={"sql"},
        automation_condition=dg.AutomationCondition.eager(),
        required_resource_keys={BUS},
        op_tags={"flext/file": mart.file.name},
    )
    def mart_of_sql(context: dg.AssetExecutionContext) -> dg.MaterializeResult[object]:
        with translated(context):
            made = _send(context, specs, "data.TransformData", _transform(context, mart))
            reference = reference_text(cast("Mapping[str, object]", made["reference"]))
            loaded = _send(context, specs, "data.LoadData", _load(mart, reference))
            picture = _send(context, specs, "plots.DrawPlot", _drawing(mart, reference)) if mart.plot else None
            return dg.MaterializeResult(metadata=_metadata(made, loaded, picture))

    return mart_of_sql


def _send(
    context: dg.AssetExecutionContext, specs: list[registry.MessageSpec], name: str, payload: Mapping[str, object]
) -> Mapping[str, object]:
    return cast("Mapping[str, object]", send(context, registry.find(specs, name), payload))


def _transform(context: dg.AssetExecutionContext, mart: Mart) -> dict[str, object]:
    tables = {alias: f"table:{table_of(context.instance, dg.AssetKey(path))}" for alias, path in mart.deps.items()}
    return {
        "input_source": next(iter(tables.values())),
        "output_destination": ".".join(mart.path),
        "rules": [{"kind": "sql", "query": mart.query, "inputs": tables}],
    }


def _load(mart: Mart, reference: str) -> dict[str, object]:
    return {
        "source_data": reference,
        "target_table": mart.table,
        "load_mode": mart.mode,
        "merge_keys": list(mart.keys),
    }


def _drawing(mart: Mart, reference: str) -> dict[str, object]:
    kind, query = mart.plot or ("bar", "")
    title = mart.path[-1].replace("_", " ").capitalize()
    return {"dataset": reference, "kind": kind, "query": query, "title": title}


def _metadata(
    made: Mapping[str, object], loaded: Mapping[str, object], picture: Mapping[str, object] | None
) -> Metadata:
    columns = column_schema(cast("Mapping[str, str]", made["columns"]))
    return {
        Meta.ROWS_LOADED: cast("int", loaded["rows_read"]),
        Meta.BYTES: cast("int", made["bytes"]),
        Meta.TABLE_NAME: str(loaded["table"]),
        "dagster/row_count": cast("int", loaded["rows_in_table"]),
        **({Meta.COLUMN_SCHEMA: columns} if columns else {}),
        **({PLOT: dg.MetadataValue.md(Plot.model_validate(picture).markdown())} if picture else {}),
    }


def marts_by_pipeline(marts: tuple[Mart, ...], pipelines: Collection[str]) -> dict[str, list[tuple[str, ...]]]:
    """Keys of the marts that each pipeline's job makes at its end.

    Raises:
        ConfigError: A mart names a pipeline that is not there.
    """
    found: dict[str, list[tuple[str, ...]]] = {name: [] for name in pipelines}
    for mart in marts:
        if mart.pipeline is None:
            continue
        if mart.pipeline not in found:
            raise _wrong(mart.file, 1, f"there is no pipeline {mart.pipeline!r}")
        found[mart.pipeline].append(mart.path)
    return found
