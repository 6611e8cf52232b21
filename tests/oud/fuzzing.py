"""What must hold of any bytes, for the parsers of the directory domain: to be run by atheris, bounded.

``python -m tests.oud.fuzzing ldif -max_total_time=60 -max_len=400`` (or ``-runs=100000``); the options are libFuzzer's.
It needs the package ``atheris`` (requirements-fuzz.lock). A short search of each parser is part of the tests, and so
are the same facts with Hypothesis; this is for a long night.

What belongs here: one function for each parser, which fails when its promise is broken. What does not: expectations
of single inputs.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from types import FunctionType

from flext_pipelines.errors import AciSyntaxError, DnError, LdifError, SchemaSyntaxError
from flext_pipelines.oud.acl.aci import Flavour, write_aci
from flext_pipelines.oud.acl.aci_parser import parse_aci
from flext_pipelines.oud.acl.filters import parse_filter, write_filter
from flext_pipelines.oud.acl.orclaci import write_orclaci
from flext_pipelines.oud.acl.orclaci_parser import parse_orclaci
from flext_pipelines.oud.dn import normal_key, parse_dn
from flext_pipelines.oud.ldif import LdifWriter, Record, Reject, read_ldif
from flext_pipelines.oud.ldif.edit import Edit
from flext_pipelines.oud.schema.definitions import Definition, read_definition
from flext_pipelines.oud.schema.elements import Element, ElementKind, write_definition
from flext_pipelines.oud.schema.migrate import migrate_schema
from flext_pipelines.oud.schema.reading import read_all

_KINDS: tuple[ElementKind, ...] = ("attributeType", "objectClass", "matchingRule", "matchingRuleUse", "ldapSyntax")
_BLOCKS = (1, 7, 1 << 18)


def ldif(data: bytes) -> None:
    """Bytes are read or refused, alike in any blocks; what is read is written back to the same meaning."""
    found = [_leniently(data, block_bytes) for block_bytes in _BLOCKS]
    if found[0] is None:
        assert found.count(None) == len(found)
        return
    assert found.count(found[0]) == len(found)
    file = io.BytesIO()
    writer = LdifWriter(file)
    records = _records(data)
    for record in records:
        assert data[record.offset : record.offset + len(record.raw)] == record.raw
        writer.write(record)
    assert file.getvalue().isascii()
    again = list(read_ldif(io.BytesIO(file.getvalue())))
    assert [_said(record) for record in again] == [_said(record) for record in records]
    edit = Edit(drop=[b"cn"], rename={b"sn": b"x"})
    for record in records:
        if record.changetype is None:
            expected = [
                (b"x" + n[2:].lower() if _is(n, b"sn") else n, v) for n, v in record.attributes() if not _is(n, b"cn")
            ]
            assert edit.apply(record).attributes() == expected or not expected


def dn(data: bytes) -> None:
    """Bytes are a name or refused; a name is written back to the same name, and its key is one."""
    try:
        name = parse_dn(data)
    except DnError:
        return
    assert parse_dn(bytes(name)) == name
    assert normal_key(data) == name.key
    assert parse_dn(name.key).key == name.key


def orclaci(data: bytes) -> None:
    """Text is a directive of OID or refused; a directive is written back to the same directive."""
    try:
        found = parse_orclaci(_text(data))
    except AciSyntaxError as error:
        _is_placed(error.column, _text(data))
        return
    assert parse_orclaci(write_orclaci(found)) == found


def aci(data: bytes) -> None:
    """Text is an ``aci`` or refused, of either flavour; an ``aci`` is written back to the same one."""
    flavours: tuple[Flavour, ...] = ("oud", "389")
    for flavour in flavours:
        try:
            found = parse_aci(_text(data), flavour=flavour)
        except AciSyntaxError as error:
            _is_placed(error.column, _text(data))
            continue
        assert parse_aci(write_aci(found), flavour=flavour) == found


def ldap_filter(data: bytes) -> None:
    """Text is a filter or refused; a filter is written back to the same filter."""
    try:
        found = parse_filter(_text(data))
    except AciSyntaxError as error:
        _is_placed(error.column, _text(data))
        return
    assert parse_filter(write_filter(found)) == found


def schema(data: bytes) -> None:
    """Text is a definition or refused; what is taken strictly means the same tolerantly, and is written back so."""
    text = _text(data)
    for kind in _KINDS:
        tolerant = _definition(kind, text, tolerant=True)
        strict = _definition(kind, text, tolerant=False)
        if strict is not None:
            assert tolerant == strict
            assert strict.oddities == ()
            assert read_definition(kind, write_definition(strict.element), tolerant=False) == strict


def schema_file(data: bytes) -> None:
    """A file of definitions becomes one that a server can load: read back, nothing in it is left to mend."""
    try:
        found = migrate_schema(read_all(io.BytesIO(data), lenient=True))
    except LdifError:
        return
    lines = b"".join(found.lines())
    again = read_all(io.BytesIO(lines))
    assert again.faults == ()
    once_more = migrate_schema(again)
    assert b"".join(once_more.lines()) == lines
    assert [one for one in once_more.findings if one.severity == "error" and one.code != "empty"] == []


def _definition(kind: ElementKind, text: str, *, tolerant: bool) -> Definition[Element] | None:
    try:
        return read_definition(kind, text, tolerant=tolerant)
    except SchemaSyntaxError as error:
        _is_placed(error.column, text)
        return None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _is_placed(column: int, text: str) -> None:
    assert 1 <= column <= len(text) + 1


def _is(name: bytes, attribute: bytes) -> bool:
    return name.partition(b";")[0].lower() == attribute


def _leniently(data: bytes, block_bytes: int) -> tuple[list[tuple[int, bytes]], list[tuple[int, bytes, str]]] | None:
    rejects: list[Reject] = []
    try:
        found = list(read_ldif(io.BytesIO(data), lenient=True, on_reject=rejects.append, block_bytes=block_bytes))
    except LdifError:
        return None
    return [(r.line, r.raw) for r in found], [(r.line, r.raw, r.error.reason) for r in rejects]


def _records(data: bytes) -> list[Record]:
    return list(read_ldif(io.BytesIO(data), lenient=True))


def _said(record: Record) -> tuple[object, ...]:
    return record.dn, record.changetype, record.attributes(), record.changes, record.rename, record.controls


TARGETS: dict[str, Callable[[bytes], None]] = {
    "ldif": ldif, "dn": dn, "orclaci": orclaci, "aci": aci, "filter": ldap_filter, "schema": schema,
    "schema-file": schema_file,
}  # fmt: skip


def _functions() -> Iterator[FunctionType]:
    """Everything that the parsers are made of, so that the search follows their branches."""
    for name, module in list(sys.modules.items()):
        if name.startswith("flext_pipelines.oud"):
            here = [value for value in vars(module).values() if getattr(value, "__module__", "") == name]
            inside = [found for value in here if isinstance(value, type) for found in vars(value).values()]
            yield from (found for found in (*here, *inside) if isinstance(found, FunctionType))


def main() -> None:
    """Fuzz the parser that the command line names."""
    import atheris  # type: ignore[import-untyped]  # a tool that is installed when it is wanted

    name, *options = sys.argv[1:]
    for function in _functions():
        atheris.instrument_func(function)
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
