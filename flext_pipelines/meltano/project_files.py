"""The YAML files of a Meltano project, with the place of every key, and edits that keep comments.

Meltano spreads a project over ``meltano.yml`` and the files its ``include_paths`` match. Whoever complains
about a project must say in which file, line and column; whoever changes it must leave the rest as it was.

What belongs here: reading, places, atomic writing. What does not: what the keys mean (``library``, ``validation``).
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flext_pipelines.errors import ConfigError, NotFoundError
from flext_pipelines.meltano.catalogue import PLUGIN_TYPES, PluginType

if TYPE_CHECKING:
    from ruamel.yaml import YAML

MELTANO_FILE = "meltano.yml"

Keys = tuple[str | int, ...]
"""The way to a value from the top of a file: ``("plugins", "extractors", 0, "config")``."""


class Place(NamedTuple):
    """Where something stands: file relative to the project, line and column from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """``meltano.yml:12:5``, which editors and terminals open."""
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def details(self) -> dict[str, object]:
        """For the details of an error."""
        return {"file": self.file, "line": self.line, "column": self.column}


@dataclass
class YamlFile:
    """One parsed file; ``data`` is ruamel's tree, which remembers places, comments and quotes.

    Attributes:
        path: The file.
        name: Its name relative to the project.
        data: The mapping at its top; edits go here, then ``save``.
        original: Its bytes as they were read.
    """

    path: Path
    name: str
    data: MutableMapping[str, object]
    original: bytes = field(repr=False)

    def value(self, keys: Keys) -> object:
        """What stands there; None when nothing does."""
        node: object = self.data
        for key in keys:
            if isinstance(key, int):
                node = node[key] if isinstance(node, Sequence) and key < len(node) else None
            else:
                node = node.get(key) if isinstance(node, Mapping) else None
        return node

    def place(self, keys: Keys = ()) -> Place:
        """Where it stands, or where the nearest thing around it does."""
        node: object = self.data
        line, column = 0, 0
        for key in keys:
            marks = getattr(node, "lc", None)
            try:
                if marks is not None and isinstance(node, Mapping) and key in node:
                    line, column = marks.key(key)
                elif marks is not None and isinstance(key, int) and isinstance(node, Sequence):
                    line, column = marks.item(key)
                else:
                    break
                node = node[key]  # type: ignore[index]  # a mapping with the key or a sequence: checked above
            except (KeyError, IndexError, TypeError):  # a node that ruamel did not read itself has no marks
                break
        return Place(self.name, line + 1, column + 1)


class Definition(NamedTuple):
    """A plugin's entry in a file of the project."""

    file: YamlFile
    type: PluginType
    keys: Keys

    @property
    def data(self) -> MutableMapping[str, object]:
        """The entry itself."""
        found = self.file.value(self.keys)
        return found if isinstance(found, MutableMapping) else {}

    @property
    def name(self) -> str:
        """Name of the plugin."""
        return str(self.data.get("name", ""))

    def place(self, *further: str | int) -> Place:
        """Where the entry, or something inside it, stands."""
        return self.file.place(self.keys + further)


@dataclass(frozen=True)
class ProjectFiles:
    """Every YAML file of a project: ``meltano.yml`` first, then the included ones in Meltano's order."""

    root: Path
    files: tuple[YamlFile, ...]

    @property
    def main(self) -> YamlFile:
        """``meltano.yml``."""
        return self.files[0]

    @property
    def include_paths(self) -> tuple[str, ...]:
        """Glob patterns of further files."""
        patterns = self.main.data.get("include_paths")
        return tuple(str(item) for item in patterns) if isinstance(patterns, list) else ()

    def entries(self, section: str) -> Iterator[tuple[YamlFile, Keys, MutableMapping[str, object]]]:
        """The mappings of a list at the top of any file: ``jobs``, ``schedules``, ``environments``."""
        for file in self.files:
            found = file.data.get(section)
            for index, item in enumerate(found if isinstance(found, list) else []):
                if isinstance(item, MutableMapping):
                    yield file, (section, index), item

    def definitions(self) -> Iterator[Definition]:
        """Every plugin entry of every file."""
        for file in self.files:
            for kind in PLUGIN_TYPES:
                found = file.value(("plugins", kind))
                for index, item in enumerate(found if isinstance(found, list) else []):
                    if isinstance(item, MutableMapping):
                        yield Definition(file, kind, ("plugins", kind, index))

    def definition(self, name: str, kind: PluginType | None = None) -> Definition | None:
        """The entry of a plugin."""
        return next((d for d in self.definitions() if d.name == name and kind in {None, d.type}), None)

    def environment_entry(self, environment: str, kind: str, plugin: str) -> tuple[YamlFile, Keys] | None:
        """Where an environment configures a plugin."""
        for file, keys, data in self.entries("environments"):
            if data.get("name") != environment:
                continue
            here = (*keys, "config", "plugins", kind)
            found = file.value(here)
            for index, item in enumerate(found if isinstance(found, list) else []):
                if isinstance(item, Mapping) and item.get("name") == plugin:
                    return file, (*here, index)
        return None


def read_project_files(root: Path) -> ProjectFiles:
    """Parse every file of a project.

    Raises:
        NotFoundError: There is no Meltano project.
        ConfigError: A file cannot be read or is not YAML; with file, line, column and what is wrong.
    """
    main = root / MELTANO_FILE
    if not main.is_file():
        raise NotFoundError(
            f"There is no Meltano project in {root}: {MELTANO_FILE} is missing",
            "Point FLEXT_MELTANO_PROJECT_ROOT at the folder that holds it",
            {"file": str(main)},
        )
    first = read_yaml(main, root)
    files = [first]
    patterns = first.data.get("include_paths") or []
    if not isinstance(patterns, list):
        raise config_error("include_paths must be a list of glob patterns", first.place(("include_paths",)))
    for path in matched(root, [str(pattern) for pattern in patterns]):
        if not path.resolve().is_relative_to(root.resolve()):
            place = first.place(("include_paths",))
            raise config_error(f"included file {path} lies outside the project", place)
        files.append(read_yaml(path, root))
    return ProjectFiles(root, tuple(files))


def matched(root: Path, patterns: Sequence[str]) -> list[Path]:
    """The files that ``include_paths`` match, in Meltano's order, each once, without ``meltano.yml``."""
    found = (path for pattern in patterns for path in root.glob(pattern))
    return [path for path in dict.fromkeys(found) if path != root / MELTANO_FILE and path.is_file()]


def read_yaml(path: Path, root: Path) -> YamlFile:
    """Parse one file.

    Raises:
        ConfigError: It cannot be read, is empty, is not YAML, or is not a mapping.
    """
    name = path.relative_to(root).as_posix()
    try:
        original = path.read_bytes()
    except OSError as error:
        raise config_error(f"the file cannot be read: {error.strerror}", Place(name, 1, 1)) from None
    data = parse_yaml(original, name)
    if not isinstance(data, MutableMapping):
        problem = "the file is empty" if data is None else "the file must be a mapping (`key: value` lines)"
        raise config_error(problem, Place(name, 1, 1))
    return YamlFile(path, name, data, original)


def parse_yaml(content: bytes, name: str) -> object:
    """The tree of a YAML text.

    Raises:
        ConfigError: With line and column of the fault.
    """
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return _yaml().load(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise config_error("the file is not UTF-8 text", Place(name, line, 1)) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(name, mark.line + 1, mark.column + 1) if mark else Place(name, 1, 1)
        said = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise config_error(f"the file is not valid YAML: {said.splitlines()[0] if said else 'syntax'}", place) from None
    except YAMLError as error:
        raise config_error(
            f"the file is not valid YAML: {str(error).splitlines()[0]}", Place(name, *_reader_place(error, content))
        ) from None


def _reader_place(error: Exception, content: bytes) -> tuple[int, int]:
    """Line and column of a fault that ruamel gives by offset only (control characters)."""
    position = getattr(error, "position", 0)
    before = content.decode("utf-8", errors="replace")[: position if isinstance(position, int) else 0]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def config_error(problem: str, place: Place, instruction: str = "") -> ConfigError:
    """A fault of the project, told with its place."""
    return ConfigError(f"{place}: {problem}", instruction or f"Correct {place.file}, line {place.line}", place.details)


def render(file: YamlFile) -> bytes:
    """The file's text after edits: comments, quotes, key order and list indentation as they were."""
    stream = io.StringIO()
    _yaml(file.original.decode("utf-8")).dump(file.data, stream)
    return stream.getvalue().encode("utf-8")


def save(file: YamlFile) -> None:
    """Write the edited file; readers see the old or the new one, never half of it."""
    write_atomically(file.path, render(file))


def write_atomically(path: Path, content: bytes, mode: int | None = None) -> None:
    """Replace a file by renaming a complete one over it; a symlink keeps pointing at its target.

    Args:
        path: The file.
        content: All of it.
        mode: Permission bits; by default those the file has, or what the process's umask leaves of 0666.
    """
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    if mode is None:
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # created with mode 0600
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The process's umask; it can only be read by setting it."""
    current = os.umask(0o077)
    os.umask(current)
    return current


def _yaml(text: str = "") -> YAML:
    """A round-trip parser and printer; lists are indented as in the given text."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = sys.maxsize
    indented = _list_indent(text)
    if indented is not None:
        yaml.indent(mapping=2, sequence=indented + 2, offset=indented)
    return yaml


_FIRST_LIST = re.compile(
    r"^(?P<key> *)[^\s#][^\n]*:[ \t]*(?:#[^\n]*)?\n(?:[ \t]*(?:#[^\n]*)?\n)*(?P<dash> *)- ", re.MULTILINE
)


def _list_indent(text: str) -> int | None:
    """By how much the first block list is indented under its key; None when there is none."""
    found = _FIRST_LIST.search(text)
    return len(found["dash"]) - len(found["key"]) if found else None
