"""Change records: add, delete, modify, modrdn, moddn, controls."""

from __future__ import annotations

import json

import pytest

from flext_pipelines.oud.ldif import Modification, Rename
from flext_pipelines.oud.ldif.json_lines import json_line, reject_line
from flext_pipelines.oud.ldif.parse import Control
from tests.oud.ldif.reading import leniently, one, records, refusal

RFC_2849_EXAMPLE_6 = b"""version: 1
# Add a new entry
dn: cn=Fiona Jensen, ou=Marketing, dc=airius, dc=com
changetype: add
objectclass: top
objectclass: person
cn: Fiona Jensen

# Delete an existing entry
dn: cn=Robert Jensen, ou=Marketing, dc=airius, dc=com
changetype: delete

# Modify an entry's relative distinguished name
dn: cn=Paul Jensen, ou=Product Development, dc=airius, dc=com
changetype: modrdn
newrdn: cn=Paula Jensen
deleteoldrdn: 1

# Rename an entry and move all of its children to a new location in
# the directory tree (only implemented by LDAPv3 servers).
dn: ou=PD Accountants, ou=Product Development, dc=airius, dc=com
changetype: moddn
newrdn: ou=Product Development Accountants
deleteoldrdn: 0
newsuperior: ou=Accounting, dc=airius, dc=com

# Modify an entry
dn: cn=Paula Jensen, ou=Product Development, dc=airius, dc=com
changetype: modify
add: postaladdress
postaladdress: 123 Anystreet $ Sunnyvale, CA $ 94086
-
delete: description
-
replace: telephonenumber
telephonenumber: +1 408 555 1234
telephonenumber: +1 408 555 5678
-
delete: facsimiletelephonenumber
facsimiletelephonenumber: +1 408 555 9876
-
"""


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_example_of_the_standard(end: bytes) -> None:
    """Each kind of change has its parts."""
    add, delete, modrdn, moddn, modify = records(RFC_2849_EXAMPLE_6.replace(b"\n", end))

    assert [r.changetype for r in (add, delete, modrdn, moddn, modify)] == [
        "add",
        "delete",
        "modrdn",
        "moddn",
        "modify",
    ]
    assert [r.line for r in (add, delete, modrdn, moddn, modify)] == [3, 10, 14, 21, 28]
    assert add.values(b"objectClass") == [b"top", b"person"]
    assert delete.attributes() == []
    assert modrdn.rename == Rename(b"cn=Paula Jensen", True, None)
    assert moddn.rename == Rename(b"ou=Product Development Accountants", False, b"ou=Accounting, dc=airius, dc=com")
    assert modify.changes == (
        Modification("add", b"postaladdress", (b"123 Anystreet $ Sunnyvale, CA $ 94086",)),
        Modification("delete", b"description", ()),
        Modification("replace", b"telephonenumber", (b"+1 408 555 1234", b"+1 408 555 5678")),
        Modification("delete", b"facsimiletelephonenumber", (b"+1 408 555 9876",)),
    )
    assert modify.mapping() == {}


@pytest.mark.parametrize("text", [b"-\n", b"", b"-", b"-\n# end\n"])
def test_the_last_hyphen_may_be_left_out(text: bytes) -> None:
    """Tools often do; so does the last line end."""
    record = one(b"dn: cn=a\nchangetype: modify\nreplace: sn\nsn: b\n" + text)

    assert record.changes == (Modification("replace", b"sn", (b"b",)),)


@pytest.mark.parametrize(
    ("line", "control"),
    [
        (b"control: 1.2.840.113556.1.4.805 true", Control("1.2.840.113556.1.4.805", True, None)),
        (b"Control:1.2 FALSE", Control("1.2", False, None)),
        (b"control: 1.2", Control("1.2", False, None)),
        (b"control: 1.2: value", Control("1.2", False, b"value")),
        (b"control: 1.2 true:: AAE=", Control("1.2", True, b"\0\1")),
        (b"cont\n rol: 1.2 tr\n ue: \n x", Control("1.2", True, b"x")),
    ],
)
def test_controls(line: bytes, control: Control) -> None:
    """OID, criticality, value in each form; several may stand before the changetype."""
    record = one(b"dn: cn=a\n" + line + b"\ncontrol: 9.9\nchangetype: Delete\n")

    assert record.controls == (control, Control("9.9", False, None))
    assert record.changetype == "delete"


def test_other_spellings_of_a_change() -> None:
    """Base64, comments, any case, increment, an empty modify, the values of options."""
    record = one(
        b"dn:: Y249YQ==\n# c\nchangetype:: bW9kaWZ5\n"
        b"Replace: cn;lang-en\n# c\nCN;lang-EN:: YQ==\n-\nincrement: n\nn: 1\n"
    )

    assert record.changes == (
        Modification("replace", b"cn;lang-en", (b"a",)), Modification("increment", b"n", (b"1",))
    )  # fmt: skip
    assert one(b"dn: cn=a\nchangetype: modify\n").changes == ()


@pytest.mark.parametrize(
    ("lines", "line", "reason"),
    [
        (b"changetype: remove", 2, "changetype 'remove' is none of"),
        (b"changetype: add", 2, "add without attributes"),
        (b"changetype: delete\ncn: a", 3, "nothing may follow changetype delete"),
        (b"changetype: modrdn", 2, "newrdn is missing"),
        (b"changetype: modrdn\nnewrdn: cn=b", 2, "deleteoldrdn is missing"),
        (b"changetype: modrdn\ndeleteoldrdn: 1\nnewrdn: cn=b", 3, "newrdn is missing"),
        (b"changetype: modrdn\nnewrdn:\ndeleteoldrdn: 1", 3, "newrdn is empty"),
        (b"changetype: modrdn\nnewrdn: cn=b\ndeleteoldrdn: yes", 4, "neither 0 nor 1"),
        (b"changetype: moddn\nnewrdn: cn=b\ndeleteoldrdn: 0\ncn: b", 5, "nothing may follow the lines of a moddn"),
        (b"changetype: modify\nremove: cn", 3, "begins with add, delete or replace, this one with remove"),
        (b"changetype: modify\ncn: a", 3, "this one with cn"),
        (b"changetype: modify\nadd:", 3, "add needs the name of an attribute"),
        (b"changetype: modify\nadd: c n", 3, "add needs the name"),
        (b"changetype: modify\nadd: cn\nsn: a", 4, "sn in a step about cn"),
        (b"changetype: modify\nadd: cn\ncn: a\n-\n-", 6, "ends a step of a modify, and this is none"),
        (b"changetype: add\ncn: a\nchangetype: add", 4, "changetype must follow the dn"),
        (b"control: x\nchangetype: delete", 2, "a control is an OID"),
        (b"control: 1.2 maybe\nchangetype: delete", 2, "a control is an OID"),
        (b"control: 1.2 true:: !\nchangetype: delete", 2, "a character that base64 does not know"),
    ],
)
def test_what_is_wrong_with_a_change_is_named(lines: bytes, line: int, reason: str) -> None:
    """Line and reason, as for entries."""
    error = refusal(lambda: records(b"dn: cn=a\n" + lines + b"\n"))

    assert reason in error.reason
    assert error.details["line"] == line


def test_records_as_json() -> None:
    """Values are base64, names keep their first spelling, every kind of record has its parts."""
    entry = one(b"# c\ndn: cn=\xff\nCN: a\ncn:: /w==\nsn:\n")
    add, delete, modrdn, moddn, modify = (json.loads(json_line(r)) for r in records(RFC_2849_EXAMPLE_6))

    assert json.loads(json_line(entry)) == {
        "line": 2, "dn": r"cn=\xff", "dn_base64": "Y249/w==", "changetype": None,
        "attributes": {"CN": ["YQ==", "/w=="], "sn": [""]},
    }  # fmt: skip
    assert add["attributes"]["cn"] == ["RmlvbmEgSmVuc2Vu"]
    assert delete == {
        "line": 10, "dn": "cn=Robert Jensen, ou=Marketing, dc=airius, dc=com", "changetype": "delete",
    }  # fmt: skip
    assert (modrdn["newrdn"], modrdn["deleteoldrdn"], "newsuperior" in modrdn) == ("cn=Paula Jensen", True, False)
    assert moddn["newsuperior"] == "ou=Accounting, dc=airius, dc=com"
    assert modify["changes"][1] == {"operation": "delete", "attribute": "description", "values": []}
    controlled = json.loads(json_line(one(b"dn: cn=a\ncontrol: 1.2 true:: AAE=\nchangetype: delete\n")))
    assert controlled["controls"] == [{"oid": "1.2", "critical": True, "value": "AAE="}]


def test_rejects_as_json() -> None:
    """Why, where, and all the bytes."""
    _, (reject,) = leniently(b"dn: cn=a\ncn:: !\n")

    assert json.loads(reject_line(reject)) == {
        "rejected": True, "line": 2, "first_line": 1,
        "reason": "cn: the base64 value has a character that base64 does not know", "raw": "ZG46IGNuPWEKY246OiAh",
    }  # fmt: skip
