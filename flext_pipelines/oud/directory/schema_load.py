"""Schema definitions into a live server, which has its own way for it.

389 and OUD take them as values of ``cn=schema``; slapd as an entry below ``cn=schema,cn=config``, where it runs with
``cn=config``. What the server has already, by OID or name, stays as it is there.

What belongs here: one record of schema definitions. What does not: which definitions, and their fixes (``oud.schema``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from flext_pipelines.errors import DirectoryRefusedError
from flext_pipelines.oud.directory.result_codes import SUCCESS, VALUE_EXISTS, work_error
from flext_pipelines.oud.directory.server_schema import ServerSchema, definition
from flext_pipelines.oud.dn import normal_key
from flext_pipelines.values import Progress

if TYPE_CHECKING:
    from flext_pipelines.oud.directory.connection import Directory
    from flext_pipelines.oud.ldif.record import Record

_KINDS = ("attributetypes", "objectclasses")
_SLAPD = "cn=schema,cn=config"


def is_schema(record: Record) -> bool:
    """Whether a record holds schema definitions, as a 99-user.ldif does."""
    dn = record.dn
    if b"," in dn or record.changetype not in (None, "modify"):
        return False
    return dn.lower().replace(b" ", b"") in {b"cn=schema", b"cn=subschema", b"cn=subschemasubentry"}


def load_schema(record: Record, directory: Directory, progress: Callable[[Progress], None], path: str) -> int:
    """Add the definitions that the server does not have.

    Args:
        record: Content, or a modification that adds.
        directory: The connection.
        progress: Told how many there are.
        path: Name of the file, for errors.

    Returns:
        How many were added.

    Raises:
        DirectoryRefusedError: The server refuses one; named, with its line.
        FlextError: The server refuses the account, or does not answer.
    """
    found = _definitions(record)
    schema = directory.schema
    missing = {kind: [text for text in texts if not _is_known(schema, kind, text)] for kind, texts in found.items()}
    known = sum(len(found[kind]) - len(missing[kind]) for kind in _KINDS)
    total = sum(len(texts) for texts in missing.values())
    if total:
        if _is_slapd(directory):
            _add_to_slapd(directory, missing, path, record.line)
        else:
            _add_values(directory, missing, path, record.line)
        directory.forget_schema()
    progress(Progress(text=f"Schema: {total} definitions added, {known} were there"))
    return total


def _definitions(record: Record) -> dict[str, list[bytes]]:
    pairs: Iterable[tuple[bytes, bytes]] = record.attributes()
    if record.changetype == "modify":
        pairs = [(step.name, value) for step in record.changes for value in step.values]
    found: dict[str, list[bytes]] = {kind: [] for kind in _KINDS}
    for name, value in pairs:
        kind = name.decode().lower()
        if kind in found:
            found[kind].append(value)
    return found


def _is_known(schema: ServerSchema, kind: str, text: bytes) -> bool:
    parts = definition(text.decode("utf-8", "replace"))
    names = [name.lower() for name in [*parts.get("OID", []), *parts.get("NAME", [])]]
    held: Mapping[str, object] = schema.types if kind == "attributetypes" else schema.classes
    return any(name in held for name in names)


def _is_slapd(directory: Directory) -> bool:
    return normal_key(directory.schema.where.encode()) == b"cn=subschema"


def _add_values(directory: Directory, missing: Mapping[str, list[bytes]], path: str, line: int) -> None:
    """One modification for each: a refusal names its definition, and costs none of the others' time to find."""
    for kind in _KINDS:
        for text in missing[kind]:
            answer = directory.wait(directory.ask_modify(directory.schema.where, [(0, kind, [text])]))
            if answer.code in (SUCCESS, VALUE_EXISTS):
                continue
            if answer.verdict != "record":
                raise work_error(answer, directory.target.url, "takes no schema", bind_dn=directory.target.bind_dn)
            raise _refused(text, answer.said, path, line)


def _add_to_slapd(directory: Directory, missing: Mapping[str, list[bytes]], path: str, line: int) -> None:
    values = [("objectClass", [b"olcSchemaConfig"]), ("cn", [b"flext-migrated"])]
    values += [(f"olc{kind}", missing[kind]) for kind in _KINDS if missing[kind]]
    answer = directory.wait(directory.ask_add(f"cn=flext-migrated,{_SLAPD}", values))
    if answer.code == SUCCESS:
        return
    texts = ", ".join(text.decode("utf-8", "replace")[:80] for kind in _KINDS for text in missing[kind][:3])
    error = _refused(texts.encode(), answer.said, path, line)
    raise DirectoryRefusedError(
        error.reason, "slapd takes schema over LDAP only with cn=config, from an account that may write there; or "
        "include it in slapd.conf as a .schema file", error.details,
    )  # fmt: skip


def _refused(text: bytes, said: str, path: str, line: int) -> DirectoryRefusedError:
    shown = text.decode("utf-8", "replace")
    return DirectoryRefusedError(
        f"{path}:{line}: the server does not take the schema definition {shown[:200]}: {said}",
        "`flext oud schema` lists what a server will not take, with the fix",
        {"file": path, "line": line, "definition": shown, "said": said},
    )
