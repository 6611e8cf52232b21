"""Facts about the journal of a load: what is in it is true, whatever moment the power went."""

from __future__ import annotations

from pathlib import Path

import pytest

from flext_pipelines.errors import AlreadyRunningError, ConflictError, DataDamagedError, NotFoundError, UsageError
from flext_pipelines.oud.directory.journal import LoadedFile, Place, State, described, open_journal

FILES = [LoadedFile("a.ldif", 10, "00"), LoadedFile("b.ldif", 20, "11")]
STATE = State(Place(0, 5, 2), Place(0, 15, 1), {"added": 3}, 7, done=False)


def opened(path: Path, **changes: object) -> State | None:
    given: dict[str, object] = {"url": "ldap://h", "policy": "add", "files": FILES, **changes}
    with open_journal(path, **given) as journal:  # type: ignore[arg-type]  # the given ones have its types
        return journal.state


def test_what_was_noted_is_found_again(tmp_path: Path) -> None:
    """The last state counts; a new journal has none."""
    path = tmp_path / "journal"
    with open_journal(path, url="ldap://h", policy="add", files=FILES) as journal:
        assert journal.state is None
        journal.note(STATE._replace(counts={"added": 1}))
        journal.note(STATE)

    assert opened(path) == STATE


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_half_written_line_counts_for_nothing(tmp_path: Path, cut: int) -> None:
    """A kill in the middle of a write leaves the state before it, and the next line is whole again."""
    path = tmp_path / "journal"
    with open_journal(path, url="ldap://h", policy="add", files=FILES) as journal:
        journal.note(STATE)
        journal.note(STATE._replace(done=True))
    path.write_bytes(path.read_bytes()[:-cut])

    assert opened(path) == STATE
    with open_journal(path, url="ldap://h", policy="add", files=FILES) as journal:
        journal.note(STATE._replace(done=True))
    assert opened(path) == STATE._replace(done=True)


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"url": "ldap://other"}, "another server"), ({"policy": "skip"}, "another policy"),
     ({"files": FILES[:1]}, "other files"),
     ({"files": [FILES[0], FILES[1]._replace(sha256="22")]}, "they were changed since")],
)  # fmt: skip
def test_a_journal_belongs_to_one_load(tmp_path: Path, changes: dict[str, object], what: str) -> None:
    """Other files, contents, servers and policies are refused: its places would mean something else."""
    path = tmp_path / "journal"
    opened(path)

    with pytest.raises(ConflictError, match=what):
        opened(path, **changes)


@pytest.mark.parametrize("text", ["hello\n", "[1]\n", '{"format": "other"}\n'])
def test_what_is_no_journal_is_not_written_into(tmp_path: Path, text: str) -> None:
    """A file of somebody else stays as it is."""
    path = tmp_path / "journal"
    path.write_text(text)

    with pytest.raises(DataDamagedError):
        opened(path)

    assert path.read_text() == text


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    """A whole line that makes no state is no matter of a kill."""
    path = tmp_path / "journal"
    opened(path)
    with path.open("a") as file:
        file.write('{"settled": 5}\n')

    with pytest.raises(DataDamagedError, match=r"journal:2: the journal is damaged"):
        opened(path)


def test_a_journal_is_written_by_one(tmp_path: Path) -> None:
    """The second is told so."""
    path = tmp_path / "journal"
    with open_journal(path, url="ldap://h", policy="add", files=FILES), pytest.raises(AlreadyRunningError):
        opened(path)


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    """It names entries; its mode is 0600."""
    opened(tmp_path / "journal")

    assert (tmp_path / "journal").stat().st_mode & 0o777 == 0o600


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    """Size and SHA-256; a missing one is named."""
    path = tmp_path / "a.ldif"
    path.write_bytes(b"abc")

    assert described(path)[1:] == (3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    with pytest.raises(NotFoundError, match=r"none\.ldif"):
        described(tmp_path / "none.ldif")


@pytest.mark.parametrize("head", ["", "version: 1\n\n"])
def test_what_a_migration_rejected_is_not_loaded(tmp_path: Path, head: str) -> None:
    """`*.ldif` in a result names its rejects, too: raw records, with passwords that a server would misread."""
    path = tmp_path / "05-rejected-0001.ldif"
    path.write_text(f"{head}# rejected: line 7: orphan: nothing is above it\ndn: cn=x\nuserpassword: {{MD4}}xx\n")

    with pytest.raises(UsageError, match="that a migration rejected"):
        described(path)


def test_a_folder_among_the_files_is_called_one(tmp_path: Path) -> None:
    """It is there, so that "no file" would send people looking for a typing error."""
    with pytest.raises(NotFoundError, match="is a folder"):
        described(tmp_path)
