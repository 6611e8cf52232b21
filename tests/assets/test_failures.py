"""What an error makes Dagster do.

The thing under test is not a class: it is whether a permanent error stops Dagster from doing the work again, and a
transient one does not. So real steps run on a real instance, and what is asserted is how often they ran.
"""

from collections.abc import Callable, Iterator

import dagster as dg
import pytest
from dagster import ExecuteInProcessResult
from dagster._core.execution.plan.objects import UserFailureData

from flext_pipelines.assets.blocks import NO_RETRIES, Retries
from flext_pipelines.assets.failures import RETRY_RUN_TAG, failure, translated
from flext_pipelines.errors import ConfigError, ExtractFailedError, FlextError, RunCancelledError
from flext_pipelines.runs.location import Tag

PERMANENT = ConfigError("tap-shop has no setting `host`", "Set it in meltano.yml", {"file": "meltano.yml", "line": 12})
TRANSIENT = ExtractFailedError("tap-shop lost its connection", "Run it again", {"exit_code": 1})


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in memory."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def _materialize(
    instance: dg.DagsterInstance,
    body: Callable[[], None],
    retries: Retries = NO_RETRIES,
    policy: dg.RetryPolicy | None = None,
) -> tuple[ExecuteInProcessResult, int]:
    """Run an asset with that body; the result and the number of attempts."""
    attempts = 0

    @dg.asset(retry_policy=policy)
    def orders(context: dg.AssetExecutionContext) -> None:
        nonlocal attempts
        attempts += 1
        with translated(context, retries):
            body()

    return dg.materialize([orders], instance=instance, raise_on_error=False), attempts


def _raise(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


def _failure_of(result: ExecuteInProcessResult) -> UserFailureData:
    data = result.failure_data_for_node("orders")
    assert data is not None
    assert data.user_failure_data is not None
    return data.user_failure_data


def test_a_permanent_failure_stops_a_retry_policy(instance: dg.DagsterInstance) -> None:
    """Even an op with a retry policy of its own runs once when trying again cannot help."""
    result, attempts = _materialize(instance, _raise(PERMANENT), policy=dg.RetryPolicy(max_retries=3))

    assert not result.success
    assert attempts == 1


def test_a_permanent_failure_stops_run_retries(instance: dg.DagsterInstance) -> None:
    """The tag that Dagster's daemon reads before it launches the run again says no."""
    permanent, _ = _materialize(instance, _raise(PERMANENT))
    transient, _ = _materialize(instance, _raise(TRANSIENT))

    assert _tag(instance, permanent) == "false"
    assert _tag(instance, transient) is None


def _tag(instance: dg.DagsterInstance, result: ExecuteInProcessResult) -> str | None:
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    return run.tags.get(RETRY_RUN_TAG)


def test_a_transient_failure_is_tried_as_often_as_declared(instance: dg.DagsterInstance) -> None:
    """Two further attempts are declared, so the step runs three times and then fails with its own words."""
    result, attempts = _materialize(instance, _raise(TRANSIENT), Retries(2, 0))

    assert attempts == 3
    assert _failure_of(result).description == "tap-shop lost its connection. Run it again."


def test_a_transient_failure_that_passes_ends_well(instance: dg.DagsterInstance) -> None:
    """The second attempt succeeds and so does the run."""
    errors: list[FlextError] = [TRANSIENT]

    def body() -> None:
        if errors:
            raise errors.pop()

    result, attempts = _materialize(instance, body, Retries(2, 0))

    assert result.success
    assert attempts == 2


@pytest.mark.parametrize(("asked", "expected"), [("0", 1), ("2", 3), ("many", 2)])
def test_whoever_launches_a_run_may_ask_for_other_retries(
    instance: dg.DagsterInstance, asked: str, expected: int
) -> None:
    """The tag of the launch wins over what the project declares; one that is no number does not."""
    attempts = 0

    @dg.asset
    def orders(context: dg.AssetExecutionContext) -> None:
        nonlocal attempts
        attempts += 1
        with translated(context, Retries(1, 0)):
            raise TRANSIENT

    dg.materialize([orders], instance=instance, raise_on_error=False, tags={Tag.STEP_RETRIES: asked})

    assert attempts == expected


def test_a_failure_says_what_where_and_what_to_do(instance: dg.DagsterInstance) -> None:
    """Reason, instruction and verdict are the text; details are metadata."""
    result, _ = _materialize(instance, _raise(PERMANENT))

    told = _failure_of(result)
    assert told.description == (
        "tap-shop has no setting `host`. Set it in meltano.yml. Trying again cannot help until this is changed."
    )
    values = {key: value.value for key, value in told.metadata.items()}
    assert values == {
        "code": "config",
        "reason": PERMANENT.reason,
        "instruction": PERMANENT.instruction,
        "retryable": False,
        "file": "meltano.yml",
        "line": 12,
    }


def test_an_exception_that_nobody_translated_is_a_fault_of_ours(instance: dg.DagsterInstance) -> None:
    """It becomes an internal error without its text, which may hold a secret."""
    result, attempts = _materialize(instance, _raise(ValueError("password=hunter2")), Retries(3, 0))

    told = _failure_of(result)
    assert attempts == 1
    assert "unexpected ValueError" in (told.description or "")
    assert "hunter2" not in (told.description or "")


def test_cancelled_work_outside_a_cancelled_run_is_a_failure(instance: dg.DagsterInstance) -> None:
    """Somebody stopped Meltano behind Dagster's back: the run did not do its work and says so."""
    result, _ = _materialize(instance, _raise(RunCancelledError("The run was stopped", "Start it again")))

    assert _failure_of(result).description == (
        "The run was stopped. Start it again. Trying again cannot help until this is changed."
    )


def test_details_of_any_kind_become_metadata() -> None:
    """Lists of lines read as text, structures as JSON, and a long tail is cut to its end."""
    details = {
        "log_tail": ["one", "two"],
        "counts": {"orders": 5},
        "nothing": None,
        "path": object,
        "text": "x" * 30000,
    }
    metadata = failure(ConfigError("a", details=details)).metadata

    assert metadata["log_tail"].value == "```\none\ntwo\n```"
    assert metadata["counts"].value == {"orders": 5}
    assert "nothing" not in metadata
    assert len(str(metadata["text"].value)) == 20_000
