"""Reading ``aci`` values as strictly as the servers do.

What belongs here: the grammar of OpenDJ's ``Aci`` (OUD's sibling), and what 389 refuses beyond it. What does not: the
texts that keywords take (``bind_values``) and what a rule means (``aci_model``).

Import checks no ``aci``, and OUD goes into lockdown mode when it starts and finds an invalid one. Where the two
servers check less than the grammar says (389 takes a bind DN that is none), this parser still refuses.
"""

from __future__ import annotations

import re
from typing import cast

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.aci import (
    RIGHTS,
    Aci,
    All,
    BindRule,
    Either,
    Flavour,
    Keyword,
    Not,
    OidList,
    Operator,
    PermissionRule,
    Right,
    Scope,
    TargetAttributes,
    TargetEntry,
    TargetFilter,
    ValueFilter,
)
from flext_pipelines.oud.acl.bind_values import ATTRIBUTE, bind_value, dn_pattern, url_body, url_name
from flext_pipelines.oud.acl.filters import Filter, attributes_of, parse_filter
from flext_pipelines.oud.acl.names import is_under, parse_name
from flext_pipelines.oud.acl.scanner import Scanner

_TARGETS = ("target", "targetattr", "targetscope", "targetfilter", "targattrfilters", "targetcontrol", "extop")
_KEYWORDS = (
    "userdn", "groupdn", "roledn", "userattr", "ip", "dns", "dayofweek", "timeofday", "authmethod", "ssf",
)  # fmt: skip
_SCOPES = ("base", "onelevel", "subtree", "subordinate")
_ORDERED = {"timeofday", "ssf"}
_OID = re.compile(r"\d+(?:\.\d+)*|\*")
_VALUE_LIST = re.compile(r"\s*(add|del)\s*=\s*", re.IGNORECASE)
_MOST_NESTED = 64
_REFUSED_BY_389 = {"targetscope", "targetcontrol", "extop"}


def parse_aci(text: str, *, flavour: Flavour = "oud", holder: str | None = None) -> Aci:
    """Read one ``aci`` value.

    Args:
        text: The value.
        flavour: Whose refusals apply.
        holder: DN of the entry that carries the value; its ``target`` must not lie outside.

    Raises:
        AciSyntaxError: The server would refuse it; the reason and column say why and where.
    """
    return _Reader(text, flavour, holder).read()


class _Reader(Scanner):
    """One value, read from left to right."""

    def __init__(self, text: str, flavour: Flavour, holder: str | None) -> None:
        super().__init__(text)
        self.flavour, self.holder = flavour, holder
        self.target: TargetEntry | None = None
        self.attributes: TargetAttributes | None = None
        self.scope: Scope | None = None
        self.filter: TargetFilter | None = None
        self.value_filters: tuple[ValueFilter, ...] = ()
        self.lists: dict[str, OidList] = {}

    def read(self) -> Aci:
        seen: set[str] = set()
        while True:
            self.expect("(")
            start = self.position
            word = self.word("a target or version")
            if word == "version":
                break
            if word in seen:
                self.fail(f"{word} is given twice", start)
            if word not in _TARGETS:
                self.fail(f"unknown target {word!r}", start)
            if self.flavour == "389" and word in _REFUSED_BY_389:
                self.fail(f"389 does not take {word}", start)
            seen.add(word)
            self._target(word, start)
            self.expect(")")
        name = self._version_and_name()
        permissions = [self._permission()]
        while self.peek() not in {")", ""}:
            permissions.append(self._permission())
        self.expect(")")
        if not self.at_end:
            self.fail(f"text after the end: {self.found()}")
        return Aci(
            name,
            tuple(permissions),
            self.target,
            self.attributes,
            self.scope,
            self.filter,
            self.value_filters,
            self.lists.get("targetcontrol"),
            self.lists.get("extop"),
        )

    def _version_and_name(self) -> str:
        if not self.take("3.0"):
            self.fail(f"only version 3.0 is known, found {self.found()}")
        self.expect(";")
        start = self.position
        if self.word("acl") != "acl":
            self.fail("expected acl", start)
        name = self.quoted(escapes=False)
        self.expect(";")
        return name

    def _target(self, word: str, start: int) -> None:
        negated = self.take("!=")
        if not negated:
            self.expect("=")
        if negated and word in {"targetscope", "targattrfilters"}:
            self.fail(f"{word} takes no !=", start)
        self.skip_space()
        start = self.position
        text = self.quoted(escapes=False)
        if word == "target":
            self.target = TargetEntry(self._entry(text.strip(), start), negated)
        elif word == "targetattr":
            self.attributes = TargetAttributes(self._names(text, start), negated)
        elif word == "targetscope":
            if text.strip().lower() not in _SCOPES:
                self.fail(f"{text!r} is no scope: {', '.join(_SCOPES)}", start)
            self.scope = cast("Scope", text.strip().lower())
        elif word == "targetfilter":
            self.filter = TargetFilter(self._filter(text, start), negated)
        elif word == "targattrfilters":
            self.value_filters = self._value_filters(text, start)
        else:
            oids = tuple(part.strip() for part in text.split("||"))
            if not all(_OID.fullmatch(oid) for oid in oids):
                self.fail(f"{text!r} is no list of object identifiers", start)
            self.lists[word] = OidList(oids, negated)

    def _entry(self, url: str, start: int) -> str:
        """A target: a name or pattern that does not lie outside the entry that carries the aci."""
        try:
            if "*" in url:
                dn_pattern(url_body(url))
            elif self.holder is not None and not is_under(url_name(url), parse_name(self.holder)):
                self.fail(f"the target lies outside {self.holder}", start)
            else:
                url_name(url)
        except ValueError as error:
            self.fail(str(error), start)
        return url

    def _names(self, text: str, start: int) -> tuple[str, ...]:
        names = tuple(part.strip() for part in text.split("||"))
        for name in names:
            if name in {"*", "+"}:
                if name == "+" and self.flavour == "389":
                    self.fail('389 does not take "+" in targetattr', start)
            elif not ATTRIBUTE.fullmatch(name.removesuffix("*") if self.flavour == "389" else name):
                self.fail(f"{name!r} is no attribute name", start)
        return names

    def _filter(self, text: str, start: int) -> Filter:
        text = text.strip()
        try:
            return parse_filter(text if text.startswith("(") else f"({text})")
        except AciSyntaxError as error:
            self.fail(error.reason.rpartition(" at column ")[0], start)

    def _value_filters(self, text: str, start: int) -> tuple[ValueFilter, ...]:
        found: list[ValueFilter] = []
        operations: set[str] = set()
        inner = Scanner(text)
        while True:
            match = _VALUE_LIST.match(text, inner.position)
            if match is None or match.group(1).lower() in operations:
                self.fail("targattrfilters takes add=attribute:filter, del=attribute:filter, each once", start)
            operation = match.group(1).lower()
            operations.add(operation)
            inner.position = match.end()
            found += self._value_list(inner, operation, start)
            if inner.at_end:
                return tuple(found)
            inner.expect(",")

    def _value_list(self, inner: Scanner, operation: str, start: int) -> list[ValueFilter]:
        found = []
        while True:
            name = inner.match(ATTRIBUTE, "an attribute name")
            inner.expect(":")
            parsed = self._filter(f"({inner.balanced()})", start)
            if attributes_of(parsed) - {name.lower()}:
                self.fail(f"the filter for {name} asks for another attribute", start)
            found.append(ValueFilter("add" if operation == "add" else "del", name, parsed))
            if not inner.take("&&"):
                return found

    def _permission(self) -> PermissionRule:
        self.skip_space()
        start = self.position
        word = self.word("allow or deny")
        if word not in {"allow", "deny"}:
            self.fail(f"expected allow or deny, found {word!r}", start)
        self.expect("(")
        rights = [self._right()]
        while self.take(","):
            rights.append(self._right())
        self.expect(")")
        rule = self._rule(0)
        self.expect(";")
        return PermissionRule(word == "allow", tuple(dict.fromkeys(rights)), rule)

    def _right(self) -> Right:
        self.skip_space()
        start = self.position
        word = self.word("a right")
        if word not in RIGHTS:
            self.fail(f"unknown right {word!r}", start)
        if self.flavour == "389" and word in {"import", "export"}:
            self.fail(f"389 does not take the right {word}", start)
        return word

    def _rule(self, depth: int) -> BindRule:
        """``a and b or c`` is ``a and (b or c)``, as OpenDJ reads it: the first joins all that follows."""
        parts: list[tuple[BindRule, str]] = []
        while True:
            part = self._simple_rule(depth)
            word = self.peek_word()
            parts.append((part, word))
            if word not in {"and", "or"}:
                break
            self.position += len(word)
        joined, word = [parts.pop()[0]], ""
        while parts:
            part, following = parts.pop()
            if word and following != word:
                joined = [_join(word, joined)]
            joined.append(part)
            word = following
        return _join(word, joined)

    def _simple_rule(self, depth: int) -> BindRule:
        if depth > _MOST_NESTED:
            self.fail(f"nested deeper than {_MOST_NESTED}")
        if self.peek_word() == "not":
            self.position += 3
            return Not(self._simple_rule(depth + 1))
        if self.take("("):
            rule = self._rule(depth + 1)
            self.expect(")")
            return rule
        self.skip_space()
        start = self.position
        word = self.word("a bind rule")
        if word not in _KEYWORDS:
            self.fail(f"unknown bind rule keyword {word!r}", start)
        return self._keyword(word)

    def _keyword(self, word: str) -> Keyword:
        self.skip_space()
        start = self.position
        operator = next((sign for sign in ("!=", "<=", ">=", "=", "<", ">") if self.take(sign)), None)
        if operator is None:
            self.fail(f"expected = or != after {word}, found {self.found()}")
        if operator not in {"=", "!="} and word not in _ORDERED:
            self.fail(f"{word} takes = and != only", start)
        self.skip_space()
        start = self.position
        text = self.quoted(escapes=False)
        if self.flavour == "389" and (word, operator, text.strip()) == ("ssf", "<", "1"):
            self.fail('389 does not take ssf<"1"', start)
        try:
            value = bind_value(word, text, allow_roles=self.flavour == "389")
        except ValueError as error:
            self.fail(f"{word}: {error}", start)
        return Keyword(word, cast("Operator", operator), text, value)


def _join(word: str, backwards: list[BindRule]) -> BindRule:
    if len(backwards) == 1:
        return backwards[0]
    return (All if word == "and" else Either)(tuple(reversed(backwards)))
