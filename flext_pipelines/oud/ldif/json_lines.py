r"""Records as JSON, one line each, for programs that read no LDIF.

``{"line", "dn", "changetype", "attributes": {name: [base64, ...]}}``; an ``add`` too. A ``modify`` has ``changes``, a
list of ``{"operation", "attribute", "values"}``, a ``modrdn`` or ``moddn`` has ``newrdn``, ``deleteoldrdn`` and
``newsuperior``; ``controls`` stand there when there are some. Values are base64 because they are bytes. A DN that is
no UTF-8 is shown with ``\\xE9`` and its bytes are in ``dn_base64``.

What belongs here: these lines. What does not: printing them (``cli``).
"""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections.abc import Iterable

from flext_pipelines.oud.ldif.diff import Difference
from flext_pipelines.oud.ldif.parse import Attribute, Modification
from flext_pipelines.oud.ldif.reader import Reject
from flext_pipelines.oud.ldif.record import Record


def json_line(record: Record) -> str:
    """A record as one line of JSON, without a line end."""
    found: dict[str, object] = {"line": record.line, **_named("dn", record.dn), "changetype": record.changetype}
    if record.controls:
        found["controls"] = [
            {"oid": control.oid, "critical": control.critical,
             "value": None if control.value is None else _base64(control.value)}
            for control in record.controls
        ]  # fmt: skip
    if record.changetype in (None, "add"):
        found["attributes"] = _by_name(record.attributes())
    elif record.changetype == "modify":
        found["changes"] = _steps(record.changes)
    elif record.rename is not None:
        found |= _named("newrdn", record.rename.new_rdn)
        found["deleteoldrdn"] = record.rename.delete_old_rdn
        if record.rename.new_superior is not None:
            found |= _named("newsuperior", record.rename.new_superior)
    return json.dumps(found, ensure_ascii=False)


def reject_line(reject: Reject) -> str:
    """A refused record as one line of JSON: why, where, and its bytes."""
    return json.dumps(
        {"rejected": True, "line": reject.error.details.get("line", reject.line), "first_line": reject.line,
         "reason": reject.error.details.get("reason", reject.error.reason), "raw": _base64(reject.raw)},
        ensure_ascii=False,
    )  # fmt: skip


def difference_line(difference: Difference) -> str:
    """A difference as one line of JSON, with the parts of the record that ``json_line`` makes of its change."""
    found: dict[str, object] = {
        "changetype": difference.kind, **_named("dn", difference.dn), "line": difference.line,
    }  # fmt: skip
    if difference.kind == "add":
        found["attributes"] = _by_name(difference.attributes)
    elif difference.kind == "modify":
        found["changes"] = _steps(difference.steps)
    return json.dumps(found, ensure_ascii=False)


def _steps(steps: Iterable[Modification]) -> list[dict[str, object]]:
    return [
        {"operation": step.operation, "attribute": step.name.decode(), "values": [_base64(v) for v in step.values]}
        for step in steps
    ]


def _by_name(attributes: Iterable[Attribute]) -> dict[str, list[str]]:
    """Values by name as it is spelled first; a name is the same in any case."""
    spelled: dict[bytes, str] = {}
    found: dict[str, list[str]] = {}
    for name, value in attributes:
        key = spelled.setdefault(name.lower(), name.decode())
        found.setdefault(key, []).append(_base64(value))
    return found


def _named(key: str, name: bytes) -> dict[str, object]:
    try:
        return {key: name.decode()}
    except UnicodeDecodeError:
        return {key: name.decode("utf-8", "backslashreplace"), f"{key}_base64": _base64(name)}


def _base64(value: bytes) -> str:
    return b2a_base64(value, newline=False).decode()
