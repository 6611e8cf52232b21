"""``flext completion``: tab completion for bash, zsh and fish."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples:
      eval "$(flext completion bash)"                 for this session
      flext completion fish > ~/.config/fish/completions/flext.fish
    """
    from flext_pipelines.cli.main import flext

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(flext, {}, "flext", "_FLEXT_COMPLETE").source())
