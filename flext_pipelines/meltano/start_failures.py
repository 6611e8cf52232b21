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
    UnavailableError,
    UsageError,
)
from flext_pipelines.meltano.evidence import BOOKMARK_KEPT, Evidence, how, kept, quoted

_USAGE, _VERSION = 2, 3
# What ExecutableNotFoundError says: which executable "could not be found", which plugin "may not have been installed
# yet" (plugin_invoker.py).
_NO_EXECUTABLE = re.compile(
    r"Executable '[^']*' could not be found\.(?: \S+ '(?P<plugin>[^']*)')?"
    r"|may not have been installed|No such file or directory: '[^']*/venv/"
)
_UNKNOWN_BLOCK = re.compile(r"Block (\S+) not found|Plugin '?([^' ]+)'? is not known to Meltano")
_NO_DEFINITION = re.compile(r"[Pp]lugin '?([\w.-]+)'? (?:could not be found|is not known|not found)")
_NO_HUB = re.compile(r"Could not connect to Meltano Hub")
_BLOCKS_DO_NOT_FIT = re.compile(r"violates set requirements|failed validation|Loader missing in block set")
_DATABASE = re.compile(
    r"Could not connect to the database|OperationalError|Cannot upgrade the system database|database is locked"
)
# What Meltano stumbles over when meltano.yml holds the wrong kind of value: its errors are plain Python ones.
_BROKEN_PROJECT = re.compile(
    r"meltano\.yml|while parsing|ConfigurationError|has no attribute|not iterable|KeyError|TypeError|ValueError"
)
_NOISE = re.compile(r"^Need help fixing|^Usage: |^Try '")


def meltano_failed(evidence: Evidence) -> FlextError:
    """Meltano ended badly without a failed block: before the first one, or by a signal."""
    tally = evidence.tally
    lines = [*tally.errors, *tally.plain]
    text = "\n".join(lines)
    if evidence.exit_code < 0 or evidence.exit_code == 128 + signal.SIGTERM:
        return UnavailableError(
            f"Meltano {how(evidence.exit_code)} while it ran {evidence.pipeline}; {kept(evidence)}",
            f"Look whether memory ran out or somebody ended it, then run again. {BOOKMARK_KEPT}",
            evidence.details | {"signal": abs(evidence.exit_code) % 128},
        )
    if found := _UNKNOWN_BLOCK.search(text):
        return NotFoundError(
            f"{evidence.pipeline} names {found[1] or found[2]!r}, which is neither a job nor a plugin of the project",
            "`flext pipelines` and `flext plugins` list what there is",
            evidence.details | {"name": found[1] or found[2]},
        )
    if missing := missing_program(evidence, evidence.pipeline, lines):
        return missing
    if found := _NO_DEFINITION.search(text):
        return PluginMissingError(
            f"Plugin {found[1]} has no definition: neither in meltano.yml nor as a lock file",
            f"`flext plugins install {found[1]}` adds it",
            evidence.details | {"plugin": found[1]},
        )
    said = quoted([line for line in lines if not _NOISE.search(line)][-4:])
    if _NO_HUB.search(text):
        return PluginMissingError(
            f"A plugin of {evidence.pipeline} has no definition in the project, and the Hub cannot be reached{said}",
            "Commit the plugin's lock file, or define it in meltano.yml; `flext validate` names it",
            evidence.details,
        )
    if _BLOCKS_DO_NOT_FIT.search(text):
        return ConfigError(
            f"The blocks of {evidence.pipeline} do not fit together{said}",
            "A tap needs a target after it; correct the job's tasks in meltano.yml",
            evidence.details,
        )
    if "nvironment" in text and ("not found" in text or "was not found" in text):
        return ConfigError(
            f"Meltano does not know the environment of this run{said}",
            "Name one of the environments of meltano.yml with --environment or FLEXT_MELTANO_ENVIRONMENT",
            evidence.details,
        )
    if evidence.exit_code == _USAGE:
        return UsageError(f"Meltano refuses the call{said}", "Correct the options of this run", evidence.details)
    if evidence.exit_code == _VERSION:
        return ConfigError(
            f"The project asks for another Meltano than the one that is installed{said}",
            "Change requires_meltano in meltano.yml, or point FLEXT_MELTANO_EXECUTABLE at the Meltano it asks for",
            evidence.details,
        )
    if _DATABASE.search(text):
        return UnavailableError(
            f"Meltano's system database does not answer{said}",
            "Check FLEXT_MELTANO_DATABASE_URL and that the database runs and has room left, then run again",
            evidence.details,
        )
    if _BROKEN_PROJECT.search(text):
        return ConfigError(
            f"Meltano cannot read the project{said}",
            "`flext validate` shows each fault with file and line",
            evidence.details,
        )
    return RunFailedError(
        f"Meltano failed to run {evidence.pipeline} (exit code {evidence.exit_code}){said}",
        "Look at the last lines in the details and at the raw log of the run",
        evidence.details,
    )


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
