"""Making a plugin's venv: Meltano's own installer, then what it leaves undone.

What belongs here: the processes of an installation and what they say. What does not: when to install, and putting
back what was there before (``install``).
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flext_pipelines.errors import PluginInstallError, TimedOutError, UnavailableError
from flext_pipelines.meltano.argv import meltano_argv
from flext_pipelines.meltano.catalogue import Plugin, PluginType
from flext_pipelines.meltano.environment import child_environment
from flext_pipelines.meltano.process import Invocation, run_to_end
from flext_pipelines.meltano.redaction import Redactor, dotenv_values
from flext_pipelines.meltano.said import words_of
from flext_pipelines.meltano.system_database import make_private_database
from flext_pipelines.meltano.venvs import executable_of
from flext_pipelines.secrets import without_users
from flext_pipelines.settings import environment as process_environment
from flext_pipelines.settings import make_private

if TYPE_CHECKING:
    from flext_pipelines.meltano.project import MeltanoProject

INSTALL_TIMEOUT_SECONDS = 1800.0
_VERIFY_SECONDS = 60.0
_LAST_LINES = 20
_PASSED_TO_INSTALLERS = ("UV_*", "PIP_*", "GIT_*", "SSH_*", "NETRC", "CC", "CXX", "CFLAGS", "LDFLAGS", "CARGO_*")
_FOR_INSTALLERS = {
    "UV_COMPILE_BYTECODE": "1",
    "UV_NO_PROGRESS": "1",
    # Meltano 4.4.1 waits for pip without reading its output (venv_service.py:247-253): 64 KiB of it would block both.
    "PIP_QUIET": "1",
    "PIP_PROGRESS_BAR": "off",
    "PIP_NO_INPUT": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "GIT_TERMINAL_PROMPT": "0",
}


class VenvMaker:
    """Makes venvs of one project's plugins.

    Args:
        project: The project.
    """

    def __init__(self, project: MeltanoProject) -> None:
        self._project = project

    def variables(self) -> dict[str, str]:
        """What a pip_url may refer to."""
        return child_environment(self._project, process_environment(), also=_PASSED_TO_INSTALLERS) | dotenv_values(
            self._project.root / ".env"
        )

    def install(self, name: str, kind: PluginType) -> None:
        """``meltano install`` of one plugin.

        Raises:
            PluginInstallError: It failed; with the installer's last lines.
            TimedOutError: It took too long.
        """
        said: list[str] = []
        make_private(self._project.home)
        make_private_database(self._project.database_url)
        invocation = Invocation(
            argv=meltano_argv(self._project, "install", "--clean", f"--plugin-type={kind}", name),
            env=child_environment(
                self._project,
                process_environment(),
                extra=_FOR_INSTALLERS | {"XDG_STATE_HOME": str(self._project.home / "state")},  # its own copies of logs
                also=_PASSED_TO_INSTALLERS,
            ),
            cwd=self._project.root,
        )
        try:
            ended = run_to_end(
                invocation, timeout_seconds=INSTALL_TIMEOUT_SECONDS, on_line=lambda line: said.extend(_told(line))
            )
        except TimedOutError:
            raise TimedOutError(
                f"Installing {name} took longer than {INSTALL_TIMEOUT_SECONDS:g} s and was stopped; "
                "what was there before is back in place",
                "Look at the last lines; a package that is built from source for very long may hang",
                {"plugin": name, "tail": self._last_lines(said)},
            ) from None
        if ended.exit_code != 0:
            raise self._install_error(name, said, ended.exit_code)

    def start_once(self, plugin: Plugin) -> None:
        """Start the executable, since an installer's success says nothing of a missing library.

        Raises:
            PluginInstallError: There is no such executable, or it does not start.
        """
        program = executable_of(self._project, plugin)
        if program is None:
            return
        if not program.exists():
            others = sorted(path.name for path in program.parent.glob("*") if not _of_every_venv(path.name))
            near = difflib.get_close_matches(program.name, others, 1)
            raise PluginInstallError(
                f"The package of {plugin.name} brings no executable {program.name!r}",
                f"Set `executable: {near[0]}`" if near else "Set `executable` to the name of its console script",
                {"plugin": plugin.name, "executables": others},
            )
        tails: list[str] = []
        for flag in ("--version", "--about", "--help"):
            try:
                ended = run_to_end(
                    Invocation(argv=(str(program), flag), env=self._bare_environment(), cwd=self._project.root),
                    timeout_seconds=_VERIFY_SECONDS,
                )
            except (TimedOutError, UnavailableError) as error:
                tails = [error.reason]
                continue
            if ended.exit_code == 0:
                return
            tails = [self._masked(line) for line in ended.errors][-_LAST_LINES:]
            if any(line.startswith("Traceback") for line in ended.errors):
                break
        raise PluginInstallError(
            f"{plugin.name} was installed but does not start: {tails[-1].strip() if tails else 'it says nothing'}",
            "What was there before is back in place. Its package, or one it needs, is broken: pin versions in pip_url",
            {"plugin": plugin.name, "tail": tails},
        )

    def compile(self, venv: Path) -> None:
        """Bytecode for every module, whoever installed it; files that are no Python of this version do not matter."""
        run_to_end(
            Invocation(
                argv=(str(venv / "bin" / "python"), "-m", "compileall", "-q", "-j", "2", str(venv / "lib")),
                env=self._bare_environment(),
                cwd=self._project.root,
            ),
            timeout_seconds=INSTALL_TIMEOUT_SECONDS,
        )

    def _install_error(self, name: str, said: Sequence[str], exit_code: int) -> PluginInstallError:
        lines = self._last_lines(said)
        causes = [line.strip() for line in lines if re.match(r"\s*(error|cause|\u00d7)", line, re.IGNORECASE)]
        cause = (
            (causes or lines or ["no reason was given"])[0]
            .removeprefix("error:")
            .removeprefix("ERROR:")
            .strip(" .\u00d7")
        )
        return PluginInstallError(
            f"Installing {name} failed: {cause}",
            "What was there before is back in place. Correct its pip_url, or reach the package index, and try again",
            {"plugin": name, "exit_code": exit_code, "tail": lines},
        )

    def _last_lines(self, said: Sequence[str]) -> list[str]:
        return [self._masked(line) for line in said if line.strip()][-_LAST_LINES:]

    def _masked(self, line: str) -> str:
        """Without credentials of addresses, and without secret values of variables that a pip_url may name."""
        return Redactor(self.variables())(without_users(line))

    def _bare_environment(self) -> dict[str, str]:
        """What a program needs to start and no secret."""
        wanted = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
        return {name: value for name, value in process_environment().items() if name in wanted}


def _told(line: str) -> list[str]:
    """What an installer said, out of a log line of Meltano: its output, else Meltano's own errors."""
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    state = said.get("install_state") if isinstance(said, dict) else None
    details = state.get("details") if isinstance(state, dict) else None
    return str(details).splitlines() if details else words_of(line)


def _of_every_venv(name: str) -> bool:
    return bool(re.match(r"(python|pip|activate|deactivate|pydoc|wheel|easy_install)", name, re.IGNORECASE))
