"""What a live server says of itself that matters before a load; nothing is changed.

OUD, 389 and slapd keep their configuration in the tree, each in its own place; what the account may not read is told as
unknown, never as well. The names of OUD's are from its documents and from the source of OpenDJ.

What belongs here: questions to a server. What does not: the migration's own findings (``oud.migration``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flext_pipelines.errors import DnError, FlextError, ForbiddenError
from flext_pipelines.oud.directory.connection import Directory, Scope
from flext_pipelines.oud.directory.reports import DirectoryDiagnosis, TargetFinding
from flext_pipelines.oud.directory.result_codes import SUCCESS
from flext_pipelines.oud.directory.rights_sample import is_389
from flext_pipelines.oud.directory.schema_load import is_schema
from flext_pipelines.oud.directory.server_schema import definition
from flext_pipelines.oud.dn import normal_key, parse_dn
from flext_pipelines.oud.ldif.reader import read_ldif

if TYPE_CHECKING:
    from flext_pipelines.oud.directory.target import DirectoryTarget

_SCHEME = re.compile(rb"\{([A-Za-z0-9./_ -]+)\}")
_OPEN_ACCESS = re.compile(r"Anonymous read access", re.IGNORECASE)
_ORDER = ("error", "warning", "info")
_MOST_NAMES = 20
_OUD_ACCESS = "cn=Access Control Handler,cn=config"
_OUD_POLICY = "cn=Default Password Policy,cn=Password Policies,cn=config"
_389_SCHEMES = "cn=Password Storage Schemes,cn=plugins,cn=config"
_TAKEN_EVERYWHERE = {"SSHA", "SHA", "MD5", "SMD5", "CRYPT", "SSHA256", "SSHA384", "SSHA512", "PBKDF2", "CLEAR"}


class _Content:
    """What files hold that a server must take."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.entries = 0
        self.attributes: set[str] = set()
        self.classes: set[str] = set()
        self.defined: set[str] = set()
        self.schemes: set[str] = set()
        self.tops: list[str] = []
        self._keys: list[bytes] = []
        self.clear_passwords = 0
        for path in files:
            with read_ldif(path) as records:
                for record in records:
                    if is_schema(record):
                        self._define(value for _, value in record.attributes())
                        self._define(value for step in record.changes for value in step.values)
                        continue
                    self.entries += record.changetype in (None, "add")
                    self._note_top(record.dn)
                    for name, values in record.mapping().items():
                        self._note(name.decode().partition(";")[0], values)
                    for step in record.changes:
                        self._note(step.name.decode().lower().partition(";")[0], step.values)

    def _define(self, texts: Iterable[bytes]) -> None:
        for text in texts:
            parts = definition(text.decode("utf-8", "replace"))
            self.defined.update(name.lower() for name in [*parts.get("OID", []), *parts.get("NAME", [])])

    def _note(self, name: str, values: Sequence[bytes]) -> None:
        self.attributes.add(name)
        if name == "objectclass":
            self.classes.update(value.decode("utf-8", "replace").lower() for value in values)
        elif name == "userpassword":
            for value in values:
                found = _SCHEME.match(value)
                if found is None:
                    self.clear_passwords += 1
                else:
                    self.schemes.add(found[1].decode().upper())

    def _note_top(self, dn: bytes) -> None:
        """Remember a DN that stands below none that is remembered."""
        try:
            key = normal_key(dn)
        except DnError:
            return
        if len(self._keys) < _MOST_NAMES and not any(key == top or key.endswith(b"," + top) for top in self._keys):
            self._keys.append(key)
            self.tops.append(dn.decode("utf-8", "replace"))


def diagnose_target(target: DirectoryTarget, files: Sequence[Path] = ()) -> DirectoryDiagnosis:
    """Look at a server, and hold it against files that shall be loaded.

    Args:
        target: The server and the account.
        files: Content, changes and schema; without any, only the server is looked at.

    Raises:
        FlextError: It cannot be reached, refuses the account, or a file is wrong.
    """
    content = _Content(files)
    with Directory(target) as directory:
        found = [
            *_connection(target), *_suffixes(directory, content), *_writable(directory),
            *_schema(directory, content), *_open_access(directory, target, content), *_passwords(directory, content),
        ]  # fmt: skip
        entries = {name: count for name in directory.naming_contexts if (count := _size(directory, name)) is not None}
        if content.entries:
            found.append(_fact("size", f"{content.entries:,} entries shall be loaded"))
        found += [_fact("size", f"{count:,} entries are below {name}") for name, count in entries.items()]
        found.sort(key=lambda one: _ORDER.index(one.severity))
        return DirectoryDiagnosis(
            url=target.url, product=_product(directory), naming_contexts=tuple(directory.naming_contexts),
            entries=entries, findings=tuple(found),
        )  # fmt: skip


def _fact(code: str, text: str) -> TargetFinding:
    return TargetFinding(severity="info", code=code, text=text)


def _product(directory: Directory) -> str:
    said = directory.root_dse.get("vendorname", [])[:1] + directory.root_dse.get("vendorversion", [])[:1]
    if not said and b"OpenLDAProotDSE" in directory.root_dse.get("objectclass", []):
        return "OpenLDAP"
    return b" ".join(said).decode("utf-8", "replace") or "unknown"


def _connection(target: DirectoryTarget) -> Iterator[TargetFinding]:
    if not target.secured and target.bind_dn:
        yield TargetFinding(
            severity="warning", code="clear_password", text=f"The password goes to {target.url} in clear",
            advice="Use ldaps:// or --start-tls",
        )  # fmt: skip
    if not target.check_certificate:
        yield TargetFinding(
            severity="warning", code="unchecked_certificate", text="The server's certificate is not checked",
            advice="Name the certificate of its authority (--ca-file) instead",
        )  # fmt: skip


def _suffixes(directory: Directory, content: _Content) -> Iterator[TargetFinding]:
    contexts = [parse_dn(name) for name in directory.naming_contexts]
    for top in content.tops:
        if not any(parse_dn(top).is_under(name) for name in contexts):
            shown = ", ".join(directory.naming_contexts) or "none"
            yield TargetFinding(
                severity="error", code="no_suffix", text=f"The server holds no suffix for {top}; it holds {shown}",
                advice="Create a backend for it, or migrate to one of these",
            )  # fmt: skip


def _writable(directory: Directory) -> Iterator[TargetFinding]:
    """Whether it takes changes, as its configuration says."""
    places = {
        "cn=config": "nsslapd-readonly", "cn=userRoot,cn=ldbm database,cn=plugins,cn=config": "nsslapd-readonly",
    } if is_389(directory) else {}  # fmt: skip
    states = [(dn, _first(directory, dn, name)) for dn, name in places.items()]
    if not places:
        for dn, name, where in (
            ("cn=config", "olcReadOnly", "(olcReadOnly=*)"),
            ("cn=config", "ds-cfg-writability-mode", "(ds-cfg-writability-mode=*)"),
        ):
            states += [(found, _value(values, name)) for found, values in _look(directory, dn, where, [name])]
    closed = [dn for dn, state in states if state.lower() in {"on", "true", "disabled", "internal-only"}]
    for dn in closed:
        yield TargetFinding(
            severity="error", code="read_only", text=f"{dn}: the server takes no changes",
            advice="Make it writable, or name the one that is",
        )  # fmt: skip
    if not any(state for _, state in states):
        yield _fact("writable", "Whether it can be written is unknown: the account may not read its configuration")


def _schema(directory: Directory, content: _Content) -> Iterator[TargetFinding]:
    schema = directory.schema
    if not schema.known:
        yield TargetFinding(
            severity="warning", code="schema_hidden", text="The server does not show its schema to this account",
            advice="Bind as an account that may read it",
        )  # fmt: skip
        return
    unknown = sorted(name for name in content.attributes - content.defined if name not in schema.types)
    classes = sorted(name for name in content.classes - content.defined if name not in schema.classes)
    for words, names in (("attributes", unknown), ("object classes", classes)):
        if names:
            more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            yield TargetFinding(
                severity="error", code="unknown_schema",
                text=f"The server does not know {len(names)} {words}: {', '.join(names[:_MOST_NAMES])}{more}",
                advice="Load the schema first: flext oud schema writes 99-user.ldif",
            )  # fmt: skip


def _open_access(directory: Directory, target: DirectoryTarget, content: _Content) -> Iterator[TargetFinding]:
    """Default access that would be a grant beyond what is migrated."""
    for dn, values in _look(directory, _OUD_ACCESS, "(objectClass=*)", ["ds-cfg-global-aci"], scope="base"):
        for value in next(iter(values.values()), []):
            text = value.decode("utf-8", "replace")
            if _OPEN_ACCESS.search(text):
                yield TargetFinding(
                    severity="error", code="anonymous_read",
                    text=f"{dn}: a global aci lets everybody read nearly everything, whatever the migrated aci say",
                    advice="dsconfig set-access-control-handler-prop --remove global-aci:'" + text.replace("'", "'\\''")
                    + "'",
                )  # fmt: skip
    try:
        with Directory(target.model_copy(update={"bind_dn": "", "password": None})) as anybody:
            for base in directory.naming_contexts:
                seen = anybody.read(base) if base else None
                if seen:
                    names = ", ".join(sorted(seen)[:_MOST_NAMES])
                    yield TargetFinding(
                        severity="warning", code="anonymous_sees",
                        text=f"Without a login, {base} shows: {names}",
                        advice="See which aci, global ones too, grant that, and whether OID did",
                    )  # fmt: skip
    except ForbiddenError:
        yield _fact("anonymous", "The server takes no anonymous binds")
    except FlextError as error:
        yield _fact("anonymous", f"Anonymous access is unknown: {error.reason}")
    del content


def _passwords(directory: Directory, content: _Content) -> Iterator[TargetFinding]:
    if is_389(directory):
        known = {
            _value(values, "cn").upper().removesuffix("-SCHEME") for _, values in
            _look(directory, _389_SCHEMES, "(objectClass=*)", ["cn"], scope="one")
        } - {""}  # fmt: skip
        if known and (strange := sorted(content.schemes - known)):
            yield _strange(strange)
        hashed = _first(directory, "cn=config", "nsslapd-allow-hashed-passwords")
        if hashed.lower() == "off" and content.schemes:
            yield _fact("hashed_passwords", "Only its root user may add hashed passwords "
                        "(nsslapd-allow-hashed-passwords: off)")  # fmt: skip
        return
    if content.schemes - _TAKEN_EVERYWHERE:
        yield _strange(sorted(content.schemes - _TAKEN_EVERYWHERE))
    encoded = _first(directory, _OUD_POLICY, "ds-cfg-allow-pre-encoded-passwords")
    if encoded.lower() == "false" and content.schemes:
        yield TargetFinding(
            severity="error", code="pre_encoded_passwords",
            text="The default password policy takes no password that is hashed already, so that users are refused",
            advice="For the time of the load: dsconfig set-password-policy-prop --policy-name 'Default Password "
            "Policy' --set allow-pre-encoded-passwords:true",
        )  # fmt: skip


def _strange(names: Sequence[str]) -> TargetFinding:
    return TargetFinding(
        severity="error", code="unknown_schemes",
        text=f"The server does not know password schemes of the files: {', '.join(names)}; 389 would take the hash for "
        "the password itself",
        advice="Leave such passwords out; their users need a reset",
    )  # fmt: skip


def _size(directory: Directory, base: str) -> int | None:
    """Entries below a suffix, where the server counts them."""
    for name in ("numSubordinates", "ds-sync-entry-count"):
        text = _first(directory, base, name)
        if text.isdigit():
            return int(text)
    return None


def _look(
    directory: Directory, base: str, where: str, names: Sequence[str], scope: Scope = "sub"
) -> list[tuple[str, dict[str, list[bytes]]]]:
    """Entries of the configuration; none where the account may not look."""
    answer = directory.wait(directory.ask_search(base, scope, where, names))
    return list(answer.entries) if answer.code == SUCCESS else []


def _first(directory: Directory, dn: str, name: str) -> str:
    found = _look(directory, dn, "(objectClass=*)", [name], scope="base")
    return _value(found[0][1], name) if found else ""


def _value(values: dict[str, list[bytes]], name: str) -> str:
    held = next((several for found, several in values.items() if found.lower() == name.lower()), [])
    return held[0].decode("utf-8", "replace") if held else ""
