"""The one place that turns an error into what Dagster acts upon: a failure, another attempt, a cancellation.

Dagster repeats work by three mechanisms, and calling an error permanent must stop all of them:

* A ``RetryPolicy`` of the op looks at ``Failure.allow_retries``. Our own ops carry none, because Dagster 1.13.27
  follows it on a cancellation too (``_core/execution/plan/utils.py``: "respect retry policy when interrupts occur"), so
  that a cancelled step would start again. Declared retries are asked for here, by ``RetryRequested``, for transient
  errors only.
* Run retries (``dagster.yaml: run_retries``, tag ``dagster/max_retries``) look at a run tag, which is set here.
* A person looks at the text. It says whether trying again can help.

What belongs here: errors to Dagster. What does not: deciding which error it is (gateways do).
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, cast

import dagster as dg
from dagster import DagsterExecutionInterruptedError

from flext_pipelines.assets.blocks import NO_RETRIES, Retries
from flext_pipelines.commands.bus import internal_error
from flext_pipelines.errors import FlextError, RunCancelledError
from flext_pipelines.runs.location import Tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from dagster._core.definitions.metadata import RawMetadataValue

StepContext = dg.OpExecutionContext | dg.AssetExecutionContext | dg.AssetCheckExecutionContext
RETRY_RUN_TAG = "dagster/retry_on_asset_or_op_failure"
_LONGEST_TEXT = 20_000
"""Characters of one metadata value; a log tail is longer than what the UI shows at once."""


def failure(error: FlextError) -> dg.Failure:
    """The error as Dagster's own: text for people, metadata for programs, and whether to try again."""
    verdict = "" if error.retryable else " Trying again cannot help until this is changed."
    reason = error.reason.rstrip(".") + "."
    instruction = f" {error.instruction.rstrip('.')}." if error.instruction else ""
    metadata: dict[str, RawMetadataValue] = {
        "code": error.code,
        "reason": error.reason,
        "instruction": error.instruction,
        "retryable": error.retryable,
        **metadata_of(error.details),
    }
    return dg.Failure(f"{reason}{instruction}{verdict}", metadata=metadata, allow_retries=error.retryable)


def metadata_of(details: Mapping[str, object]) -> dict[str, RawMetadataValue]:
    """Details of an error as metadata: numbers and texts as they are, the rest as JSON or text."""
    return {key: _metadata_value(value) for key, value in details.items() if value is not None}


def _metadata_value(value: object) -> RawMetadataValue:
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(line, str) for line in value) and value:
        return dg.MetadataValue.md("```\n" + "\n".join(value)[-_LONGEST_TEXT:] + "\n```")
    if isinstance(value, (dict, list, tuple)):
        return dg.MetadataValue.json(json.loads(json.dumps(value, default=str)))
    return str(value)[-_LONGEST_TEXT:]


def raise_in_step(context: StepContext, error: FlextError, retries: Retries = NO_RETRIES) -> NoReturn:
    """End the step as the error demands.

    Raises:
        DagsterExecutionInterruptedError: The work was stopped on request and the run is being cancelled.
        dg.RetryRequested: A transient error, and a declared attempt is left.
        dg.Failure: Everything else.
    """
    if isinstance(error, RunCancelledError) and _is_being_cancelled(context):
        raise DagsterExecutionInterruptedError(error.reason) from None
    if error.retryable and context.retry_number < retries.times:
        context.log.warning(f"Attempt {context.retry_number + 1} of {retries.times + 1} failed: {error}")
        raise dg.RetryRequested(
            max_retries=retries.times, seconds_to_wait=retries.seconds * 2**context.retry_number
        ) from failure(error)
    if not error.retryable:
        context.instance.add_run_tags(context.run.run_id, {RETRY_RUN_TAG: "false"})
    raise failure(error) from error.__cause__


def asked_for(tags: Mapping[str, str], declared: Retries) -> Retries:
    """The attempts that the launch of a run asked for, else the declared ones."""
    times = tags.get(Tag.STEP_RETRIES, "")
    return declared._replace(times=int(times)) if times.isdigit() else declared


def _is_being_cancelled(context: StepContext) -> bool:
    run = context.instance.get_run_by_id(context.run.run_id)
    return run is not None and run.status in (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED)


def translated(context: StepContext, retries: Retries = NO_RETRIES) -> AbstractContextManager[None, None]:
    """Whatever is raised inside ends the step as ``raise_in_step`` says; a stray exception is a fault of ours.

    Interrupts and what Dagster raises to steer a step pass through. Nothing is swallowed, which the type says.

    Args:
        context: The step's.
        retries: Further attempts that the project declares; whoever launched the run may have said otherwise.
    """
    return cast("AbstractContextManager[None, None]", _translating(context, asked_for(context.run.tags, retries)))


@contextmanager
def _translating(context: StepContext, retries: Retries) -> Iterator[None]:
    try:
        yield
    except (dg.Failure, dg.RetryRequested, dg.DagsterError):
        raise
    except FlextError as error:
        raise_in_step(context, error, retries)
    except Exception as error:
        context.log.exception("An exception that no gateway translated")
        raise_in_step(context, internal_error(error), retries)
