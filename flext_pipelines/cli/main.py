"""``flext``: the group of all commands, and the one place where an error becomes an exit code.

Exit codes: 0 done; 1 failed, trying again may help; 2 failed, something must be changed first (also
wrong usage); 130 interrupted.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flext_pipelines.errors import FlextError

COMMANDS = {
    "run": ("pipelines", "Run a pipeline as a Dagster run and watch it."),
    "stop": ("runs", "Stop a run; bookmarks are kept."),
    "status": ("runs", "What runs, what ran last, what failed."),
    "logs": ("runs", "The log of a run."),
    "metrics": ("runs", "Rows, bytes and seconds of a run, per stream."),
    "pipelines": ("pipelines", "List the pipelines of the Meltano project."),
    "plugins": ("plugins", "Install, configure, upgrade and list Meltano plugins."),
    "data": ("data", "Extract, validate, transform and load data sets."),
    "validate": ("plugins", "Check the Meltano project: settings, placeholders, jobs."),
    "messages": ("messages", "The catalogue of messages, or one with its fields."),
    "send": ("messages", "Send any message, its fields as JSON or YAML."),
    "audit": ("audit", "Read and verify the audit trail."),
    "wms": ("wms", "Warehouse management: stock, orders, shipments, receipts."),
    "oud": ("oud", "Move an Oracle Internet Directory to Oracle Unified Directory."),
    "dagster": ("dagster", "Prepare the Dagster home, or start Dagster's UI on it."),
    "completion": ("completion", "Print the shell completion script."),
}
"""Every command: the module that holds it, and its line in ``flext --help``, so that help imports none of them."""


CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
"""Settings of the root context, which those below inherit."""


class LazyGroup(click.Group):
    """A group that imports a command's module when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  the shape of click.Group
        """Every command, in the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  the shape of its base class
        """Load one command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"flext_pipelines.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command when there is none of that name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1) if args else []
            hint = f" Did you mean `flext {near[0]}`?" if near else ""
            raise click.UsageError(f"{error.message.rstrip('.')}.{hint}", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  the shape of its base class
        """The table of commands, from the lines above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"flext {version('flext-pipelines')}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings=dict(CONTEXT))
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
def flext() -> None:
    """One way to run, watch and check data pipelines.

    Every command sends one typed message; `flext messages` lists them all. Add --json for programs.

    \b
    Examples:
      flext run wms              run the pipeline `wms` and watch it
      flext status               what runs, what failed
      flext logs --follow RUN    read along
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point of the console script: run a command, exit with its code.

    A command is short and makes 260,000 objects that live to its end, most of them by importing. Looking through them
    for garbage time and again costs `flext run` 0.3 s, and once more at the exit 0.4 s: neither finds any to speak of.
    """
    import gc

    gc.set_threshold(100_000, 50, 50)
    code = run(arguments)
    if "_duckdb" not in sys.modules:  # it takes what is not looked through for leaked, and says so at length
        gc.freeze()
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code; an error is printed, never a traceback for a user's mistake."""
    from flext_pipelines.errors import FlextError

    words = list(sys.argv[1:] if arguments is None else arguments)
    wants_json = "--json" in words
    try:
        outcome = flext.main(words, prog_name="flext", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return 130
    except BrokenPipeError:
        return _reader_left()
    except FlextError as error:
        return report(error, wants_json=wants_json)
    except Exception as error:
        return report(_ours(error), wants_json=wants_json)
    return outcome if isinstance(outcome, int) else 0


def _ours(error: Exception) -> FlextError:
    """What somebody wrote that makes no message is their mistake; everything else is a fault of ours."""
    import logging

    from pydantic import ValidationError

    from flext_pipelines.commands.bus import internal_error
    from flext_pipelines.commands.registry import invalid_message

    invalid = invalid_message(error) if isinstance(error, ValidationError) else None
    if invalid is not None:
        return invalid
    logging.getLogger("flext.cli").error("unexpected error", exc_info=error)
    return internal_error(error)


def _reader_left() -> int:
    """Whoever read our output stopped, as ``| head`` does: no complaint, and none from the interpreter's last flush."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def report(error: FlextError, *, wants_json: bool) -> int:
    """Print an error, for a person or a program, and give its exit code."""
    if wants_json:
        import json

        from flext_pipelines.commands.result import error_as_json

        click.echo(json.dumps({"error": error_as_json(error)}, default=str, indent=2))
    else:
        click.echo(f"{click.style('Error:', fg='red', bold=True)} {_sentence(error.reason)}", err=True)
        if error.instruction:
            click.echo(f"{click.style('Next:', fg='cyan')}  {_sentence(error.instruction)}", err=True)
    return exit_code(error)


def exit_code(error: FlextError) -> int:
    """The exit code of an error."""
    from flext_pipelines.errors import RunCancelledError

    if isinstance(error, RunCancelledError):
        return 130
    return 1 if error.retryable else 2
