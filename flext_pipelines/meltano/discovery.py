"""What a tap offers, asked of the tap itself and kept as a snapshot until somebody asks again.

The snapshot is the catalog as the tap wrote it; select rules are applied when it is read (``streams``), so that a
change of the rules shows at once. It lies under ``catalogs/<environment>/<tap>.json`` of our home.

What belongs here: asking and keeping. What does not: rules, and what a run does (Meltano discovers for itself then).
"""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import SecretStr

from flext_pipelines.errors import ExtractFailedError, PluginConfigError, PluginMissingError, TimedOutError
from flext_pipelines.meltano.argv import meltano_argv
from flext_pipelines.meltano.environment import child_environment
from flext_pipelines.meltano.introspection import nothing_configured, read_catalogue, snapshots_folder
from flext_pipelines.meltano.locks import hold_for_run
from flext_pipelines.meltano.process import Invocation, run_to_end
from flext_pipelines.meltano.project_files import write_atomically
from flext_pipelines.meltano.redaction import Redactor, dotenv_values
from flext_pipelines.meltano.said import words_of
from flext_pipelines.meltano.system_database import make_private_database
from flext_pipelines.settings import environment as process_environment

if TYPE_CHECKING:
    from flext_pipelines.meltano.catalogue import Plugin, Stream
    from flext_pipelines.meltano.project import MeltanoProject

DISCOVERY_SECONDS = 600.0
_LONGEST_CATALOG = 512 * 1024 * 1024
"""Bytes; taps may write the whole catalog as one line."""
_LAST_LINES = 20
_SHOWN = 200


def discover(
    project: MeltanoProject,
    tap: str,
    *,
    extra: Mapping[str, str | SecretStr] | None = None,
    timeout_seconds: float = DISCOVERY_SECONDS,
) -> tuple[Stream, ...]:
    """Ask a tap for its streams and keep what it says.

    Args:
        project: The project, in the environment whose settings the tap gets.
        tap: Name of the tap.
        extra: Variables that the project's settings refer to and that are ours to give.
        timeout_seconds: How long it may take.

    Raises:
        PluginMissingError: The project defines no such tap, or it is not installed.
        PluginConfigError: The tap cannot discover, or what it writes is no catalog.
        ExtractFailedError: It failed; with its last lines.
        TimedOutError: It took too long.
        InstallInProgressError: Plugins are being installed.
    """
    plugin = _ready_tap(project, tap)
    known = child_environment(project, process_environment(), extra=extra)
    redact = Redactor(known, dotenv_values(project.root / ".env"), extra or {})
    said: deque[str] = deque(maxlen=_LAST_LINES)
    lock = hold_for_run(project, f"discover {tap}")
    try:
        make_private_database(project.database_url)
        ended = run_to_end(
            Invocation(
                argv=meltano_argv(project, "invoke", "--no-install", plugin.name, "--discover"),
                env=known,
                cwd=project.root,
            ),
            timeout_seconds=timeout_seconds,
            on_line=lambda line: said.extend(redact(text) for text in words_of(line)),
            longest_line=_LONGEST_CATALOG,
        )
    except TimedOutError:
        raise TimedOutError(
            f"{tap} took longer than {timeout_seconds:g} s to say which streams it has, and was stopped",
            "Look at its last lines for what it waits for; give it more time if it only is slow",
            {"plugin": tap, "tail": list(said)},
        ) from None
    finally:
        lock.release()
    tail = list(said)
    if ended.exit_code != 0:
        raise ExtractFailedError(
            f"{tap} failed to discover its streams (exit code {ended.exit_code}): {tail[-1] if tail else 'no reason'}",
            f"Check its settings with `flext plugins config {tap}` and that its source can be reached",
            {"plugin": tap, "exit_code": ended.exit_code, "tail": tail},
        )
    _keep(project, tap, ended.output.encode("utf-8"), tail, redact)
    return read_catalogue(project).streams[tap]


def _ready_tap(project: MeltanoProject, tap: str) -> Plugin:
    catalogue = read_catalogue(project)
    plugin = catalogue.plugin(tap, "extractors")
    if plugin is None:
        taps = [found.name for found in catalogue.plugins if found.type == "extractors"]
        near = difflib.get_close_matches(tap, taps, 3)
        raise PluginMissingError(
            f"The project defines no tap {tap!r}",
            f"Did you mean {', '.join(near)}?" if near else f"It has {', '.join(taps) or 'none'}",
            {"plugin": tap, "candidates": near},
        )
    if plugin.problem or not plugin.installed:
        raise PluginMissingError(
            f"Tap {tap!r} cannot be asked: {plugin.problem or 'it is not installed'}",
            f"`flext plugins install {tap}` installs it",
            {"plugin": tap},
        )
    if plugin.capabilities and "discover" not in plugin.capabilities:
        raise PluginConfigError(
            f"Tap {tap!r} does not say that it can discover its streams",
            "Add `discover` to its capabilities if it can, or name a `catalog` file",
            {"plugin": tap, "capabilities": list(plugin.capabilities)},
        )
    return plugin


def _keep(project: MeltanoProject, tap: str, output: bytes, tail: list[str], redact: Redactor) -> None:
    """Store a catalog once it is known to be one; the old snapshot stays otherwise."""
    with nothing_configured():
        from flext_pipelines.meltano.streams import parse_catalog

    start = output.find(b"{")  # a greeting on standard output before the catalog is a common fault of taps
    try:
        parse_catalog(output[max(start, 0) :])
    except ValueError as error:
        raise PluginConfigError(
            f"What {tap} wrote for --discover is no catalog: {error}",
            "Ask its maintainer; until then name a `catalog` file in its definition",
            {"plugin": tap, "began": redact(output[:_SHOWN].decode("utf-8", errors="replace")), "tail": tail},
        ) from None
    write_atomically(snapshots_folder(project) / f"{tap}.json", output[max(start, 0) :], mode=0o600)
