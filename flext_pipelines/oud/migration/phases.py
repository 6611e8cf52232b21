"""The phases from the tree on, one function each: from what those before left in the folder to files and figures.

What belongs here: joining the parts. What does not: the parts, schema and reading (``opening``), and the order of
phases (``migrate``).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import JsonValue

from flext_pipelines.errors import DnError
from flext_pipelines.oud.acl.options import ConversionOptions
from flext_pipelines.oud.dn import normal_key, parse_dn
from flext_pipelines.oud.migration.access import Access, convert_access, merged, not_merged, review_lines, write_access
from flext_pipelines.oud.migration.accounting import summed
from flext_pipelines.oud.migration.changed import ChangedValues
from flext_pipelines.oud.migration.figures import PartResult
from flext_pipelines.oud.migration.files import NumberedFiles, WrittenFile, file_there, write_file
from flext_pipelines.oud.migration.knowledge import Knowledge
from flext_pipelines.oud.migration.lookup import Written
from flext_pipelines.oud.migration.memberships import Memberships
from flext_pipelines.oud.migration.naming import NewNames
from flext_pipelines.oud.migration.origins import Origins, write_origins
from flext_pipelines.oud.migration.outside import outside_groups
from flext_pipelines.oud.migration.plan import ACCESS_FILE, ENTRY_PHASES, GUIDS, PREFIXES, RESETS, EntryPhase
from flext_pipelines.oud.migration.policy import FoundValue, export_values, root_values
from flext_pipelines.oud.migration.probing import Probing
from flext_pipelines.oud.migration.references import check_references, dangling_by_entry, without_dangling
from flext_pipelines.oud.migration.rejected import join_lists, rejected_records, write_excluded, write_rejected
from flext_pipelines.oud.migration.rows import Stacks
from flext_pipelines.oud.migration.samples import sample_below
from flext_pipelines.oud.migration.source import Source
from flext_pipelines.oud.migration.spool import RESULT, key_hash
from flext_pipelines.oud.migration.stage import PhaseRecord, Stage
from flext_pipelines.oud.migration.tree import DUPLICATE, ORPHAN, Tree, load_tree, make_tree
from flext_pipelines.oud.migration.writing import Changes, write_entries
from flext_pipelines.values import Progress

EXCLUDED_FILE = "excluded.csv"
DANGLING_FILE = "side/dangling-references.csv"
SIDE_FILES = {GUIDS: ("dn", "orclguid"), RESETS: ("dn", "reason")}

Figures = dict[str, JsonValue]


class Phases:
    """The phases of one migration, in one process.

    Args:
        knowledge: What is asked, and what is known.
        stage: The folder.
        on_progress: Told what is done.
    """

    def __init__(self, knowledge: Knowledge, stage: Stage, on_progress: Callable[[Progress], None]) -> None:
        self.knowledge, self.stage, self.on_progress = knowledge, stage, on_progress
        self.plan = knowledge.plan
        self._access: Access | None = None

    # Folders.

    @property
    def tree_folder(self) -> Path:
        """The arrays of the tree."""
        return self.stage.work / "tree"

    def parts(self) -> list[Path]:
        """The folders of the parts, in the order of the export."""
        return sorted((self.stage.work / "parts").iterdir())

    def part_results(self) -> list[PartResult]:
        """What was read of each part."""
        return [PartResult.model_validate_json((part / RESULT).read_bytes()) for part in self.parts()]

    # Phases.

    def ordered(self, results: Sequence[PartResult]) -> PhaseRecord:
        """The end of reading: the tree, and which entries a proof will ask about."""
        shutil.rmtree(self.tree_folder, ignore_errors=True)
        self.tree_folder.mkdir()
        stacks = Stacks(self.parts())
        base = normal_key(self.knowledge.moved(self.plan.base_dn.encode()))
        tree, first_lines = make_tree(stacks, base, self.tree_folder)
        write_origins(stacks, self.tree_folder)
        self._keep("first-lines.json", {str(entry): line for entry, line in first_lines.items()})
        self._keep("samples.json", {str(point): found for point, found in self._samples(stacks, tree, base).items()})
        total = summed(results)
        fates = tree.fates()
        figures: Figures = {
            "read": total.model_dump(mode="json"), "kept": dict(tree.counts()), "duplicates": fates[1],
            "orphans": fates[2], "base_is_there": tree.find(base) is not None,
            "moved_to_a_later_phase": _moved_later(stacks, tree),
        }  # fmt: skip
        return PhaseRecord(result=figures)

    def entries(self, phase: EntryPhase) -> PhaseRecord:
        """The numbered files of one kind of entries."""
        tree, number = load_tree(self.tree_folder), ENTRY_PHASES.index(phase)
        stacks = Stacks(self.parts())
        changes = self._changes(tree)
        with self._files(PREFIXES[phase]) as files:
            count = write_entries(
                number, stacks, tree, files, changes=changes, on_progress=self.on_progress, name=phase
            )
        tree.save_places(self.tree_folder)
        extra: list[WrittenFile] = []
        figures: Figures = {"written": count}
        if phase == ENTRY_PHASES[-1]:
            figures["references"] = self._check_references(stacks, tree)
            extra.append(file_there(self.stage.folder, DANGLING_FILE))
        return PhaseRecord(files=(*files.written, *extra), result=figures)

    def acls(self) -> PhaseRecord:
        """The access values, and the proof."""
        tree = load_tree(self.tree_folder)
        with self._written(tree) as written, Source(self.plan.export) as source:
            access = self.access(written)
            with self._files(PREFIXES["acls"]) as files:
                write_access(access.acis if not self.plan.merge_aci else not_merged(access.acis, written), files)
            listed = write_file(self.stage.folder, ACCESS_FILE, b"".join(review_lines(access.reviewed)))
            proof = self._probing(access, written, source).prove(self.plan.probes, self._tell_probed)
        joined: dict[str, JsonValue] = {
            new: [*sorted(olds)] for new, olds in self.knowledge.attribute_names.all_joined().items()
        }
        counted: JsonValue = {**access.figures.model_dump(mode="json"), "joined": joined}
        figures: Figures = {"access": counted, "proof": proof.model_dump(mode="json")}
        return PhaseRecord(files=(*files.written, listed), result=figures)

    def rejected(self) -> PhaseRecord:
        """What did not go, and the side files."""
        tree, parts, folder = load_tree(self.tree_folder), self.parts(), self.stage.folder
        first_lines: dict[int, int] = {int(entry): line for entry, line in self._kept("first-lines.json").items()}
        with Source(self.plan.export) as source, self._files(PREFIXES["rejected"], version_line=False) as files:
            records = rejected_records(parts, tree, Origins(self.tree_folder), first_lines, source)
            counts = write_rejected(records, files)
        write_excluded(parts, folder / EXCLUDED_FILE)
        extra = [file_there(folder, EXCLUDED_FILE)]
        side = summed(self.part_results()).side
        for name, head in SIDE_FILES.items():
            if side.get(name):
                (folder / "side").mkdir(exist_ok=True)
                join_lists(parts, f"{name}.csv", head, folder / "side" / f"{name}.csv")
                extra.append(file_there(folder, f"side/{name}.csv"))
        return PhaseRecord(files=(*files.written, *extra), result={"rejected": dict(counts)})

    # What they share.

    def access(self, written: Written) -> Access:
        """The converted policy; once in a process."""
        if self._access is None:
            source = Source(self.plan.export)
            options = self._options(written, source)
            values = self.policy()
            complete = any(not found.value.dn.strip() for found in values)
            with source:
                origins = Origins(self.tree_folder)
                values = [self._displaced(found, written, source, origins) for found in values]
                aside = {found: why for found in values if (why := self._reason_aside(found, written, origins))}
                told = [found for found in values if found not in aside]
                self._access = convert_access(
                    told, options, written, complete=complete, aside=aside, name_of=self.knowledge.name_of
                )
        return self._access

    def _options(self, written: Written, source: Source) -> ConversionOptions:
        """What the conversion of access values is told of the rest of the migration."""
        names, total, knowledge = self.names(written), summed(self.part_results()), self.knowledge
        rejected = bool(total.rejected) or any(written.tree.fates()[fate] for fate in (DUPLICATE, ORPHAN))
        memberships = Memberships(
            written,
            source,
            Origins(self.tree_folder),
            names.place,
            knowledge.places.named,
            knowledge.transform.apply,
            some_rejected=rejected,
        )
        attributes, view = knowledge.attribute_names, knowledge.schema.view
        return ConversionOptions(
            flavour=self.plan.flavour, ssf=self.plan.ssf, place=names.place, attribute=knowledge.attribute,
            suffixes=(self.plan.new_base,), source_base=self.plan.base_dn, policy_place=names.holder,
            changed=ChangedValues(knowledge.rules, view, total, attributes),
            whole=memberships.whole, known=knowledge.known_to_server, names=view.names, also=attributes.also,
            joined=attributes.joined, moved=knowledge.moved_text, names_in=knowledge.names_in,
            loses_names=knowledge.loses_names,
        )  # fmt: skip

    def policy(self) -> list[FoundValue]:
        """The whole policy: the root's own values first."""
        root = root_values(self.plan.root_policy) if self.plan.root_policy is not None else []
        found = export_values(self.parts())
        return [*root, *(one for one in found if not root or one.value.dn.strip())]

    def names(self, written: Written) -> NewNames:
        """Where names of access values go."""
        holders = [found.value.dn for found in self.policy() if found.value.kind == "orclaci"]
        above = frozenset(parse_dn(dn).key for dn in holders if self._is_above(dn))
        return NewNames(self.knowledge.moved, written, self.plan.new_base, self.plan.base_dn, above)

    def _is_above(self, dn: str) -> bool:
        """Whether an entry of the source stands above the base; the root DSE has ways of its own."""
        try:
            name = parse_dn(dn)
            return bool(name.rdns) and parse_dn(self.plan.base_dn).is_under(name, or_same=False)
        except DnError:
            return False

    def _displaced(self, found: FoundValue, written: Written, source: Source, origins: Origins) -> FoundValue:
        """The value, marked where an entry with another name in the source has the new name of its entry."""
        key = self._key(found.value.dn) if found.value.dn.strip() else None
        entry = written.tree.find(key) if key is not None else None
        if entry is None or (origin := origins[entry]).line == found.line:
            return found
        if normal_key(source.record(origin).dn) == normal_key(found.value.dn.encode("utf-8", "surrogateescape")):
            return found
        return replace(found, value=found.value._replace(displaced=True))

    def _reason_aside(self, found: FoundValue, written: Written, origins: Origins) -> str | None:
        """Why a value says nothing about the result; None when it may."""
        dn = found.value.dn
        if not dn.strip() or found.value.displaced:
            return None
        if self._is_above(dn):
            return "it is about an entry above the base alone" if found.value.kind == "orclentrylevelaci" else None
        key = self._key(dn)
        entry = written.tree.find(key) if key is not None else None
        if entry is not None and origins[entry].line != found.line:
            return "another record of the same name is the one that migrates"
        return None

    def _probing(self, access: Access, written: Written, source: Source) -> Probing:
        return Probing(
            values=access.values, complete=access.policy.complete, acis=access.acis,
            names=self.names(written), written=written, origins=Origins(self.tree_folder), source=source,
            outside=outside_groups(self.parts()),
            samples={int(point): found for point, found in self._kept("samples.json").items()},
            flavour=self.plan.flavour, attribute_of=self.knowledge.attribute, name_of=self.knowledge.name_of,
        )  # fmt: skip

    def _samples(self, stacks: Stacks, tree: Tree, base: bytes) -> dict[int, list[int]]:
        """Entries below every policy point that is kept, and below the base, where the root's policy is asked about."""
        holders: dict[int, int] = {}
        for name in dict.fromkeys([base, *(self._key(found.value.dn) for found in export_values(self.parts()))]):
            entry = tree.find(name) if name is not None else None
            if name is not None and entry is not None:
                holders[int.from_bytes(key_hash(name), "little")] = entry
        return sample_below(stacks, tree, holders)

    def _key(self, dn: str) -> bytes | None:
        """The normal key that a name of the source has in the result; None when it is no name."""
        try:
            return normal_key(self.knowledge.moved(dn.encode("utf-8", "surrogateescape")))
        except DnError:
            return None

    def _changes(self, tree: Tree) -> Changes:
        """Entries that are written otherwise than they were read: with aci values, without values that dangle."""
        changes: dict[int, Callable[[bytes], bytes]] = {}
        if self.plan.drop_dangling:
            names = frozenset(name for result in self.part_results() for name in result.names)
            view = self.knowledge.schema.view
            for entry, wanted in dangling_by_entry(self.parts(), tree).items():
                changes[entry] = without_dangling(wanted, names, view)
        if self.plan.merge_aci:
            with self._written(tree) as written:
                for entry, adding in merged(self.access(written).acis, written).items():
                    changes[entry] = _both(changes[entry], adding) if entry in changes else adding
        return changes

    def _check_references(self, stacks: Stacks, tree: Tree) -> JsonValue:
        listing = self.stage.folder / DANGLING_FILE
        listing.parent.mkdir(exist_ok=True)
        origins, moved = Origins(self.tree_folder), self.knowledge.moved
        with self._written(tree) as written, Source(self.plan.export) as source:

            def values(entry: int) -> Iterator[tuple[bytes, bytes]]:
                for name, value in source.record(origins[entry]).attributes():
                    yield name, moved(value)

            found = check_references(self.parts(), self.part_results(), stacks, tree, written, values, listing)
        result: JsonValue = found.model_copy(update={"dropped": self.plan.drop_dangling}).model_dump(mode="json")
        return result

    @contextmanager
    def _files(self, prefix: str, *, version_line: bool | None = None) -> Iterator[NumberedFiles]:
        """Numbered files that are closed at the end, or left as they are when something fails."""
        wanted = self.plan.version_line if version_line is None else version_line
        for old in self.stage.folder.glob(f"{prefix}-*.ldif"):
            old.unlink()
        files = NumberedFiles(self.stage.folder, prefix, self.plan.file_bytes, version_line=wanted)
        try:
            yield files
            files.close()
        finally:
            files.abandon()

    def _written(self, tree: Tree) -> Written:
        return Written(self.stage.folder, tree)

    def _tell_probed(self, done: int) -> None:
        self.on_progress(Progress(kind="count", stream="policy points proved", side="loaded", rows=done))

    def _keep(self, name: str, value: Mapping[str, JsonValue] | Mapping[str, object]) -> None:
        (self.tree_folder / name).write_text(json.dumps(value), encoding="utf-8")

    def _kept(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.tree_folder / name).read_text(encoding="utf-8"))
        return found


def _both(first: Callable[[bytes], bytes], second: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda record: second(first(record))


def _moved_later(stacks: Stacks, tree: Tree) -> int:
    """Entries that are written in a later phase than their own, because what stands above them is."""
    return sum(
        int(np.count_nonzero(tree.phase[stack.first : stack.first + stack.count] > stack.phase)) for stack in stacks
    )
