"""Jobs that send one message."""

import json
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster import ExecuteInProcessResult

from flext_pipelines.assets.location import build_definitions
from flext_pipelines.assets.messages import RESULT
from flext_pipelines.commands import registry, wms
from flext_pipelines.commands.bus import Bus, Ports, port
from flext_pipelines.commands.messages import command_named
from flext_pipelines.errors import UnknownMessageError, UsageError
from flext_pipelines.runs.location import MESSAGE_JOB, message_run_config
from flext_pipelines.settings import Settings
from flext_pipelines.wms.engine import open_engine
from tests.assets.catalogues import catalogue


@pytest.fixture
def definitions(settings: Settings) -> Iterator[dg.Definitions]:
    """The code location with a bus that knows the sample database."""
    settings.home.mkdir(parents=True)
    engine = open_engine(settings.wms_database)
    yield build_definitions(catalogue(), bus=Bus(registry.collect([wms]), ports=Ports({"wms": port(engine)})))
    engine.dispose()


def _send(definitions: dg.Definitions, message: str, **payload: object) -> ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        return definitions.resolve_job_def(MESSAGE_JOB).execute_in_process(
            run_config=message_run_config(message, payload), instance=instance, raise_on_error=False
        )


def _failure(result: ExecuteInProcessResult) -> str:
    data = result.failure_data_for_node("send")
    assert data is not None
    assert data.user_failure_data is not None
    return data.user_failure_data.description or ""


def test_any_command_can_be_a_run(definitions: dg.Definitions) -> None:
    """The run config names the message and its fields; the answer stands on the run."""
    result = _send(definitions, "wms.SeedSample", orders=5)

    (output,) = [event for event in result.all_events if event.is_successful_output]
    answer = output.step_output_data.metadata[RESULT].value
    assert isinstance(answer, dict)
    assert answer["created"] is True
    json.dumps(answer)


def test_a_wrong_field_fails_the_run_with_its_path(definitions: dg.Definitions) -> None:
    """The registry's words reach the run's page."""
    result = _send(definitions, "wms.SeedSample", orderz=5)

    assert "orderz: unknown field, did you mean orders?" in _failure(result)


def test_a_message_nobody_knows_fails_the_run_with_its_nearest_names(definitions: dg.Definitions) -> None:
    """A typing mistake in a launchpad says what was meant."""
    assert "wms.SeedSample" in _failure(_send(definitions, "wms.SeedSampel"))


def test_a_query_needs_no_run() -> None:
    """Queries are answered where they are asked."""
    with pytest.raises(UsageError, match="is a query"):
        command_named("pipelines.ListPipelines")
    with pytest.raises(UnknownMessageError):
        command_named("nothing.AtAll")
