"""Jobs that change plugins."""

import dagster as dg
import pytest

from flext_pipelines.assets.location import build_definitions
from flext_pipelines.assets.plugins import JOBS
from flext_pipelines.commands import plugins, registry
from flext_pipelines.commands.bus import Bus
from flext_pipelines.commands.message import Command
from flext_pipelines.commands.plugins import ConfigurePluginCommand
from flext_pipelines.commands.registry import MessageSpec
from tests.assets.catalogues import catalogue


@pytest.mark.parametrize(("job", "message"), JOBS.items())
def test_a_launchpad_shows_the_fields_of_its_message(job: str, message: str) -> None:
    """Every field that a shell can give and run config may hold, the launchpad has too, with the same words."""
    spec = registry.find(registry.collect([plugins]), message)
    op = build_definitions(catalogue()).resolve_job_def(job).graph.node_named(f"send_{job}").definition

    fields = op.config_schema.config_type.fields  # type: ignore[union-attr]  # an op with a schema

    assert issubclass(spec.type, Command)
    assert {*fields} == {*spec.type.model_fields} - spec.type.never_in_run_config
    assert fields["name"].description == spec.type.model_fields["name"].description


def test_a_secret_reaches_a_plugin_by_the_name_of_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's config and events hold the name; the message holds the secret."""
    monkeypatch.setenv("SHOP_PASSWORD", "hunter2")
    received: list[ConfigurePluginCommand] = []
    spec = MessageSpec("plugins.ConfigurePlugin", ConfigurePluginCommand, received.append, True)
    job = build_definitions(catalogue(), bus=Bus([spec])).resolve_job_def("configure_plugin")
    fields = {"name": "tap-shop", "secrets": {"password": {"env": "SHOP_PASSWORD"}}}
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            run_config={"ops": {"send_configure_plugin": {"config": fields}}}, instance=instance
        )
        stored = str(result.dagster_run.run_config) + str(instance.all_logs(result.run_id))

    assert received[0].secrets["password"].get_secret_value() == "hunter2"
    assert "hunter2" not in stored


@pytest.mark.parametrize("field", [{"secrets": {"password": "hunter2"}}, {"settings": {"door_code": "hunter2"}}])
def test_a_secret_in_a_launchpad_is_refused(field: dict[str, object]) -> None:
    """Run config is stored in plain text; among plain settings only the plugin's definition tells a secret."""
    job = build_definitions(catalogue()).resolve_job_def("configure_plugin")
    fields = {"name": "tap-shop", **field}

    with pytest.raises(dg.DagsterInvalidConfigError):
        job.execute_in_process(run_config={"ops": {"send_configure_plugin": {"config": fields}}})
