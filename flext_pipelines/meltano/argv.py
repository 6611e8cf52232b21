"""The arguments of ``meltano run``: a list, never a shell line, never a secret.

``--log-format`` and ``--log-config`` stand before the sub-command: by environment variable the first lines are
plain text, and a ``logging.yaml`` of the project would win (meltano cli/cli.py, core/logging/utils.py). The
environment is always named, since several commands of Meltano ignore the project's default one.

What belongs here: arguments. What does not: variables (``environment``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flext_pipelines.errors import UsageError

if TYPE_CHECKING:
    from flext_pipelines.meltano.project import MeltanoProject

LOG_CONFIG = Path(__file__).with_name("logging.yaml")
"""Python logging configuration for Meltano: JSON on standard error, nothing else."""


def meltano_argv(project: MeltanoProject, *arguments: str) -> tuple[str, ...]:
    """Any Meltano command with our logging and the project's environment."""
    return (
        str(project.executable),
        "--log-format=json",
        f"--log-config={LOG_CONFIG}",
        f"--environment={project.environment}",
        *arguments,
    )


def run_argv(
    project: MeltanoProject,
    blocks: Sequence[str],
    *,
    run_id: str,
    state_id_suffix: str | None = None,
    merge_state: bool = False,
    full_refresh: bool = False,
    refresh_catalog: bool = False,
) -> tuple[str, ...]:
    """``meltano run`` of a job or of blocks.

    ``--no-install`` always: ``auto_install: false`` does nothing in Meltano 4.4.1, and an installation empties the
    run folders of jobs at work.

    Args:
        project: The project.
        blocks: A job's name, or plugins and commands in order.
        run_id: A UUID.
        state_id_suffix: Gives the run a Singer state of its own.
        merge_state: Keep bookmarks of streams that this run does not touch; otherwise it replaces them.
        full_refresh: Ignore the bookmarks.
        refresh_catalog: Ask the tap anew what it offers.

    Raises:
        UsageError: A block looks like an option, or the suffix cannot be part of a state id.
    """
    for block in blocks:
        if block.startswith("-") or not block.strip():
            raise UsageError(f"{block!r} is no pipeline, plugin or command", "Name a pipeline of `flext pipelines`")
    if state_id_suffix is not None and (":" in state_id_suffix or not state_id_suffix):
        raise UsageError(
            f"{state_id_suffix!r} cannot be part of a state id: it is empty or holds a colon",
            "Choose partition keys without a colon",
        )
    options = [f"--run-id={run_id}"]
    if state_id_suffix is not None:
        options.append(f"--state-id-suffix={state_id_suffix}")
    if merge_state:
        options.append("--state-strategy=merge")
    if full_refresh:
        options.append("--full-refresh")
    if refresh_catalog:
        options.append("--refresh-catalog")
    return meltano_argv(project, "run", "--no-install", *options, "--", *blocks)
