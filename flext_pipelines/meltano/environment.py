"""The environment of Meltano and its plugins: an allow-list, then what a run needs.

Meltano hands its whole environment on to third-party plugins (settings_service.py, plugin_invoker.py of
4.4.1), and ours holds Dagster's database password. So a child gets only: what any program needs, what
belongs to a plugin of the project by its name, what a file of the project names (``$SHOP_TOKEN``), and what
``FLEXT_MELTANO_PASS_ENV`` allows. The project's ``.env`` is read by Meltano itself.

What belongs here: which variables a child sees. What does not: arguments (``argv``).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import SecretStr

if TYPE_CHECKING:
    from pathlib import Path

    from flext_pipelines.meltano.project import MeltanoProject

_ANY_PROGRAM = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "TEMP", "TMP"),
    *("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "PIP_CERT"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "ORACLE_HOME", "TNS_ADMIN", "NLS_LANG", "SYSTEMROOT"),
)
"""Names that are no secrets of ours and that programs break without: places, language, proxies, certificates."""

_NEVER = ("MELTANO_*", "FLEXT_*", "DAGSTER_*", "PYTHON*", "VIRTUAL_ENV")
"""Ours, Dagster's, and those that change what Meltano does; a run sets its own (MELTANO_RUN_FORCE would leak in)."""

_STILL = ("MELTANO_STATE_BACKEND_*",)
"""Where Singer states are kept may be said by variables only; nothing else of Meltano's passes."""

_FOR_EVERY_RUN = {
    "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
    "MELTANO_CLI_DISABLE_VERSION_CHECK": "true",
    "MELTANO_PROJECT_READONLY": "true",
    "MELTANO_JOB_TRIGGER": "dagster",
    "NO_COLOR": "1",
}
"""PYTHONUNBUFFERED is not among them: it would reach the taps too, where it costs those that print without flushing
1.6 s of CPU a million records, and Meltano's log lines come at once without it."""

# `$NAME` and `${NAME}` in a value; `env: NAME` and `"env": "NAME"` of a setting's definition.
_REFERENCE = re.compile(rb"\$\{?([A-Za-z_][A-Za-z0-9_]*)|\"?\benv\"?:\s*\"?([A-Z][A-Z0-9_]*)\b")
_NAME = re.compile(rb"^[\s-]*name:\s*['\"]?([A-Za-z0-9][A-Za-z0-9_.-]*)", re.MULTILINE)


def child_environment(
    project: MeltanoProject,
    source: Mapping[str, str],
    *,
    extra: Mapping[str, str | SecretStr] | None = None,
    also: Iterable[str] = (),
    writable: bool = False,
) -> dict[str, str]:
    """The whole environment of a Meltano process.

    Args:
        project: Its project; names in its files decide what plugins may see.
        source: The environment of this process.
        extra: Set by us or by the caller, over everything else; the only way in for names that are scrubbed.
        also: Further names or globs that may pass.
        writable: False keeps Meltano from changing files of the project.
    """
    prefixes, named = _names(project)
    allowed = (*_ANY_PROGRAM, *prefixes, *project.pass_env, *also)
    passed = {
        name: value
        for name, value in source.items()
        if _matches(name, _STILL) or ((name in named or _matches(name, allowed)) and not _matches(name, _NEVER))
    }
    ours = _FOR_EVERY_RUN | {
        "MELTANO_PROJECT_ROOT": str(project.root),
        "MELTANO_ENVIRONMENT": project.environment,
        "MELTANO_DATABASE_URI": project.database_url.get_secret_value(),
    }
    if not _has_project_id(project):
        ours["MELTANO_PROJECT_ID"] = str(uuid.uuid5(uuid.NAMESPACE_URL, project.root.as_uri()))
    if writable:
        del ours["MELTANO_PROJECT_READONLY"]
    return passed | ours | reveal(extra or {})


def _has_project_id(project: MeltanoProject) -> bool:
    """Whether the project names itself; else Meltano 4.4.1 would write an id into ``meltano.yml``.

    It takes it from the ``analytics.json`` that it has just made, and where it may not write, every command fails
    with "This Meltano project is deployed as read-only" (project_settings_service.py, ``ensure_project_id``).
    """
    return (
        project.file.is_file() and re.search(rb"^project_id\s*:", project.file.read_bytes(), re.MULTILINE) is not None
    )


def reveal(values: Mapping[str, str | SecretStr]) -> dict[str, str]:
    """Plain text of values that may be secret, for an environment."""
    return {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in values.items()}


def variable(*parts: str) -> str:
    """The variable of a plugin's setting: ``tap-shop``, ``api.url`` gives ``TAP_SHOP_API_URL``.

    The rule of Meltano's ``to_env_var`` (core/utils). An extra has two underscores: ``tap-shop``, ``_select_filter``.
    """
    return "_".join(re.sub(r"[^A-Za-z0-9]", "_", part).upper() for part in parts)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _names(project: MeltanoProject) -> tuple[set[str], set[str]]:
    """Globs of the variables that belong to something named in the project, and names that its files mention.

    Everything that has a ``name:`` counts (also jobs and settings): that is a little more than plugins, needs
    no parsing, and works on a project whose YAML is broken.
    """
    prefixes: set[str] = set()
    named: set[str] = set()
    for path in project_files(project):
        content = path.read_bytes()
        prefixes |= {f"{variable(name.decode())}_*" for name in _NAME.findall(content)}
        named |= {(a or b).decode() for a, b in _REFERENCE.findall(content)}
    return prefixes, named


def project_files(project: MeltanoProject) -> list[Path]:
    """Files of the project that may name a variable: YAML at its top and below, and plugin locks."""
    found = {project.file, *project.root.glob("*.y*ml"), *project.root.glob("plugins/*/*.lock")}
    if project.file.is_file() and b"include_paths" in (content := project.file.read_bytes()):
        from flext_pipelines.meltano.project_files import matched

        found.update(matched(project.root, _include_paths(project.root, content)))
    return sorted(path for path in found if path.is_file())


@lru_cache(maxsize=8)
def _include_paths(root: Path, content: bytes) -> tuple[str, ...]:
    """The ``include_paths`` of a ``meltano.yml``; a run asks six times, and a parse that keeps places takes 40 ms."""
    import yaml

    try:
        top = yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe
    except (yaml.YAMLError, UnicodeDecodeError):
        from flext_pipelines.meltano.project_files import read_project_files

        return read_project_files(root).include_paths  # says what is wrong, and where
    patterns = top.get("include_paths") if isinstance(top, Mapping) else None
    return tuple(str(item) for item in patterns) if isinstance(patterns, list) else ()
