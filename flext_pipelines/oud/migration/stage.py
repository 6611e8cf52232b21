"""The folder of a result while it is made: hidden, beside its place, and put there when it is whole.

A result lies in ``DIR`` or not at all. It is made in ``.DIR.partial``; each phase leaves its files and a line in
``state.json`` there, so that another process can go on from any phase; the last one renames the folder. A result that
is made again from some phase is a copy of links first, so that the old one stays until the new one is whole.

What belongs here: these folders, the state, and whether inputs are what they were. What does not: phases.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import Field, JsonValue, ValidationError

from flext_pipelines.errors import AlreadyRunningError, ConflictError, DataDamagedError, FlextError, NotFoundError
from flext_pipelines.oud.ldif.reader import open_file
from flext_pipelines.oud.migration.files import WrittenFile, digest_of, storage, write_file
from flext_pipelines.oud.migration.plan import PHASES, MigrationPlan, Phase
from flext_pipelines.values import Value

HIDDEN = ".migration"
MANIFEST = "manifest.json"
_STATE = "state.json"
FORMAT = 1

_FIRST_USED: dict[str, Phase] = {
    "export": "read", "schema": "schema", "rules": "schema", "owned schema": "schema", "root policy": "acls",
    "flavour": "acls", "ssf": "acls", "probes": "acls", "file_bytes": "hierarchy", "version_line": "hierarchy",
    "merge_aci": "hierarchy", "drop_dangling": "hierarchy", "strict": "read",
}  # fmt: skip
"""The phase that first uses an input or option: going on from there, or from before, it may be another."""


class InputFile(Value):
    """A file that was read.

    Attributes:
        name: Its name, without folder.
        size: Bytes.
        sha256: Checksum.
    """

    name: str
    size: int
    sha256: str


class PhaseRecord(Value):
    """What a finished phase left.

    Attributes:
        files: Its files.
        result: Its figures.
        seconds: How long it took.
    """

    files: tuple[WrittenFile, ...] = ()
    result: dict[str, JsonValue] = Field(default_factory=dict)
    seconds: float = 0


class State(Value):
    """How far a migration is.

    Attributes:
        format: Of this file.
        inputs: What is read.
        stamps: Modification times of the inputs, in nanoseconds: equal ones spare reading the files.
        options: What the result depends on.
        phases: What is finished.
    """

    format: int = FORMAT
    inputs: dict[str, InputFile]
    stamps: dict[str, int]
    options: dict[str, JsonValue]
    phases: dict[str, PhaseRecord] = Field(default_factory=dict)


class Stage:
    """A result in the making, locked against other migrations to the same place. See ``open_stage``.

    Attributes:
        folder: The hidden folder.
        work: What only the making needs.
        state: How far it is.
    """

    def __init__(self, plan: MigrationPlan, folder: Path, state: State) -> None:
        self._out = plan.out.absolute()
        self.folder = folder
        self.work = folder / HIDDEN
        self.state = state

    def result(self, phase: Phase) -> dict[str, JsonValue]:
        """The figures of a finished phase."""
        return self.state.phases[phase].result

    def files(self, *phases: Phase) -> list[WrittenFile]:
        """The files of some phases."""
        return [file for phase in phases for file in self.state.phases[phase].files]

    def finish_phase(self, phase: Phase, record: PhaseRecord) -> None:
        """Write down that a phase is finished."""
        self.state = self.state.model_copy(update={"phases": {**self.state.phases, phase: record}})
        self._save()

    def begin_phase(self, phase: Phase) -> None:
        """Forget what this phase and those after it left."""
        for later in PHASES[PHASES.index(phase) :]:
            record = self.state.phases.get(later)
            for file in record.files if record else ():
                (self.folder / file.name).unlink(missing_ok=True)
        kept = {name: record for name, record in self.state.phases.items() if PHASES.index(name) < PHASES.index(phase)}
        self.state = self.state.model_copy(update={"phases": kept})
        self._save()

    def _save(self) -> None:
        write_file(self.work, _STATE + ".new", self.state.model_dump_json(indent=1).encode())
        (self.work / (_STATE + ".new")).replace(self.work / _STATE)

    def publish(self) -> None:
        """Put the whole result into its place."""
        before = self._out.with_name(f".{self._out.name}.before")
        self._sync()
        if self._out.exists():
            shutil.rmtree(before, ignore_errors=True)
            self._out.rename(before)
        self.folder.rename(self._out)
        shutil.rmtree(before, ignore_errors=True)

    def _sync(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def partial_folder(out: Path) -> Path:
    """Where a result is made."""
    return out.absolute().with_name(f".{out.absolute().name}.partial")


def read_state(folder: Path) -> State:
    """How far the migration in a folder is.

    Raises:
        NotFoundError: There is none.
        DataDamagedError: Its state cannot be read.
    """
    path = folder / HIDDEN / _STATE
    try:
        found = State.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise NotFoundError(f"There is no migration in {folder}", "Check the folder", {"folder": str(folder)}) from None
    except ValidationError as error:
        raise DataDamagedError(
            f"{path} is not what a migration writes: {error.errors()[0]['msg']}",
            "Run the migration again, from the start",
        ) from None
    if found.format != FORMAT:
        raise DataDamagedError(f"{path} has format {found.format}, not {FORMAT}", "Run the migration again")
    return found


@contextmanager
def open_stage(plan: MigrationPlan, begin: Phase, *, replace: bool = False) -> Iterator[Stage]:
    """The hidden folder of a migration, locked, ready for a phase.

    Args:
        plan: What is asked.
        begin: The phase that is about to begin. The first one begins a new result.
        replace: Let a new result take the place of one that is there.

    Raises:
        AlreadyRunningError: Another process makes a result for the same place.
        ConflictError: There is something at the place; or inputs or options are not what they were.
        NotFoundError: An input is missing; or a phase before is not finished.
        StorageFullError: No room is left.
    """
    out, folder = plan.out.absolute(), partial_folder(plan.out)
    with storage(folder):
        _recover(out)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _check_place(out, begin, replace=replace)
        with _locked(folder):
            stage = _new(plan, folder) if begin == PHASES[0] else _gone_on(plan, folder, begin)
            stage.begin_phase(begin)
            yield stage


def _recover(out: Path) -> None:
    """A process was killed between the two renames of ``publish``: the old result goes back."""
    before = out.with_name(f".{out.name}.before")
    if before.exists() and not out.exists():
        before.rename(out)


def _check_place(out: Path, begin: Phase, *, replace: bool) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    details = {"folder": str(out)}
    if not (out / MANIFEST).exists():
        raise ConflictError(f"{out} is there and is no result of a migration", "Name another folder", details)
    if begin == PHASES[0] and not replace:
        raise ConflictError(
            f"{out} holds the result of a migration",
            "Add --replace, or --from PHASE to make a part of it again",
            details,
        )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise AlreadyRunningError(
            f"Another migration writes {folder}", "Wait for its end, or name another folder", {"folder": str(folder)}
        ) from None
    finally:
        os.close(handle)
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()


def _new(plan: MigrationPlan, folder: Path) -> Stage:
    inputs, stamps = _inputs(plan)
    _empty(folder)
    (folder / HIDDEN).mkdir()
    return Stage(plan, folder, State(inputs=inputs, stamps=stamps, options=_options(plan)))


def _options(plan: MigrationPlan) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = json.loads(json.dumps(plan.shapes_result()))
    return found


def _inputs(plan: MigrationPlan) -> tuple[dict[str, InputFile], dict[str, int]]:
    found = {name: _input(path) for name, path in plan.inputs().items()}
    return {name: file for name, (file, _) in found.items()}, {name: stamp for name, (_, stamp) in found.items()}


def _input(path: Path) -> tuple[InputFile, int]:
    open_file(path).close()
    found = path.stat()
    return InputFile(name=path.name, size=found.st_size, sha256=digest_of(path)), found.st_mtime_ns


def _gone_on(plan: MigrationPlan, folder: Path, begin: Phase) -> Stage:
    """What is being made goes on; or a copy of the result, which goes away again when it cannot."""
    if (folder / HIDDEN / _STATE).exists():
        if not _lacking(read_state(folder), begin) or not (plan.out / MANIFEST).exists():
            return _continued(plan, folder, begin)
        _empty(folder)  # a later attempt that did not come so far; the whole result is the better beginning
    _link(plan.out.absolute(), folder)
    try:
        return _continued(plan, folder, begin)
    except FlextError:
        shutil.rmtree(folder)
        raise


def _continued(plan: MigrationPlan, folder: Path, begin: Phase) -> Stage:
    stage = Stage(plan, folder, read_state(folder))
    missing = _lacking(stage.state, begin)
    if missing:
        raise NotFoundError(
            f"The migration to {plan.out} cannot go on from {begin}: {missing[0]} is not finished",
            f"Add --from {missing[0]}, or begin anew without --from",
            {"folder": str(plan.out), "missing": missing},
        )
    changed = {**_changed_inputs(plan, stage.state), **_changed_options(_options(plan), stage.state.options)}
    late = [text for name, text in changed.items() if PHASES.index(_first_used(name, plan)) < PHASES.index(begin)]
    if late:
        raise ConflictError(
            f"The migration to {plan.out} cannot go on from {begin}: {'; '.join(late)}",
            "Give what it was begun with, or begin anew without --from",
            {"folder": str(plan.out), "changed": late},
        )
    if changed:
        inputs, stamps = _inputs(plan)
        stage.state = stage.state.model_copy(update={"inputs": inputs, "stamps": stamps, "options": _options(plan)})
    return stage


def _lacking(state: State, begin: Phase) -> list[Phase]:
    return [phase for phase in PHASES[: PHASES.index(begin)] if phase not in state.phases]


def _empty(folder: Path) -> None:
    for old in folder.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()


def _first_used(name: str, plan: MigrationPlan) -> Phase:
    found = _FIRST_USED.get(name, PHASES[0])
    return "hierarchy" if plan.merge_aci and found == "acls" else found


def _link(out: Path, folder: Path) -> None:
    """A copy of a finished result that shares its files."""
    if not (out / MANIFEST).exists():
        raise NotFoundError(
            f"There is no migration to {out} that could go on", "Begin anew, without --from", {"folder": str(out)}
        )
    shutil.copytree(out, folder, copy_function=os.link, dirs_exist_ok=True)
    for name in (_STATE, "places.u64"):  # written anew in place, which a link would show in the old result
        for path in (folder / HIDDEN).rglob(name):
            data = path.read_bytes()
            path.unlink()
            path.write_bytes(data)


def _changed_inputs(plan: MigrationPlan, state: State) -> dict[str, str]:
    given, changed = plan.inputs(), {}
    for name in sorted({*given, *state.inputs}):
        if name not in given:
            changed[name] = f"the {name} {state.inputs[name].name} is not given any more"
        elif name not in state.inputs:
            changed[name] = f"the {name} was not given before"
        elif _is_another(given[name], state.inputs[name], state.stamps[name]):
            changed[name] = f"the {name} {given[name].name} is not what it was"
    return changed


def _is_another(path: Path, known: InputFile, stamp: int) -> bool:
    open_file(path).close()
    found = path.stat()
    if found.st_size != known.size:
        return True
    return found.st_mtime_ns != stamp and digest_of(path) != known.sha256


def _changed_options(given: Mapping[str, JsonValue], known: Mapping[str, JsonValue]) -> dict[str, str]:
    return {
        name: f"{name} was {known.get(name)!r} and is {given.get(name)!r}"
        for name in sorted({*given, *known})
        if given.get(name) != known.get(name)
    }
