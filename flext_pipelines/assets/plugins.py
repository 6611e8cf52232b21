"""Jobs for plugins: install, configure, upgrade.

They are jobs and not assets, because they change the project and move no data. Secrets are given by the name of an
environment variable; a run config that holds one is refused.

What belongs here: jobs of ``commands/plugins.py``. What does not: plugin work itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.assets.messages import job_of
from flext_pipelines.commands import plugins, registry

if TYPE_CHECKING:
    import dagster as dg

JOBS = {
    "install_plugin": "plugins.InstallPlugin",
    "configure_plugin": "plugins.ConfigurePlugin",
    "upgrade_plugin": "plugins.UpgradePlugin",
}
"""Job by job, the message that its one op sends."""


def plugin_jobs() -> list[dg.JobDefinition]:
    """One job for each message that changes a plugin."""
    specs = registry.collect([plugins])
    return [job_of(name, registry.find(specs, message)) for name, message in JOBS.items()]
