"""A small code location for tests: jobs that succeed, fail, wait, refuse to end, and start processes.

What belongs here: definitions that the launching tests run. What does not: assertions.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg

from flext_pipelines.errors import ForbiddenError
from flext_pipelines.runs.location import Meta, Tag

NUMBERS = {Meta.ROWS_EXTRACTED: 10, Meta.ROWS_LOADED: 9, Meta.ROWS_REJECTED: 1, Meta.BYTES: 2048, Meta.SECONDS: 0.5}


@dg.multi_asset(
    specs=[
        dg.AssetSpec(["shop", name], skippable=True, metadata={Meta.TAP: "tap-shop", Meta.STREAM: name})
        for name in ("orders", "items")
    ],
    can_subset=True,
    name="shop_streams",
)
def shop(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[object]]:
    """Two streams with the metadata that an extract-and-load block records."""
    print("raw: begin")
    for key in sorted(context.selected_asset_keys):
        context.log.info("moved %s", key.path[-1])
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={
                **NUMBERS,
                Meta.TAP: "tap-shop",
                Meta.STREAM: key.path[-1],
                Meta.REPLICATION_KEY: "updated_at",
                Meta.BOOKMARK_BEFORE: "2024-01-01",
                Meta.BOOKMARK_AFTER: "2024-02-01",
                Meta.TABLE_NAME: f"warehouse.{key.path[-1]}",
                Meta.PLUGINS: {"tap-shop": "1.0", "target-shop": "2.0"},
                Meta.COLUMN_SCHEMA: dg.TableSchema(columns=[dg.TableColumn("id", "integer")]),
            },
        )
    print("raw: end", file=sys.stderr)


@dg.asset(key=["shop", "daily"], partitions_def=dg.StaticPartitionsDefinition(["2024-01-01", "2024-01-02"]))
def daily(context: dg.AssetExecutionContext) -> None:
    """A partitioned stream."""
    context.log.info("partition %s", context.partition_key)


@dg.op
def fail() -> None:
    """Fail as the doors of this package do: reason, instruction and code in the metadata."""
    raise dg.Failure(
        "The tap failed at row 7",
        metadata={"code": "extract_failed", "instruction": "Check the source", "row": 7},
        allow_retries=False,
    )


@dg.op
def crash() -> None:
    """Fail with an exception that nobody translated."""
    message = "some detail"
    raise ValueError(message)


@dg.op(config_schema={"folder": str, "stubborn": dg.Field(bool, default_value=False)})
def wait(context: dg.OpExecutionContext) -> None:
    """Start a process that carries the run's id, say so in ``started``, and wait for the end of the run.

    A stubborn one refuses to end, and so does its process.
    """
    folder = Path(context.op_config["folder"])
    stubborn = context.op_config["stubborn"]
    code = "import signal,time;" + ("signal.signal(signal.SIGTERM, signal.SIG_IGN);" if stubborn else "")
    child = subprocess.Popen(
        [sys.executable, "-c", f"{code}time.sleep(120)", f"--run-id={context.run_id}"], start_new_session=True
    )
    (folder / "child").write_text(str(child.pid))
    (folder / "started").write_text(context.run_id)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            time.sleep(0.05)
        except BaseException:
            if stubborn:
                continue
            child.send_signal(signal.SIGTERM)
            child.wait()
            (folder / "bookmark").write_text("saved")
            raise


@dg.op(config_schema={"file": str})
def note(context: dg.OpExecutionContext) -> None:
    """Write when this line was reached."""
    Path(context.op_config["file"]).write_text(str(time.time()))


@dg.op
def talk(context: dg.OpExecutionContext) -> None:
    """Log slowly, for those who follow."""
    for number in range(20):
        context.log.info("line %s", number)
        time.sleep(0.05)


def _no_secret(config: Mapping[str, str]) -> Mapping[str, str]:
    if "password" in config["word"]:
        raise ForbiddenError("A password may not stand here", "Name a variable")
    return config


@dg.op(config_schema={"word": str})
def say(context: dg.OpExecutionContext) -> None:
    """Log a word of the run config."""
    context.log.info(context.op_config["word"])


@dg.op(pool="tap")
def draw() -> None:
    """Needs the pool that a killed run may still hold."""


@dg.op(pool="tap", config_schema={"folder": str})
def hold(context: dg.OpExecutionContext) -> None:
    """Take the pool's slot and wait to be killed."""
    (Path(context.op_config["folder"]) / "started").write_text(context.run_id)
    time.sleep(120)


def _job(op: dg.OpDefinition, **tags: str) -> dg.JobDefinition:
    @dg.job(name=f"{op.name}_job", tags=tags)
    def one() -> None:
        op()

    return one


defs = dg.Definitions(
    assets=[shop, daily],
    jobs=[
        dg.define_asset_job(
            "shop", [dg.AssetKey(["shop", "orders"]), dg.AssetKey(["shop", "items"])], tags={Tag.PIPELINE: "shop"}
        ),
        dg.define_asset_job("daily", [dg.AssetKey(["shop", "daily"])]),
        *(_job(op) for op in (fail, crash, wait, note, talk, draw, hold)),
        _job(say.configured(_no_secret, name="say", config_schema={"word": str})),
    ],
    executor=dg.in_process_executor,
)
