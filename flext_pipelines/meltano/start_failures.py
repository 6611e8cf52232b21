"""Failures of Meltano itself, before the first block or by a signal: told from its events and plain lines.

What belongs here: these verdicts, and programs that are not installed. What does not: blocks that failed
(``failures``).
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable

from flext_pipelines.errors import (
    ConfigError,
    FlextError,
    NotFoundError,
    PluginMissingError,
    RunFailedError,
    StorageFullError,
    UnavailableError,
    UsageError,
)
from flext_pipelines.meltano.evidence import BOOKMARK_KEPT, Evidence, how, kept, quoted

# What ExecutableNotFoundError says: which executable "could not be found", which plugin "may not have been installed
# yet" (plugin_invoker.py).
_NO_EXECUTABLE = re.compile(
    r"Executable '[^']*' could not be found\.(?: \S+ '(?P<plugin>[^']*)')?"
    r"|may not have been installed|No such file or directory: '[^']*/venv/"
)
_UNKNOWN_BLOCK = re.compile(r"Block (\S+) not found|Plugin '?([^' ]+)'? is not known to Meltano")
_NO_DEFINITION = re.compile(r"[Pp]lugin '?([\w.-]+)'? (?:could not be found|is not known|not found)")
_NOISE = re.compile(r"^Need help fixing|^Usage: |^Try '")

_FAULTS: tuple[tuple[str, type[FlextError], str, str], ...] = (
    (
        r"Could not connect to Meltano Hub",
        PluginMissingError,
        "A plugin of {pipeline} has no definition in the project, and the Hub cannot be reached",
        "Commit the plugin's lock file, or define it in meltano.yml; `flext validate` names it",
    ),
    (
        r"violates set requirements|failed validation|Loader missing in block set",
        ConfigError,
        "The blocks of {pipeline} do not fit together",
        "A tap needs a target after it; correct the job's tasks in meltano.yml",
    ),
    (
        r"[Ee]nvironment \S+ (?:was )?not found",
        ConfigError,
        "Meltano does not know the environment of this run",
        "Name one of the environments of meltano.yml with --environment or FLEXT_MELTANO_ENVIRONMENT",
    ),
    (r"\Aexit code 2$", UsageError, "Meltano refuses the call", "Correct the options of this run"),
    (
        r"\Aexit code 3$",  # cli/cli.py: requires_meltano is not met
        ConfigError,
        "The project asks for another Meltano than the one that is installed",
        "Change requires_meltano in meltano.yml, or point FLEXT_MELTANO_EXECUTABLE at the Meltano it asks for",
    ),
    (
        r"No space left on device|database or disk is full|disk I/O error|File too large",
        StorageFullError,
        "No room is left where Meltano writes: its system database, or the folder of this run",
        "Free room below FLEXT_HOME, or raise the quota or the limit of file sizes (`ulimit -f`), then run again",
    ),
    (
        r"Could not connect to the database|OperationalError|Cannot upgrade the system database|database is locked",
        UnavailableError,
        "Meltano's system database does not answer",
        "Check FLEXT_MELTANO_DATABASE_URL and that the database runs and has room left, then run again",
    ),
    (
        # Where meltano.yml holds the wrong kind of value, Meltano's errors are plain Python ones.
        r"meltano\.yml|while parsing|ConfigurationError|has no attribute|not iterable|KeyError|TypeError|ValueError",
        ConfigError,
        "Meltano cannot read the project",
        "`flext validate` shows each fault with file and line",
    ),
    (
        r"\Aexit code ",
        RunFailedError,
        "Meltano failed to run {pipeline} (exit code {code})",
        "Look at the last lines in the details and at the raw log of the run",
    ),
)
"""What Meltano writes (after ``exit code <n>`` and a line end), what it means, what to do; the first that fits."""


def meltano_failed(evidence: Evidence) -> FlextError:
    """Meltano ended badly without a failed block: before the first one, or by a signal."""
    if evidence.exit_code < 0 or evidence.exit_code == 128 + signal.SIGTERM:
        return UnavailableError(
            f"Meltano {how(evidence.exit_code)} while it ran {evidence.pipeline}; {kept(evidence)}",
            f"Look whether memory ran out or somebody ended it, then run again. {BOOKMARK_KEPT}",
            evidence.details | {"signal": abs(evidence.exit_code) % 128},
        )
    lines = [*evidence.tally.errors, *evidence.tally.plain]
    named = _names_what_is_not_there(evidence, "\n".join(lines))
    if named := named or missing_program(evidence, evidence.pipeline, lines):
        return named
    said = quoted([line for line in lines if not _NOISE.search(line)][-4:])
    text = "\n".join([f"exit code {evidence.exit_code}", *lines])
    kind, reason, instruction = next(
        (kind, reason, instruction)
        for pattern, kind, reason, instruction in _FAULTS
        if re.search(pattern, text, re.MULTILINE)
    )
    told = reason.format(pipeline=evidence.pipeline, code=evidence.exit_code)
    return kind(told + said, instruction, evidence.details)


def _names_what_is_not_there(evidence: Evidence, text: str) -> FlextError | None:
    """A job, plugin or definition that the project does not have."""
    if found := _UNKNOWN_BLOCK.search(text):
        name = found[1] or found[2]
        return NotFoundError(
            f"{evidence.pipeline} names {name!r}, which is neither a job nor a plugin of the project",
            "`flext pipelines` and `flext plugins` list what there is",
            evidence.details | {"name": name},
        )
    if "Executable '" not in text and (found := _NO_DEFINITION.search(text)):
        return PluginMissingError(
            f"Plugin {found[1]} has no definition: neither in meltano.yml nor as a lock file",
            f"`flext plugins install {found[1]}` adds it",
            evidence.details | {"plugin": found[1]},
        )
    return None


def missing_program(evidence: Evidence, name: str, lines: Iterable[str]) -> FlextError | None:
    """Its executable is not there: the plugin was never installed, or its venv is gone."""
    for line in lines:
        if found := _NO_EXECUTABLE.search(line):
            plugin = found["plugin"] or name
            return PluginMissingError(
                f"Plugin {plugin} is not installed: its executable is missing",
                f"`flext plugins install {plugin}` installs it",
                evidence.details | {"plugin": plugin},
            )
    return None
