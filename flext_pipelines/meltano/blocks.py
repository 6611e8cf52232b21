"""How the words of a job become blocks, by the rules of ``meltano run``.

A tap opens a set that takes mappings until a target closes it; any other plugin is a command block of its own.

What belongs here: these rules, on plain values. What does not: reading the project, running anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flext_pipelines.meltano.catalogue import Block, Plugin, PluginType

_LOOKED_UP: tuple[PluginType, ...] = (
    "extractors",
    "loaders",
    "transforms",
    "orchestrators",
    "transformers",
    "files",
    "utilities",
    "mappers",
)
"""Meltano's order when two types share a name (``PluginType`` of meltano 4.4.1)."""


class BlockSequenceError(ValueError):
    """The words do not make a pipeline; its text says which and why."""


def task_words(tasks: object) -> tuple[str, ...]:
    """The words of a job's ``tasks``: a string, a list, or a list of lists, split at spaces."""
    if isinstance(tasks, str):
        return tuple(tasks.split())
    if isinstance(tasks, Iterable):
        return tuple(word for task in tasks for word in task_words(task))
    return ()


def parse_blocks(words: Sequence[str], plugins: Sequence[Plugin]) -> tuple[Block, ...]:
    """The blocks of a pipeline.

    Raises:
        BlockSequenceError: A word names no plugin, or the sequence is one that ``meltano run`` refuses.
    """
    known = sorted(plugins, key=lambda plugin: _LOOKED_UP.index(plugin.type))
    found = [_find(word, known) for word in words]
    blocks: list[Block] = []
    position = 0
    while position < len(words):
        plugin, word = found[position], words[position]
        if plugin.type == "extractors":
            block, position = _extract_and_load(words, found, position)
            blocks.append(block)
        elif plugin.type in {"loaders", "mappers"}:
            kind = "target" if plugin.type == "loaders" else "mapping"
            raise BlockSequenceError(f"{kind} {word!r} has no tap before it")
        else:
            blocks.append(Block(kind="command", plugin=plugin.name, command=word))
            position += 1
    return tuple(blocks)


def _find(word: str, plugins: Sequence[Plugin]) -> Plugin:
    parts = word.split(":")
    name = parts[0] if len(parts) == 2 else word
    for plugin in plugins:
        if plugin.name == name or name in plugin.mappings:
            return plugin
    raise BlockSequenceError(f"{name!r} is no plugin of the project")


def _extract_and_load(words: Sequence[str], found: Sequence[Plugin], start: int) -> tuple[Block, int]:
    """One set from its tap on, and where the next begins."""
    mappers: list[str] = []
    for position in range(start + 1, len(words)):
        plugin, word = found[position], words[position]
        if plugin.type == "loaders":
            return Block(kind="el", tap=found[start].name, mappers=tuple(mappers), target=plugin.name), position + 1
        if plugin.type != "mappers":
            raise BlockSequenceError(f"{word!r} stands between tap {words[start]!r} and its target")
        if word not in plugin.mappings:
            known = ", ".join(plugin.mappings) or "none is defined"
            raise BlockSequenceError(f"{word!r} is a mapper; a pipeline names one of its mappings ({known})")
        mappers.append(word)
    raise BlockSequenceError(f"tap {words[start]!r} has no target after it")
