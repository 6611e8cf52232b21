"""Definitions of plugins in the project's files: new ones, other versions, none.

What belongs here: what the entry says. What does not: settings' values (``config``), venvs (``install``).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Literal

from flext_pipelines.errors import UsageError
from flext_pipelines.meltano.catalogue import PluginType
from flext_pipelines.meltano.project_files import Definition, ProjectFiles, YamlFile

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME_STARTS: tuple[tuple[str, PluginType], ...] = (
    ("tap-", "extractors"),
    ("target-", "loaders"),
    ("dbt", "utilities"),
    ("map", "mappers"),
)
_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)(?P<extras>\[[^\]]*\])?\s*(?:[=<>!~].*)?$")
_GIT_REF = re.compile(r"^(?P<before>(?:[^@]*@\s*)?git\+[a-z]+://(?:[^/@]+@)?[^@#]+)(?:@[^#]*)?(?P<after>#.*)?$")
_CAPABILITIES: Mapping[PluginType, Sequence[str]] = {"extractors": ("catalog", "discover", "state")}
"""What every Singer tap worth its name can do; ``--about`` tells more once it is installed."""


def guess_type(name: str) -> PluginType:
    """The type that a name stands for by Singer's custom.

    Raises:
        UsageError: It follows none.
    """
    for start, kind in _NAME_STARTS:
        if name.startswith(start):
            return kind
    raise UsageError(f"{name!r} does not say what type of plugin it is", "Name its type: extractors, loaders, ...")


def add_definition(
    files: ProjectFiles, name: str, kind: PluginType, *, variant: str | None, pip_url: str | None
) -> Definition:
    """Add an entry to ``meltano.yml``, in memory.

    With a ``pip_url`` it is a custom definition, which needs no Hub; without one Meltano looks it up there.
    """
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    entry = CommentedMap(name=name)
    if pip_url:
        entry["namespace"] = re.sub(r"\W", "_", name)
    if variant:
        entry["variant"] = variant
    if pip_url:
        entry["pip_url"] = pip_url
        entry["executable"] = name
        if kind in _CAPABILITIES:
            entry["capabilities"] = CommentedSeq(_CAPABILITIES[kind])
    plugins = files.main.data.setdefault("plugins", CommentedMap())
    if not isinstance(plugins, MutableMapping):
        plugins = files.main.data["plugins"] = CommentedMap()  # `plugins:` with nothing after it
    listed = plugins.get(kind)
    if not isinstance(listed, list):
        listed = plugins[kind] = CommentedSeq()
    listed.append(entry)
    return Definition(files.main, kind, ("plugins", kind, len(listed) - 1))


def remove_definition(files: ProjectFiles, definition: Definition) -> list[YamlFile]:
    """Take an entry, and what environments say about it, out of the files, in memory; the files that changed."""
    changed = {definition.file.name: definition.file}
    while (found := _in_an_environment(files, definition)) is not None:
        file, listed, index = found
        del listed[index]
        changed[file.name] = file
    entries = definition.file.value(definition.keys[:-1])
    if isinstance(entries, list):
        del entries[int(definition.keys[-1])]
    return list(changed.values())


def _in_an_environment(files: ProjectFiles, wanted: Definition) -> tuple[YamlFile, list[object], int] | None:
    for _, _, data in files.entries("environments"):
        found = files.environment_entry(str(data.get("name")), wanted.type, wanted.name)
        if found is not None:
            file, keys = found
            listed = file.value(keys[:-1])
            if isinstance(listed, list):
                return file, listed, int(keys[-1])
    return None


def with_version(pip_url: str, version: str) -> str:
    """The same package in another version: ``tap-x[s3]~=1.0 extra`` and ``2.1`` give ``tap-x[s3]==2.1 extra``.

    Of a git address the reference is replaced. ``latest`` leaves the version open.

    Raises:
        UsageError: The package comes from a folder or file, which decides the version.
    """
    words = shlex.split(pip_url)
    for position, word in enumerate(words):
        if word.startswith("-") or word == "@" or words[position + 1 : position + 2] == ["@"]:
            continue  # an option, or the first words of `name @ address`
        git = _GIT_REF.match(word)
        if git:
            reference = "" if version == "latest" else f"@{version}"
            words[position] = f"{git['before']}{reference}{git['after'] or ''}"
            return _joined(words)
        named = _REQUIREMENT.match(word)
        if named and words[position - 1 : position] not in (["-e"], ["--editable"]):
            pinned = "" if version == "latest" else f"=={version}"
            words[position] = f"{named['name']}{named['extras'] or ''}{pinned}"
            return _joined(words)
        break
    raise UsageError(
        f"{pip_url!r} is installed from a folder or file, which decides its version",
        "Name no version to install what the folder holds now, or give another pip_url",
    )


def _joined(words: Sequence[str]) -> str:
    return " ".join(f"'{word}'" if " " in word else word for word in words)


Change = Literal["pip_url", "variant"]


def change_definition(definition: Definition, values: Mapping[Change, str | None]) -> None:
    """Set what is given in an entry, in memory."""
    for key, value in values.items():
        if value is not None:
            definition.data[key] = value
