"""The group of all commands, exit codes and errors."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from flext_pipelines.cli import main
from flext_pipelines.errors import NotFoundError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Shell


def every_command() -> Iterator[tuple[str, click.Command]]:
    """Each command with its full name, groups and their commands."""
    context = click.Context(main.flext, info_name="flext")
    for name in main.COMMANDS:
        command = main.flext.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", found) for inner, found in command.commands.items())


def test_help_lists_every_command_and_imports_none(flext: Shell) -> None:
    """`flext --help` is answered from a table."""
    answer = flext("--help")

    assert answer.code == 0
    assert all(f"  {name} " in answer.out for name in main.COMMANDS)


@pytest.mark.process
def test_help_stays_quick_because_nothing_heavy_is_imported() -> None:
    """A shell that shows its help has imported neither pydantic nor anything below the bus."""
    program = (
        "import sys; from flext_pipelines.cli import main; main.run(['--help']);"
        "print([n for n in ('pydantic', 'dagster', 'meltano', 'sqlalchemy', 'rich', 'pandas') if n in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert shown.stdout.splitlines()[-1] == "[]"


@pytest.mark.process
def test_status_imports_no_dagster() -> None:
    """`flext status` reads the run storage without the 0.4 s of importing Dagster."""
    program = (
        "import sys; from flext_pipelines.cli import main; main.run(['status']);"
        "print([n for n in ('dagster', 'meltano', 'pandas', 'duckdb') if n in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert shown.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(("name", "command"), [pytest.param(*found, id=found[0]) for found in every_command()])
def test_every_command_teaches(name: str, command: click.Command) -> None:
    """Each command says what it does; one that does something shows how it is called."""
    text = command.get_help(click.Context(command, info_name=f"flext {name}", help_option_names=["-h", "--help"]))

    assert command.help
    assert isinstance(command, click.Group) or f"flext {name}" in text.replace("\n", " ")
    assert isinstance(command, click.Group) or "Examples:" in text


@pytest.mark.process
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_both_spellings_of_help_work_everywhere(flag: str) -> None:
    """`-h` is `--help`, also below a group; in a process of its own, as click remembers the option."""
    program = f"import sys; from flext_pipelines.cli import main; sys.exit(main.run(['wms', 'seed', '{flag}']))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert shown.returncode == 0
    assert "--advance" in shown.stdout


def test_an_unknown_command_names_the_nearest(flext: Shell) -> None:
    """A typing mistake costs one look."""
    answer = flext("statsu")

    assert answer.code == 2
    assert "Did you mean `flext status`?" in answer.err


def test_the_version_is_that_of_the_package(flext: Shell) -> None:
    """`flext --version` names it."""
    assert flext("--version").out.startswith("flext 0.")


@pytest.mark.parametrize(("error", "code"), [(NotFoundError("x"), 2), (UnavailableError("x"), 1)])
def test_the_exit_code_says_whether_trying_again_may_help(error: Exception, code: int) -> None:
    """Permanent errors give 2, transient ones 1."""
    assert isinstance(error, (NotFoundError, UnavailableError))
    assert main.report(error, wants_json=False) == code


def test_an_error_says_what_and_what_next(capsys: pytest.CaptureFixture[str]) -> None:
    """Two lines on standard error, each a sentence."""
    main.report(NotFoundError("There is no pipeline x", "Did you mean wms?"), wants_json=False)

    assert capsys.readouterr().err == "Error: There is no pipeline x.\nNext:  Did you mean wms?\n"


def test_an_error_for_programs_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json the error is on standard output, with its code and details."""
    main.report(NotFoundError("gone", "look", {"stream": "orders"}), wants_json=True)

    shown = json.loads(capsys.readouterr().out)["error"]
    assert shown == {
        "code": "not_found",
        "reason": "gone",
        "instruction": "look",
        "details": {"stream": "orders"},
        "retryable": False,
    }


def test_a_wrong_setting_is_named_without_its_value(flext: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that does not validate is an error of the user, not a traceback."""
    monkeypatch.setenv("FLEXT_MAX_CONCURRENT_RUNS", "hunter2")

    answer = flext("status")

    assert answer.code == 2
    assert "FLEXT_MAX_CONCURRENT_RUNS" in answer.err
    assert "hunter2" not in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_completion(flext: Shell, shell: str) -> None:
    """The script asks `flext` itself, so that it never goes stale."""
    assert "_FLEXT_COMPLETE" in flext("completion", shell).out


def test_completion_knows_the_commands() -> None:
    """Tab after `flext st` offers status and stop."""
    from click.shell_completion import ShellComplete

    found = ShellComplete(main.flext, {}, "flext", "_FLEXT_COMPLETE").get_completions([], "st")

    assert {"stop", "status"} == {item.value for item in found}


@pytest.mark.process
def test_the_end_of_work_with_duckdb_is_silent() -> None:
    """What is not looked through for garbage at the exit counts as leaked for DuckDB, which prints 60 lines then."""
    work = "import duckdb; duckdb.sql('SELECT 1').fetchall()"
    program = f"{work}; from flext_pipelines.cli.main import main; main(['--version'])"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ended.stderr == ""


def test_an_interrupt_gives_130(flext: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """As every shell expects."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main.flext, "main", interrupted)

    assert flext("status").code == 130


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("status", "wms", "--previous", "1000"), "previous"),
        (("logs", "01a2056d", "--limit", "0"), "limit"),
        (("stop", "01a2056d-1111-1111-1111-1111111111111111111111"), "execution_id"),
    ],
)
def test_an_option_out_of_its_bounds_is_the_users_mistake(flext: Shell, words: tuple[str, ...], field: str) -> None:
    """The field and what it takes are named; no traceback, and exit code 2."""
    answer = flext(*words)

    assert answer.code == 2
    assert f"does not validate: {field}: " in answer.err
    assert "Traceback" not in answer.err
    assert "fault in flext-pipelines" not in answer.err
