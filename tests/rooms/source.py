"""The source of the package as the rules see it: modules, imports, calls, handlers.

What belongs here: reading with ``ast``. What does not: any rule (``test_rooms``).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "flext_pipelines"


class Module(NamedTuple):
    """One file.

    Attributes:
        place: Path below the package, ``control/engine.py``.
        tree: Its syntax.
        text: Its source.
    """

    place: str
    tree: ast.Module
    text: str

    @property
    def room(self) -> str:
        """The first folder of its place, or the module's own name at the top."""
        return self.place.split("/")[0].removesuffix(".py")

    @property
    def dotted(self) -> str:
        """Its import name."""
        return "flext_pipelines." + self.place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


class Import(NamedTuple):
    """One imported name, as a dotted path, with where it stands."""

    module: Module
    line: int
    name: str

    @property
    def where(self) -> str:
        """``flext_pipelines/control/engine.py:12``."""
        return f"flext_pipelines/{self.module.place}:{self.line}"


@cache
def modules() -> tuple[Module, ...]:
    """Every file of the package."""
    return tuple(
        Module(path.relative_to(PACKAGE).as_posix(), ast.parse(text := path.read_text(encoding="utf-8")), text)
        for path in sorted(PACKAGE.rglob("*.py"))
    )


@cache
def imports() -> tuple[Import, ...]:
    """Every import of every file, at its top, inside functions and under TYPE_CHECKING alike."""
    return tuple(found for module in modules() for found in _imports_of(module))


def _imports_of(module: Module) -> Iterator[Import]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (Import(module, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parts = module.dotted.split(".")
                kept = len(parts) - node.level + module.place.endswith("__init__.py")
                origin = ".".join([*parts[:kept], *([origin] if origin else [])])
            yield from (Import(module, node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def own_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How long a function is without its decorators and docstring."""
    first = function.body[0]
    docstring = (
        (first.end_lineno or first.lineno) - first.lineno + 1
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
        else 0
    )
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring
