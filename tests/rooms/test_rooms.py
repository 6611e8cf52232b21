"""The rules of the house. Each failure says where the code belongs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from tests.rooms.source import PACKAGE, ROOT, Module, imports, modules, own_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

GROUND = {"errors", "postgres", "secrets", "settings", "values"}
DOMAINS = {"meltano", "runs", "data", "wms", "oud", "control", "auth", "monitoring"}
DOORS = {"assets", "cli", "web"}
MOST_LINES, MOST_FUNCTION_LINES = 450, 60
"""Some slack above the house's 400 and 50, for what reads better in one piece."""

ONLY_IN: dict[str, tuple[tuple[str, ...], str]] = {
    "dagster": (
        ("assets/", "runs/", "web/dagster_ui.py", "definitions.py"),
        "Dagster is a door: assets, ops and jobs belong in assets/, its run storage behind runs/",
    ),
    "meltano": (("meltano/",), "the Meltano library is used behind its gateway, flext_pipelines/meltano/"),
    "click": (("cli/",), "parsing and printing belong in cli/; give plain values instead"),
    "rich": (("cli/",), "tables and colours belong in cli/; give plain values instead"),
    "fastapi": (("web/",), "HTTP belongs in web/"),
    "starlette": (("web/", "wms/mock_server/"), "HTTP belongs in web/, or in the mock server of wms/"),
    "uvicorn": (("web/", "wms/mock_server/"), "HTTP belongs in web/, or in the mock server of wms/"),
    "subprocess": (("meltano/process.py",), "processes are spawned in flext_pipelines/meltano/process.py"),
    "multiprocessing": (
        ("meltano/process.py", "oud/workers.py"),
        "processes are spawned in flext_pipelines/meltano/process.py; functions on parts of a file in oud/workers.py",
    ),
    "alembic": (("control/", "wms/migrations/", "wms/schema.py"), "a database is migrated where its tables are"),
}
SPAWNING = {
    "fork",
    "forkpty",
    "popen",
    "posix_spawn",
    "posix_spawnp",
    "spawnl",
    "spawnv",
    "spawnve",
    "system",
}
CATCHERS = {"commands/bus.py", "cli/main.py", "web/problems.py", "assets/failures.py", "oud/workers.py"}
FORBIDDEN_NAMES = re.compile(r"^(utils?|helpers?|managers?|common|misc|part_?\d+|stuff|base)$")


def fail_with(faults: Iterable[str]) -> None:
    """One failure that lists every fault."""
    found = sorted(faults)
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def is_in(module: Module, places: tuple[str, ...]) -> bool:
    return module.place in places or any(place.endswith("/") and module.place.startswith(place) for place in places)


def test_libraries_are_used_in_their_room() -> None:
    """Dagster, Meltano, click, HTTP and processes are each met in one room only."""
    faults = []
    for found in imports():
        top = found.name.split(".")[0]
        places, why = ONLY_IN.get("dagster" if top.startswith("dagster_") else top, ((), ""))
        if places and not is_in(found.module, places):
            faults.append(f"{found.where} imports {found.name}: {why}")
    fail_with(faults)


@pytest.mark.parametrize("room", ["assets", "cli", "commands", "control", "data", "meltano", "oud", "runs", "wms"])
def test_modules_of_a_room_import_each_other_one_way(room: str) -> None:
    """Also inside functions, and for types."""
    own = {module.dotted for module in modules() if module.place.startswith(f"{room}/")}
    arrows: dict[str, set[str]] = {name: set() for name in own}
    for found in imports():
        for name in (found.name, found.name.rpartition(".")[0]):
            if found.module.dotted in own and name in own - {found.module.dotted}:
                arrows[found.module.dotted].add(name)
                break
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        circle = " <- ".join(error.args[1])
        fail_with([f"{circle}: what two modules need of each other belongs in a third, named after what it is"])


def may_import(room: str) -> set[str]:
    """The rooms that a room may lean on; the arrows of architecture.md."""
    if room in GROUND:
        return GROUND
    if room in DOMAINS:
        return GROUND | {room}
    if room == "commands":
        return GROUND | DOMAINS | {"commands"}
    if room == "bootstrap":
        return GROUND | DOMAINS | {"commands"}
    if room in DOORS:
        return GROUND | DOMAINS | {"commands", "bootstrap", room}
    return GROUND | DOMAINS | DOORS | {"commands", "bootstrap"}


def test_arrows_go_one_way() -> None:
    """Ground, domains, commands, doors: nothing leans on what stands above it, nor a domain on a domain."""
    faults = []
    for found in imports():
        parts = found.name.split(".")
        if parts[0] != "flext_pipelines" or len(parts) < 2:
            continue
        room, wanted = found.module.room, parts[1]
        if room == "__init__" or wanted in may_import(room) or not is_room(wanted):
            continue
        advice = "what both need belongs in values.py, or is given as an argument by a handler in commands/"
        if wanted in DOORS | {"bootstrap"}:
            advice = "a door is called by nobody; move the code below commands/"
        elif wanted == "commands":
            advice = "a gateway knows no message; the handler in commands/ calls it with plain values"
        faults.append(f"{found.where} imports {found.name}: {room} may not lean on {wanted}; {advice}")
    fail_with(faults)


def is_room(name: str) -> bool:
    return (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists()


def test_every_room_is_known() -> None:
    """A new folder or module at the top must be placed in the order of the house first."""
    known = GROUND | DOMAINS | DOORS | {"commands", "bootstrap", "definitions", "__init__"}

    fail_with(
        f"flext_pipelines/{module.place}: no such room in the house; put it into one of {', '.join(sorted(known))}"
        for module in modules()
        if module.room not in known
    )


ENVIRONMENT = {"settings.py", "meltano/warm_child.py"}
"""The second is a program of its own that makes the environment it is given its own; it reads none."""


def test_the_environment_is_read_in_settings_only() -> None:
    """``os.environ`` and ``os.getenv`` stand in settings.py and nowhere else."""
    faults = []
    for module in modules():
        for node in ast.walk(module.tree):
            name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "name", "")
            if name in {"environ", "environb", "getenv", "putenv", "unsetenv"} and module.place not in ENVIRONMENT:
                faults.append(
                    f"flext_pipelines/{module.place}:{getattr(node, 'lineno', 0)} touches the environment: "
                    "make it a field of Settings in settings.py, or use settings.environment()"
                )
    fail_with(faults)


def test_processes_are_spawned_in_one_place() -> None:
    """No file but meltano/process.py forks, spawns or runs a shell through ``os``."""
    fail_with(
        f"flext_pipelines/{module.place}:{node.lineno} calls os.{node.attr}: spawn in meltano/process.py"
        for module in modules()
        if module.place != "meltano/process.py"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and node.attr in SPAWNING
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    )


def caught(handler: ast.ExceptHandler) -> set[str]:
    """The names of the classes that an ``except`` catches; a bare one catches everything."""
    if handler.type is None:
        return {"BaseException"}
    nodes = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def test_exceptions_are_caught_by_name() -> None:
    """Some places turn any exception into an answer; everywhere else one is caught by name, or raised again."""
    faults = []
    for module in modules():
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.ExceptHandler) or module.place in CATCHERS:
                continue
            names = caught(node)
            raised = any(isinstance(inner, ast.Raise) and inner.exc is None for inner in ast.walk(node))
            if "Exception" in names or ("BaseException" in names and not raised):
                faults.append(
                    f"flext_pipelines/{module.place}:{node.lineno} catches everything: name what can happen, "
                    f"and leave the rest to {', '.join(sorted(CATCHERS))}"
                )
    fail_with(faults)


def test_every_room_has_a_door_plate() -> None:
    """A package opens with three lines or more on what belongs in it and what not, a module with a docstring."""
    faults = []
    for module in modules():
        lines = (ast.get_docstring(module.tree) or "").splitlines()
        if module.place.endswith("__init__.py"):
            text = " ".join(lines).lower()
            if len(lines) < 3 or "belong" not in text or "not" not in text:
                faults.append(
                    f"flext_pipelines/{module.place}: say in three lines or more what belongs here and what not"
                )
        elif not lines:
            faults.append(f"flext_pipelines/{module.place}: say in a docstring what this module is")
    fail_with(faults)


def test_packages_stay_thin() -> None:
    """An ``__init__.py`` holds its plate and names; code lives in modules."""
    fail_with(
        f"flext_pipelines/{module.place}: {len(module.text.splitlines())} lines; move code into a module of that folder"
        for module in modules()
        if module.place.endswith("__init__.py") and len(module.text.splitlines()) > 80
    )


def test_modules_and_functions_have_a_readable_size() -> None:
    """A module has about 400 lines at most, a function about 50 without its docstring."""
    faults = [
        f"flext_pipelines/{module.place}: {len(module.text.splitlines())} lines; split it by meaning"
        for module in modules()
        if len(module.text.splitlines()) > MOST_LINES
    ]
    faults += [
        f"flext_pipelines/{module.place}:{node.lineno} {node.name} has {own_lines(node)} lines; name its steps"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and own_lines(node) > MOST_FUNCTION_LINES
    ]
    fail_with(faults)


def test_modules_are_named_after_what_they_hold() -> None:
    """No module is called utils, helpers, common or the like."""
    fail_with(
        f"flext_pipelines/{module.place}: name it after what it holds"
        for module in modules()
        if FORBIDDEN_NAMES.match(module.place.split("/")[-1].removesuffix(".py"))
    )


SUPPRESSION = re.compile(
    r"#\s*(?:type:\s*ignore(?:\[[^\]]*\])?|noqa(?::\s*[A-Z]+\d+(?:[ ,]+[A-Z]+\d+)*)?)(?P<rest>.*)$"
)


def test_suppressions_give_a_reason() -> None:
    """A ``type: ignore`` or ``noqa`` names its rule and says why on the same line."""
    faults = []
    for path in sorted([*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]):
        if path.name == "test_rooms.py":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = SUPPRESSION.search(line)
            if match and len(re.findall(r"[a-zA-Z]{2,}", match.group("rest"))) < 1:
                faults.append(f"{path.relative_to(ROOT)}:{number}: say why on the line")
    fail_with(faults)


def test_public_names_are_sorted_and_there() -> None:
    """Every ``__all__`` is sorted, without repeats, and each of its names can be imported."""
    faults = []
    for module in modules():
        if "__all__" not in module.text:
            continue
        loaded = import_module(module.dotted.removesuffix(".__init__"))
        names = list(getattr(loaded, "__all__", []))
        if names != sorted(set(names)):
            faults.append(f"flext_pipelines/{module.place}: sort __all__")
        faults += [
            f"flext_pipelines/{module.place}: {name} is in __all__ and not in the module"
            for name in names
            if not hasattr(loaded, name)
        ]
    fail_with(faults)


def test_the_public_package_lists_its_homes() -> None:
    """Each public name of the package is loaded from the home that its table says, on first use."""
    import flext_pipelines

    assert sorted(flext_pipelines._HOMES) == flext_pipelines.__all__ == dir(flext_pipelines)
    for name, home in flext_pipelines._HOMES.items():
        assert getattr(flext_pipelines, name) is getattr(import_module(home), name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = flext_pipelines.nonsense


def test_the_meltano_project_shadows_no_library() -> None:
    """The folder of the Meltano project is no Python package, or ``import meltano`` would find it."""
    assert not (ROOT / "meltano" / "__init__.py").exists()
    assert (ROOT / "tests" / "__init__.py").exists()


WATCHED = """
import sys, time
WATCHED = {
    "socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen", "os.posix_spawn", "os.fork", "os.mkdir",
}
seen = []
def ours():
    # What a library does while it is imported is its own affair; what our module calls while it is imported is ours.
    frame = sys._getframe(2)
    while frame and "importlib" not in frame.f_code.co_filename:
        if "flext_pipelines" in frame.f_code.co_filename:
            return frame.f_code.co_filename
        frame = frame.f_back
def hook(event, arguments):
    written = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if (event in WATCHED or written) and ours():
        seen.append((ours(), event, str(arguments)[:200]))
sys.addaudithook(hook)
"""


def in_a_new_process(code: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", WATCHED + code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.mark.process
def test_importing_opens_nothing() -> None:
    """Importing every module of the package connects to nothing, spawns nothing and writes no file."""
    names = [
        module.dotted
        for module in modules()
        if module.place != "definitions.py" and not module.place.endswith("/migrations/env.py")
    ]

    printed = in_a_new_process(f"import importlib\nfor name in {names!r}: importlib.import_module(name)\nprint(seen)")

    assert printed == "[]"


@pytest.mark.process
def test_the_catalogue_is_quick_to_import() -> None:
    """The package, every message and the bus come without any heavy library, and in a fraction of a second."""
    heavy = ["dagster", "meltano", "sqlalchemy", "alembic", "pandas", "pyarrow", "duckdb", "psycopg", "rich", "click"]

    printed = in_a_new_process(
        "import pydantic, pydantic_settings\nbegan = time.process_time()\n"
        "import flext_pipelines\nflext_pipelines.build_bus().close()\n"
        f"print([name for name in {heavy!r} if name in sys.modules], seen, time.process_time() - began < 1.5)"
    )

    assert printed == "[] [] True"
