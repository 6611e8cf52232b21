"""Which problems of a Meltano project are told of the sync of Oracle WMS Cloud."""

from __future__ import annotations

from flext_pipelines.commands.wms.sync import concerning
from flext_pipelines.meltano.plugin_values import ConfigProblem, Severity

PARENTS = {"tap-oracle-wms-full": "tap-oracle-wms", "tap-oracle-wms": None, "tap-shop": None}


def problem(plugin: str | None, severity: Severity = "error") -> ConfigProblem:
    """One of a plugin, or of the project."""
    return ConfigProblem(severity=severity, code="not_installed", message=f"{plugin} is not installed", plugin=plugin)


def test_another_pipelines_plugin_does_not_make_the_sync_unhealthy() -> None:
    """Told are the sync's plugins, what they inherit from, and errors of the project as a whole."""
    problems = [
        problem("tap-oracle-wms-full", "warning"),
        problem("tap-oracle-wms"),
        problem("tap-shop"),
        problem(None),
        problem(None, "warning"),
    ]

    assert concerning(problems, ["tap-oracle-wms-full"], PARENTS) == [problems[0], problems[1], problems[3]]
