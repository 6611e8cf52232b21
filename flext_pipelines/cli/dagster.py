"""``flext dagster``: Dagster's home, and Dagster's own programs started on it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import click

from flext_pipelines.cli import output
from flext_pipelines.cli.session import json_option, settings


@click.group()
def dagster() -> None:
    """Prepare the Dagster home, or start Dagster's UI on it."""


@dagster.command()
@json_option
def home(as_json: bool) -> None:
    """Write the Dagster home and print its path, for DAGSTER_HOME.

    \b
    Examples:
      export DAGSTER_HOME="$(flext dagster home)"
      dagster dev -w workspace.yaml
    """
    from flext_pipelines.runs.home import prepare_home

    path = prepare_home(settings())
    if as_json:
        output.print_json({"dagster_home": path})
    else:
        click.echo(path)


@dagster.command(
    context_settings={"ignore_unknown_options": True}, short_help="Start Dagster's UI and daemon on our home."
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def dev(arguments: tuple[str, ...]) -> None:
    """Start Dagster's UI and daemon on our home; further ARGUMENTS go to `dagster dev`.

    \b
    Examples:
      flext dagster dev
      flext dagster dev --port 3001
    """
    from flext_pipelines.runs.home import prepare_home, write_workspace
    from flext_pipelines.settings import environment

    path = prepare_home(settings())
    program = Path(sys.executable).parent / "dagster"
    words = [str(program), "dev", "-w", str(write_workspace(settings(), Path.cwd())), *arguments]
    if not any(word in {"-h", "--host"} for word in arguments):
        words += ["--host", "127.0.0.1"]
    # A script's `flext dagster dev &` comes with Ctrl-C ignored, and Dagster would then ignore SIGTERM as well:
    # nothing but SIGKILL could end it, which leaves its servers behind.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execve(program, words, {**environment(), "DAGSTER_HOME": str(path)})  # noqa: S606  we become Dagster
