"""Jobs that send one message."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster import ExecuteInProcessResult
from dagster._core.errors import DagsterConfigMappingFunctionError

from flext_pipelines.assets.location import build_definitions
from flext_pipelines.assets.messages import RESULT
from flext_pipelines.bootstrap import default_ports
from flext_pipelines.commands import registry, wms
from flext_pipelines.commands.bus import Bus, Ports, port
from flext_pipelines.commands.messages import command_named
from flext_pipelines.errors import FlextError, ForbiddenError, UnknownMessageError, UsageError
from flext_pipelines.meltano.catalogue import Pipeline
from flext_pipelines.meltano.project import MeltanoProject
from flext_pipelines.runs.location import MESSAGE_JOB, message_run_config, run_options_config
from flext_pipelines.settings import Settings
from flext_pipelines.wms.engine import open_engine
from tests.assets.catalogues import catalogue, el
from tests.meltano.projects import opened, write_project

SECRET = "hunter2hunter2"


@pytest.fixture
def definitions(settings: Settings) -> Iterator[dg.Definitions]:
    """The code location with a bus that knows the sample database."""
    settings.home.mkdir(parents=True)
    engine = open_engine(settings.wms_database)
    ports = Ports()
    ports.provide(default_ports(settings, ports))
    ports.provide({"wms": port(engine)})
    yield build_definitions(catalogue(), bus=Bus(registry.collect([wms]), ports=ports))
    engine.dispose()


def _send(definitions: dg.Definitions, message: str, **payload: object) -> ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        return definitions.resolve_job_def(MESSAGE_JOB).execute_in_process(
            run_config=message_run_config(message, payload), instance=instance, raise_on_error=False
        )


def _refused(definitions: dg.Definitions, message: str, **payload: object) -> FlextError:
    """The error that keeps Dagster from making such a run; nothing of it is stored."""
    with dg.DagsterInstance.ephemeral() as instance:
        with pytest.raises(DagsterConfigMappingFunctionError) as caught:
            instance.create_run_for_job(
                definitions.resolve_job_def(MESSAGE_JOB), run_config=message_run_config(message, payload)
            )
        assert instance.get_runs() == []
    assert isinstance(caught.value.user_exception, FlextError)
    return caught.value.user_exception


def _project_with_a_secret(folder: Path) -> MeltanoProject:
    """A project whose tap has a setting that only its definition calls secret."""
    settings = [{"name": "door_code", "sensitive": True}, {"name": "mode"}, {"name": "url"}, {"name": "options"}]
    tap = {"name": "tap-shop", "namespace": "tap_shop", "executable": "true", "settings": settings}
    return opened(write_project(folder / "project", plugins={"extractors": [tap]}), folder / "home")


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


def test_a_wrong_value_fails_the_run_with_its_path(definitions: dg.Definitions) -> None:
    """The registry's words reach the run's page."""
    result = _send(definitions, "wms.SeedSample", orders="many")

    assert "orders: " in _failure(result)


def test_a_misspelt_field_is_refused_before_there_is_a_run(definitions: dg.Definitions) -> None:
    """What stands in it is not looked at by any rule for secrets, and would be stored."""
    assert "orderz: unknown field, did you mean orders?" in str(_refused(definitions, "wms.SeedSample", orderz=5))


@pytest.mark.parametrize(
    ("message", "payload", "said"),
    [
        ("plugins.ConfigurePlugin", {"name": "tap-shop", "settings": {"door_code": SECRET}}, "settings may hold"),
        ("plugins.ConfigurePlugin", {"name": "tap-shop", "secrets": {"word": SECRET}}, "secrets.word is a secret"),
        ("plugins.ConfigurePlugin", {"name": "tap-shop", "setings": {"door_code": SECRET}}, "unknown field"),
        (
            "pipelines.RunMeltanoPipeline",
            {"pipeline": "daily", "config_overrides": {"tap-shop": {"door_code": SECRET}}},
            "Setting door_code of tap-shop is a secret",
        ),
        (
            "data.LoadData",
            {"source_data": "a", "target_table": "b", "target_connection": f"postgresql://me:{SECRET}@h/x"},
            "target_connection shows a password",
        ),
    ],
)
def test_a_secret_in_the_launchpad_is_refused_before_there_is_a_run(
    tmp_path: Path, message: str, payload: dict[str, object], said: str
) -> None:
    """Dagster plans a run before it writes it down; the plan is refused, and nothing has the secret."""
    definitions = build_definitions(catalogue(), project=_project_with_a_secret(tmp_path), bus=Bus([]))

    error = _refused(definitions, message, **payload)

    assert said in str(error)
    assert SECRET not in f"{error} {error.details}"


@pytest.mark.parametrize("job", ["daily", "__ASSET_JOB"])
@pytest.mark.parametrize(
    "setting", [{"door_code": SECRET}, {"url": f"postgresql://me:{SECRET}@h/x"}, {"options": {"password": SECRET}}]
)
def test_a_secret_among_the_options_of_a_run_is_refused_before_there_is_a_run(
    tmp_path: Path, job: str, setting: dict[str, object]
) -> None:
    """For a pipeline's own job and for assets that somebody chose in the UI."""
    daily = Pipeline(name="daily", source="job", blocks=(el(),))
    definitions = build_definitions(catalogue(daily), project=_project_with_a_secret(tmp_path), bus=Bus([]))
    config = run_options_config(config_overrides={"tap-shop": setting})

    with dg.DagsterInstance.ephemeral() as instance:
        with pytest.raises(DagsterConfigMappingFunctionError) as caught:
            instance.create_run_for_job(definitions.resolve_job_def(job), run_config=config)
        assert instance.get_runs() == []

    assert isinstance(caught.value.user_exception, ForbiddenError)
    assert SECRET not in f"{caught.value.user_exception} {caught.value.user_exception.details}"


def test_settings_that_are_no_secret_pass(tmp_path: Path) -> None:
    """The wall does not keep a run from what it may be given."""
    daily = Pipeline(name="daily", source="job", blocks=(el(),))
    definitions = build_definitions(catalogue(daily), project=_project_with_a_secret(tmp_path), bus=Bus([]))
    config = run_options_config(config_overrides={"tap-shop": {"mode": "fast"}})

    with dg.DagsterInstance.ephemeral() as instance:
        made = instance.create_run_for_job(definitions.resolve_job_def("daily"), run_config=config)

    assert made.run_config == config


def test_a_message_nobody_knows_is_refused_with_its_nearest_names(definitions: dg.Definitions) -> None:
    """A typing mistake in a launchpad says what was meant, before there is a run."""
    assert "wms.SeedSample" in str(_refused(definitions, "wms.SeedSampel"))


def test_a_query_needs_no_run() -> None:
    """Queries are answered where they are asked."""
    with pytest.raises(UsageError, match="is a query"):
        command_named("pipelines.ListPipelines")
    with pytest.raises(UnknownMessageError):
        command_named("nothing.AtAll")
