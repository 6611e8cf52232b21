"""``flext plugins`` and ``flext validate``: the plugins and the configuration of the Meltano project."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from flext_pipelines.cli import output
from flext_pipelines.cli.options import command_for
from flext_pipelines.errors import ConfigError

if TYPE_CHECKING:
    from flext_pipelines.meltano.catalogue import Stream
    from flext_pipelines.meltano.plugin_values import (
        ConfiguredPlugin,
        InstallReport,
        PluginConfig,
        PluginStatus,
        Uninstalled,
        ValidationReport,
    )


@click.group()
def plugins() -> None:
    """Install, configure, upgrade and list Meltano plugins."""


def show_plugins(answer: object) -> None:
    """Every plugin in one line."""
    found = cast("tuple[PluginStatus, ...]", answer)
    rows = [(one.name, one.type, one.version, one.installed, one.problem or one.stale, one.used_by) for one in found]
    columns = ("plugin", "type", "version", "installed", "note", "used by")
    output.table("", columns, rows, empty="The project has no plugins of this kind.")


def show_installation(answer: object) -> None:
    """What was done with each plugin."""
    report = cast("InstallReport", answer)
    rows = [(one.name, one.action, one.version, one.before, one.reason, one.seconds or None) for one in report.plugins]
    columns = ("plugin", "done", "version", "before", "why", "seconds")
    output.table("", columns, rows, empty="There was nothing to install.")
    for name in report.repaired:
        click.echo(f"{name}: an upgrade that was cut short was rolled back first.")


def show_uninstallation(answer: object) -> None:
    """What was removed, and what was left."""
    gone = cast("Uninstalled", answer)
    output.fields({"removed": gone.name, "files": gone.files, "venv": gone.venv or None, "left": gone.left})


def show_configuration(answer: object) -> None:
    """Where each changed setting went."""
    changed = cast("ConfiguredPlugin", answer)
    rows = [(one.name, one.stored, one.shadowed_by or None) for one in changed.settings]
    output.table(changed.plugin, ("setting", "stored in", "shadowed by"), rows, empty="Nothing was changed.")


def show_config(answer: object) -> None:
    """The effective settings, each with the place it comes from."""
    config = cast("PluginConfig", answer)
    rows = [(one.name, one.value, one.origin, one.where, one.required or None, one.problem) for one in config.settings]
    columns = ("setting", "value", "from", "where", "required", "problem")
    output.table(f"{config.plugin} in {config.environment}", columns, rows, empty="It has no settings.")


def show_streams(answer: object) -> None:
    """The streams of a tap."""
    found = cast("tuple[Stream, ...]", answer)
    rows = [(one.name, one.selected, one.replication_method, one.replication_key, one.keys) for one in found]
    columns = ("stream", "selected", "method", "replication key", "keys")
    output.table("", columns, rows, empty="The tap knows no streams.")


def show_problems(answer: object) -> None:
    """Everything that is wrong, each with its place."""
    report = cast("ValidationReport", answer)
    for one in report.problems:
        place = ":".join(str(part) for part in (one.file, one.line, one.column) if part)
        severity = click.style(one.severity, fg=output.STATUS_COLOURS.get(one.severity), bold=True)
        click.echo(f"{severity} {place}: {one.message}" if place else f"{severity} {one.message}")
        if one.instruction:
            click.echo(f"      {one.instruction}")
    if report.ok:
        click.echo(f"{click.style('Right', fg='green')} in {', '.join(report.environments) or 'every environment'}.")


def judge_problems(answer: object) -> None:
    """Errors in the configuration make the command fail.

    Raises:
        ConfigError: There is at least one problem of severity error.
    """
    report = cast("ValidationReport", answer)
    if not report.ok:
        errors = sum(1 for one in report.problems if one.severity == "error")
        count = "one error" if errors == 1 else f"{errors} errors"
        raise ConfigError(f"The project's configuration has {count}", "Each is listed with its place above")


for command in (
    command_for(
        "plugins.InstallPlugin", "install", show_installation, arguments=("name",),
        examples=("flext plugins install all", "flext plugins install tap-shop --pip-url tap-shop==2.1"),
    ),
    command_for(
        "plugins.UpgradePlugin", "upgrade", show_installation, arguments=("name",),
        examples=("flext plugins upgrade tap-shop --version 2.2",),
    ),
    command_for(
        "plugins.UninstallPlugin", "uninstall", show_uninstallation, arguments=("name",),
        examples=("flext plugins uninstall tap-shop",),
    ),
    command_for(
        "plugins.ConfigurePlugin", "configure", show_configuration, arguments=("name",), fixed={"secrets": {}},
        examples=(
            """flext plugins configure tap-shop --settings '{"start_date": "2026-01-01"}'""",
            """flext plugins configure tap-shop --settings-from-env '{"password": "SHOP_PASSWORD"}'""",
        ),
    ),
    command_for(
        "plugins.DiscoverStreams", "discover", show_streams, arguments=("tap",),
        examples=("flext plugins discover tap-wms",),
    ),
    command_for(
        "plugins.ListPlugins", "list", show_plugins, examples=("flext plugins list --plugin-type extractors",)
    ),
    command_for(
        "plugins.GetPluginConfig", "config", show_config, arguments=("name",),
        examples=("flext plugins config tap-wms", "flext plugins config tap-wms --environment prod --json"),
    ),
):  # fmt: skip
    plugins.add_command(command)

validate = command_for(
    "plugins.ValidateConfig", "validate", show_problems, judge=judge_problems,
    examples=("flext validate", "flext validate --environment prod --json"),
)  # fmt: skip
