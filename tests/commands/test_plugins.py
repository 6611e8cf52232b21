"""The plugin messages, through the bus."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flext_pipelines.commands import plugins, registry
from flext_pipelines.commands.bus import Bus, Ports, port
from flext_pipelines.commands.plugins import (
    ConfigurePluginCommand,
    GetPluginConfigQuery,
    InstallPluginCommand,
    ListPluginsQuery,
    UninstallPluginCommand,
    UpgradePluginCommand,
    ValidateConfigQuery,
)
from flext_pipelines.errors import InvalidMessageError, NotFoundError, PluginConfigError, PluginMissingError
from flext_pipelines.meltano.plugin_values import InstallReport
from flext_pipelines.meltano.plugins import ProjectPlugins
from flext_pipelines.settings import Settings
from tests.meltano.written_projects import tree, written

TEXT = """\
environments:
- name: dev
plugins:
  extractors:
  - name: tap-a
    namespace: tap_a
    executable: ./tap.py
    settings:
    - {name: port, kind: integer}
    - {name: password, kind: password}
    - {name: innocent, sensitive: true}
"""
SPECS = {spec.name: spec for spec in registry.collect([plugins])}


@pytest.fixture
def gateway(tmp_path: Path) -> ProjectPlugins:
    """The plugins of a small project."""
    return ProjectPlugins(written(tmp_path, TEXT))


@pytest.fixture
def bus(gateway: ProjectPlugins) -> Bus:
    """A bus of the plugin messages alone."""
    return Bus(list(SPECS.values()), ports=Ports({"plugins": port(gateway)}))


def test_every_message_is_documented() -> None:
    """Each has a first line that says what it does, and a description for each field."""
    assert len(SPECS) == 8
    for spec in SPECS.values():
        assert spec.summary.endswith(".")
        fields = {**spec.type.model_fields}
        assert [name for name, field in fields.items() if not field.description] == []


def test_settings_are_changed_and_read_back(bus: Bus, gateway: ProjectPlugins) -> None:
    """What Configure stores, GetPluginConfig shows with its place."""
    done = bus.send(ConfigurePluginCommand(name="tap-a", settings={"port": "5432"})).unwrap()
    found = bus.send(GetPluginConfigQuery(name="tap-a")).unwrap()

    (port_setting,) = [item for item in found.settings if item.name == "port"]
    assert (port_setting.value, port_setting.where) == (5432, done.settings[0].stored)


def test_a_secret_may_come_from_a_variable(bus: Bus, gateway: ProjectPlugins, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its value goes into .env; the message only ever held the variable's name."""
    monkeypatch.setenv("SHOP_PW", "hunter2")
    command = ConfigurePluginCommand(name="tap-a", settings_from_env={"password": "SHOP_PW"})

    done = bus.send(command).unwrap()

    assert done.settings[0].stored == "TAP_A_PASSWORD in .env"
    assert (gateway.project.root / ".env").read_text() == "TAP_A_PASSWORD='hunter2'\n"
    assert "hunter2" not in registry.as_json(command)


def test_a_variable_that_is_not_set_is_named(bus: Bus, gateway: ProjectPlugins) -> None:
    """Nothing is written in its place."""
    command = ConfigurePluginCommand(name="tap-a", settings={"port": 1}, settings_from_env={"password": "NOT_THERE"})
    before = tree(gateway.project.root)

    result = bus.send(command)

    assert isinstance(result.error, NotFoundError)
    assert "NOT_THERE" in result.error.reason
    assert tree(gateway.project.root) == before


def test_a_secret_never_shows(bus: Bus) -> None:
    """In JSON for audit and run config it is masked, and the mask is refused when it comes back."""
    spec = SPECS["plugins.ConfigurePlugin"]
    command = registry.parse(spec, {"name": "tap-a", "secrets": {"password": "hunter2"}})

    text = registry.as_json(command)

    assert json.loads(text)["secrets"] == {"password": "**********"}
    assert "hunter2" not in text + repr(command) + str(command)
    result = bus.send(registry.parse(spec, text))
    assert isinstance(result.error, PluginConfigError)
    assert "mask" in result.error.reason


REFUSED = [
    ("plugins.ConfigurePlugin", {"name": "a", "settings": {"api_key": "hunter2"}}, "looks like a secret"),
    ("plugins.ConfigurePlugin", {"name": "a", "settings": {"url": "pg://u:hunter2@h"}}, "looks like a secret"),
    ("plugins.ConfigurePlugin", {"name": "a", "settings_from_env": {"password": "hunter2 !"}}, "name of a variable"),
    ("plugins.ConfigurePlugin", {"name": "a"}, "at least one setting"),
    ("plugins.ConfigurePlugin", {"name": "a", "settings": {"x": 1}, "secrets": {"x": "hunter2"}}, "more than once: x"),
    ("plugins.InstallPlugin", {"name": "a", "pip_url": "git+https://hunter2@example.org/a"}, "holds credentials"),
    ("plugins.InstallPlugin", {"name": "a", "pip_url": "--index-url=x a"}, "begins with an option"),
    ("plugins.InstallPlugin", {"name": "--all"}, "pattern"),
    ("plugins.InstallPlugin", {"name": "all", "pip_url": "a"}, "belong to one plugin"),
    ("plugins.InstallPlugin", {"name": "a", "plugin_type": "tap"}, "extractors"),
    ("plugins.UpgradePlugin", {"name": "a", "version": "1.0 --evil"}, "pattern"),
    ("plugins.UpgradePlugin", {"name": "a", "pip_url": "https://u:hunter2@x/a.whl"}, "holds credentials"),
    ("plugins.ListPlugins", {"type": "x"}, "unknown field"),
]


@pytest.mark.parametrize(("name", "payload", "said"), REFUSED, ids=[f"{case[0]}-{case[2]}" for case in REFUSED])
def test_what_must_not_enter_is_refused_before_audit(name: str, payload: dict[str, object], said: str) -> None:
    """The message does not even come into being, and the complaint does not repeat a value."""
    with pytest.raises(InvalidMessageError) as caught:
        registry.parse(SPECS[name], payload)

    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value) + json.dumps(caught.value.details)


ROUND_TRIPS: list[tuple[str, dict[str, object]]] = [
    ("plugins.InstallPlugin", {"name": "tap-x", "pip_url": "git+https://$TOKEN@example.org/x", "wait_seconds": 5.0}),
    ("plugins.UpgradePlugin", {"name": "tap-x", "version": "1.2.3rc1"}),
    ("plugins.UninstallPlugin", {"name": "tap-x", "force": True}),
    (
        "plugins.ConfigurePlugin",
        {"name": "tap-x", "settings": {"a": [1, None, {"b": 1.5}], "password": "$PW", "c": None}},
    ),
    ("plugins.DiscoverStreams", {"tap": "tap-x"}),
    ("plugins.ListPlugins", {"plugin_type": "loaders"}),
    ("plugins.GetPluginConfig", {"name": "tap-x", "environment": "prod"}),
    ("plugins.ValidateConfig", {}),
]


@pytest.mark.parametrize(("name", "payload"), ROUND_TRIPS, ids=[case[0] for case in ROUND_TRIPS])
def test_messages_survive_json(name: str, payload: dict[str, object]) -> None:
    """A message is the same after it went through JSON."""
    message = registry.parse(SPECS[name], payload)

    assert registry.parse(SPECS[name], message.model_dump_json()) == message


def test_answers_survive_json(bus: Bus) -> None:
    """What a handler answers can be kept for an idempotency key and given back."""
    for query in (ListPluginsQuery(), GetPluginConfigQuery(name="tap-a"), ValidateConfigQuery()):
        answer = bus.send(query).unwrap()
        spec = next(spec for spec in SPECS.values() if spec.type is type(query))

        assert registry.load_result(spec, registry.dump_result(spec, answer)) == answer
    report = bus.send(InstallPluginCommand(name="all")).unwrap()
    spec = SPECS["plugins.InstallPlugin"]
    assert registry.load_result(spec, registry.dump_result(spec, report)) == report
    assert isinstance(report, InstallReport)
    assert [item.action for item in report.plugins] == ["not_needed"]


def test_plugins_of_a_type_are_listed(bus: Bus) -> None:
    """Only those asked for."""
    assert [item.name for item in bus.send(ListPluginsQuery(plugin_type="extractors")).unwrap()] == ["tap-a"]
    assert bus.send(ListPluginsQuery(plugin_type="loaders")).unwrap() == ()


@pytest.mark.parametrize(
    "message",
    [InstallPluginCommand(name="tap-z"), UpgradePluginCommand(name="tap-z"), UninstallPluginCommand(name="tap-z")],
)
def test_a_plugin_that_is_not_there_is_an_error_of_the_caller(bus: Bus, message: InstallPluginCommand) -> None:
    """Not retryable, with what to do."""
    error = bus.send(message).error

    assert isinstance(error, PluginMissingError)
    assert not error.retryable
    assert error.instruction


def test_the_port_knows_the_places_that_runs_are_given(tmp_path: Path) -> None:
    """Our own project refers to the warehouse by a variable; its configuration is right all the same."""
    from flext_pipelines.bootstrap import default_ports

    ports = Ports({})
    project = written(tmp_path, TEXT + "    config: {port: $FLEXT_WAREHOUSE_URL}\n")
    settings = Settings(home=tmp_path / "home", meltano_project_root=project.root, actor="tester")
    gateway = default_ports(settings, ports)["plugins"]()
    assert isinstance(gateway, ProjectPlugins)

    codes = [item.code for item in gateway.validate().problems]

    assert "unresolved_placeholder" not in codes


@pytest.mark.process
def test_the_message_module_is_light() -> None:
    """Messages and their answers need nothing heavier than pydantic."""
    import subprocess
    import sys

    code = (
        "import sys, flext_pipelines.commands.plugins\n"
        "heavy = {'meltano', 'dagster', 'ruamel.yaml', 'sqlalchemy', 'structlog', 'click', 'subprocess'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())

    assert done.stdout.strip() == "[]"
