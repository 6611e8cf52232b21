"""Reading OID's access directives: every lexical form of every release, and nothing else.

What belongs here: the grammar of Oracle's appendix A.7 (12.2.1.3) with the older forms that exports hold: keywords in
any case, white space anywhere, ``BindMode = SSLOneway`` without parentheses, ``Added-object-constraint``, values that
are still folded. What does not: what a directive means (``oid_model``).

A word that the grammar does not know is an error with its column. It is never skipped: a permission or a subject
that is passed over changes what the rest grants.
"""

from __future__ import annotations

import re
from typing import cast

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.filters import Filter, parse_filter
from flext_pipelines.oud.acl.orclaci import BIND_MODES, PERMISSIONS, AttributeList, Clause, Entity, EntityKind, OrclAci
from flext_pipelines.oud.acl.scanner import Scanner

_FOLD = re.compile(r"\r?\n ")
_ATTRIBUTE = re.compile(r"(?:[A-Za-z][A-Za-z0-9_-]*|\d+(?:\.\d+)+)(?:;[A-Za-z0-9_-]+)*")
_WORDS = frozenset({*PERMISSIONS, *(f"no{right}" for right in PERMISSIONS), "none"})
_ATTRIBUTE_ENTITIES = frozenset({"dnattr", "guidattr", "groupattr"})
_CONSTRAINTS = frozenset({"added_object_constraint", "added-object-constraint", "constraintonaddedobject"})


def parse_orclaci(value: str) -> OrclAci:
    """Read one value of ``orclaci`` or ``orclentrylevelaci``.

    Args:
        value: Without the attribute's name; LDIF folds in it are undone.

    Raises:
        AciSyntaxError: It is no directive; the reason and column say where.
    """
    return _Reader(_FOLD.sub("", value)).read()


class _Reader(Scanner):
    """One directive, read from left to right."""

    def read(self) -> OrclAci:
        for word in ("access", "to"):
            if self.word(f"{word!r}") != word:
                self.fail(f"a directive begins with 'access to', expected {word!r}")
        attributes = self._object()
        found_filter: Filter | None = None
        flags: set[str] = set()
        while (word := self.peek_word()) and word != "by":
            start = self.position
            self.position += len(word)
            if word == "filter" and found_filter is None:
                self.expect("=")
                found_filter = self._filter()
            elif word in {"denygroupoverride", "appendtoall"} and word not in flags:
                flags.add(word)
            elif word in flags or word == "filter":
                self.fail(f"{word} is given twice", start)
            else:
                self.fail(f"unknown word {word!r}, expected filter, DenyGroupOverride, AppendToAll or by", start)
        clauses: list[Clause] = []
        while not self.at_end:
            clauses.append(self._clause())
        if not clauses:
            self.fail("a directive needs a by clause")
        return OrclAci(attributes, tuple(clauses), found_filter, "denygroupoverride" in flags, "appendtoall" in flags)

    def _object(self) -> AttributeList | None:
        self.skip_space()
        start = self.position
        word = self.word("'entry' or 'attr'")
        if word == "entry":
            return None
        if word != "attr":
            self.fail(f"unknown object {word!r}, expected entry or attr", start)
        excluded = self.take("!")
        self.expect("=")
        self.expect("(")
        if self.take("*"):
            self.expect(")")
            if excluded:
                self.fail("attr!=(*) names no attribute at all", start)
            return AttributeList("all")
        names = [self.match(_ATTRIBUTE, "an attribute name")]
        while self.take(","):
            names.append(self.match(_ATTRIBUTE, "an attribute name"))
        self.expect(")")
        return AttributeList("except" if excluded else "only", tuple(names))

    def _filter(self) -> Filter:
        """``(...)``: a filter with its own parentheses, or within those of the grammar."""
        self.skip_space()
        start = self.position
        inner = self.balanced().strip()
        try:
            return parse_filter(inner if inner.startswith("(") else f"({inner})", lenient=True)
        except AciSyntaxError as error:
            self.fail(error.reason.rpartition(" at column ")[0], start)

    def _clause(self) -> Clause:
        if self.peek_word() != "by":
            self.fail(f"expected by, found {self.found()}")
        self.position += 2
        entity = self._entity()
        bind_modes: tuple[str, ...] = ()
        ip_filter: Filter | None = None
        constraint: Filter | None = None
        seen: set[str] = set()
        while word := self.peek_word():
            start = self.position
            self.position += len(word)
            topic = "constraint" if word in _CONSTRAINTS else word
            if topic in seen:
                self.fail(f"{word} is given twice", start)
            if topic not in {"bindmode", "bindipfilter", "constraint"}:
                self.fail(f"unknown word {word!r}, expected the permissions in parentheses", start)
            seen.add(topic)
            self.expect("=")
            if topic == "bindmode":
                bind_modes = self._bind_modes()
            elif topic == "bindipfilter":
                ip_filter = self._filter()
            else:
                constraint = self._filter()
        return Clause(entity, self._permissions(), bind_modes, ip_filter, constraint)

    def _entity(self) -> Entity:
        if self.take("*"):
            return Entity("*")
        self.skip_space()
        start = self.position
        word = self.word("a subject")
        if word in {"self", "superuser"}:
            return Entity(cast("EntityKind", word))
        if word in {"dn", "group"}:
            self.expect("=")
            return Entity(cast("EntityKind", word), self.quoted(escapes=True))
        if word in _ATTRIBUTE_ENTITIES:
            self.expect("=")
            self.expect("(")
            name = self.match(_ATTRIBUTE, "an attribute name")
            self.expect(")")
            return Entity(cast("EntityKind", word), name)
        raise self.error(f"unknown subject {word!r}", start)

    def _bind_modes(self) -> tuple[str, ...]:
        enclosed = self.take("(")
        modes = [self._bind_mode()]
        while self.take("|") or (enclosed and self.peek_word()):
            modes.append(self._bind_mode())
        if enclosed:
            self.expect(")")
        return tuple(modes)

    def _bind_mode(self) -> str:
        self.skip_space()
        start = self.position
        word = self.word("a bind mode")
        if word not in BIND_MODES:
            self.fail(f"unknown bind mode {word!r}", start)
        return BIND_MODES[word]

    def _permissions(self) -> tuple[str, ...]:
        self.expect("(")
        words = [self._permission()]
        while self.take(","):
            words.append(self._permission())
        self.expect(")")
        return tuple(dict.fromkeys(words))

    def _permission(self) -> str:
        self.skip_space()
        start = self.position
        word = self.word("a permission")
        if word not in _WORDS:
            self.fail(f"unknown permission {word!r}", start)
        return word
