"""The job ``etl``: extract, validate, transform, load, each op one message.

The run config of an op is the message's fields. What an op works on, it takes from the one before: the reference to the
dataset that the answer names. So a config names the data once, for ``extract``; an op whose config names its own is
obeyed. ``validate`` hands on what it was given; data that break their contract end the run there.

What belongs here: these four ops and their job. What does not: how any of it is done (``commands/data``).
"""

import functools
import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

import dagster as dg

from flext_pipelines.assets.bus import BUS
from flext_pipelines.assets.failures import translated
from flext_pipelines.assets.guard import guarded_op, refuse
from flext_pipelines.assets.messages import RESULT, present, send
from flext_pipelines.assets.moved import Stream, moved, stream_of
from flext_pipelines.assets.run_config import config_fields
from flext_pipelines.commands import data, registry
from flext_pipelines.commands.registry import MessageSpec
from flext_pipelines.data.dataset import DataReference
from flext_pipelines.runs.location import ETL_JOB


class Stage(NamedTuple):
    """One op of the job.

    Attributes:
        op: Its name.
        message: The message it sends.
        takes: The field that holds what it works on; None for the first.
    """

    op: str
    message: str
    takes: str | None


EXTRACT, LOAD = "extract", "load"
REFERENCE, STREAM = "reference", "stream"
"""Names of what ops hand on."""

STAGES = (
    Stage(EXTRACT, "data.ExtractData", None),
    Stage("validate", "data.ValidateData", "dataset"),
    Stage("transform", "data.TransformData", "input_source"),
    Stage(LOAD, "data.LoadData", "source_data"),
)


def data_jobs() -> list[dg.JobDefinition]:
    """The job ``etl``."""
    specs = registry.collect([data])
    extract, validate, transform, load = (_op(stage, registry.find(specs, stage.message)) for stage in STAGES)

    @dg.job(name=ETL_JOB, description="Extract, validate, transform, load: the run config holds the four messages.")
    def etl() -> None:
        reference, stream = extract()
        load(reference=transform(validate(reference)), stream=stream)

    return [etl]


def _op(stage: Stage, spec: MessageSpec) -> dg.OpDefinition:
    """The op of one stage."""
    fields = config_fields(spec, without=[stage.takes] if stage.takes else [])

    @dg.op(
        name=stage.op,
        ins=_inputs(stage),
        out=_outputs(stage),
        required_resource_keys={BUS},
        config_schema=fields,
        description=spec.summary,
    )
    def perform(context: dg.OpExecutionContext, **inputs: str) -> Iterator[dg.Output[str] | dg.AssetMaterialization]:
        with translated(context):
            config = present(context.op_config)
            if stage.takes:
                config.setdefault(stage.takes, inputs[REFERENCE])
            answer = cast("Mapping[str, object]", send(context, spec, config))
            of = Stream(*json.loads(inputs[STREAM])) if inputs.get(STREAM) else None
            yield from moved(spec.name, config, answer, of)
            reference = reference_text(cast("Mapping[str, object]", answer["reference"]))
            yield dg.Output(reference, REFERENCE, metadata={RESULT: dg.MetadataValue.json(dict(answer))})
            if stage.op == EXTRACT:
                yield dg.Output(json.dumps(stream_of(config, answer)), STREAM)

    return guarded_op(perform, functools.partial(refuse, spec), fields)


def _inputs(stage: Stage) -> dict[str, dg.In]:
    found = {REFERENCE: dg.In(str, description="The data that it works on.")} if stage.takes else {}
    if stage.op == LOAD:
        found[STREAM] = dg.In(str, default_value="", description="Of which tap and stream the rows are, for metrics.")
    return found


def _outputs(stage: Stage) -> dict[str, dg.Out]:
    found = {REFERENCE: dg.Out(str, description="The data that the next op works on, as text.")}
    if stage.op == EXTRACT:
        found[STREAM] = dg.Out(str, description="Tap and stream, as JSON.")
    return found


def reference_text(reference: Mapping[str, object]) -> str:
    """A reference of an answer as text that the next message takes."""
    return str(DataReference.model_validate(reference))
