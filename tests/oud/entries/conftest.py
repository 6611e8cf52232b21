"""Entries to transform, and rules to transform them by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from flext_pipelines.oud.entries import EntryTransform, Excluded, Kept, Outcome, Rejected
from flext_pipelines.oud.rules.reading import read_rules
from flext_pipelines.oud.schema.view import SchemaView
from tests.oud.ldif.reading import records

BASE = "dc=example,dc=com"
PERSON = b"objectclass: top\nobjectclass: person\nobjectclass: inetOrgPerson\n"


class Migration:
    """A transformation of entries written as LDIF.

    Args:
        site: YAML that is laid over the built-in rules.
        base: Source base.
        target: Target base.
    """

    def __init__(self, folder: Path, site: str = "", base: str | None = BASE, target: str | None = None) -> None:
        rules = None
        if site:
            rules = folder / "site.yaml"
            rules.write_text(dedent(site), encoding="utf-8")
        self.transform = EntryTransform(read_rules(rules), SchemaView.standard(), base, target)

    def outcome(self, data: bytes) -> Outcome:
        """What becomes of the only record of some bytes."""
        (record,) = records(data)
        return self.transform.apply(record)

    def kept(self, data: bytes) -> Kept:
        """The same for one that must be kept."""
        found = self.outcome(data)
        assert isinstance(found, Kept), found
        return found

    def rejected(self, data: bytes) -> Rejected:
        """The same for one that must be rejected."""
        found = self.outcome(data)
        assert isinstance(found, Rejected), found
        return found

    def excluded(self, data: bytes) -> Excluded:
        """The same for one that must be left out."""
        found = self.outcome(data)
        assert isinstance(found, Excluded), found
        return found

    def person(self, lines: bytes, dn: bytes = b"cn=a,dc=example,dc=com") -> Kept:
        """A person with these lines."""
        return self.kept(b"dn: " + dn + b"\n" + PERSON + b"cn: a\nsn: b\n" + lines)

    def dropped(self) -> dict[tuple[str, str], int]:
        """Counts of what was dropped, without those of every sample."""
        return self.transform.counts()


@pytest.fixture
def migration(tmp_path: Path) -> Callable[..., Migration]:
    """Makes transformations; without arguments by the built-in rules."""

    def made(site: str = "", base: str | None = BASE, target: str | None = None) -> Migration:
        return Migration(tmp_path, site, base, target)

    return made


def attributes(kept: Kept) -> dict[bytes, list[bytes]]:
    """The new entry's values by name."""
    return kept.record.mapping()


def codes(kept: Kept) -> list[str]:
    """The codes of its notes."""
    return [note.code for note in kept.notes]
