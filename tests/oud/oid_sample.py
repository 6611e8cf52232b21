"""An Oracle Internet Directory as its export tools write it, made up, of any size, the same bytes every time.

A subtree export (``ldifwrite``) of ``dc=example,dc=com``: lower-case names, no version line, folds at 78 columns that
fall anywhere, access control in folded values with quoted DNs, password verifiers, operational attributes, base64 with
binary and with UTF-8 inside, raw Latin-1, groups, the realm's OracleContext. About 1,070 bytes and 32 lines an entry.

What belongs here: data that is right. What does not: damaged files; each test damages its own.

``python -m tests.oud.oid_sample PATH ENTRIES`` writes one.
"""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from tests.oud.oid_schema import SCHEMA

__all__ = ["SCHEMA"]  # beside the data, for whoever needs both

BASE = "dc=example,dc=com"
FOLD = 78
GIVEN = ("Ana", "Bruno", "Carla", "Dorian", "Elif", "Frida", "Goran", "Hana", "Ivo", "Jana", "Karim", "Lena")
FAMILY = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Gingko", "Hazel", "Juniper", "Larch", "Maple", "Oak")
UNITS = ("Sales", "Finance", "Engineering", "Support", "Logistics", "Legal", "Research", "Quality")
PER_UNIT = 400
"""People of an organizational unit."""
PER_GROUP = 50
"""Of so many people one group is made."""

PASSWORD = "Secret-{number}"
"""The clear password of person ``number``, where the scheme is one that verifies."""

USERS = f"cn=Users,{BASE}"
GROUPS = f"cn=Groups,{BASE}"
CONTEXT = f"cn=OracleContext,{BASE}"

_LATIN_1 = "physicaldeliveryofficename"

Pair = tuple[str, str | bytes]


class Entry(NamedTuple):
    """One entry.

    Attributes:
        kind: ``hierarchy``, ``user``, ``group`` or ``context`` (of the OracleContext trees).
        dn: Its name.
        pairs: Attribute names and values, in the order of the file.
    """

    kind: str
    dn: str
    pairs: list[Pair]


def entries(count: int, *, latin_1: bool = True) -> Iterator[Entry]:
    """So many entries, parents before children; some with raw Latin-1, which python-ldap cannot read."""
    for entry in islice(_endless(), count):
        yield entry if latin_1 else entry._replace(pairs=[pair for pair in entry.pairs if pair[0] != _LATIN_1])


def _endless() -> Iterator[Entry]:
    yield from _top()
    yield from _oracle_context()
    number = 0
    while True:
        if number % PER_UNIT == 0:
            yield _unit(number // PER_UNIT)
        yield _person(number)
        number += 1
        if number % PER_GROUP == 0:
            yield _group(number // PER_GROUP - 1)


def record(entry: Entry) -> bytes:
    """An entry as a record of the export, without the empty line after it."""
    return b"\n".join([_line("dn", entry.dn), *(_line(name, value) for name, value in entry.pairs)])


def _line(name: str, value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    if isinstance(value, bytes) and name == _LATIN_1:
        line = f"{name}: ".encode() + raw  # Latin-1 that OID lets through
    elif not raw.isascii() or raw[:1] in (b" ", b":", b"<") or b"\n" in raw or isinstance(value, bytes):
        line = f"{name}:: ".encode() + base64.b64encode(raw)
    else:
        line = f"{name}: ".encode() + raw if raw else f"{name}:".encode()
    if len(line) <= FOLD:
        return line
    rest = [line[at : at + FOLD - 1] for at in range(FOLD, len(line), FOLD - 1)]
    return b"\n ".join([line[:FOLD], *rest])


def write_export(path: Path, count: int, *, latin_1: bool = True) -> None:
    """Write an export of so many entries."""
    with path.open("wb", buffering=1 << 20) as file:
        for entry in entries(count, latin_1=latin_1):
            file.write(record(entry) + b"\n\n")


def _hex(number: int, purpose: str) -> str:
    return hashlib.md5(f"{purpose}{number}".encode(), usedforsecurity=False).hexdigest()


def _guid(name: str) -> str:
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest().upper()


def _base64(number: int, purpose: str, size: int = 16) -> str:
    return base64.b64encode(hashlib.sha256(f"{purpose}{number}".encode()).digest()[:size]).decode()


def _stamp(number: int) -> str:
    return f"20{8 + number % 10:02d}{1 + number % 12:02d}{1 + number % 28:02d}{number % 24:02d}{number % 60:02d}12z"


def _operational(dn: str, number: int) -> list[Pair]:
    return [
        ("creatorsname", "cn=orcladmin"),
        ("createtimestamp", _stamp(number)),
        ("modifiersname", "cn=orcladmin" if number % 3 else f"cn=iasadmins,cn=groups,{CONTEXT.lower()}"),
        ("modifytimestamp", _stamp(number + 7)),
        ("orclguid", _guid(dn)),
        ("orclnormdn", dn.lower()),
    ]


def _classes(*names: str) -> list[Pair]:
    return [("objectclass", name) for name in names]


def _top() -> Iterator[Entry]:
    realm_admins = f"cn=RealmAdministrators,cn=Groups,{CONTEXT}"
    yield Entry("hierarchy", BASE, [
        *_classes("top", "domain", "orclsubscriber"), ("dc", "example"), ("orclversion", "90600"),
        ("orclsubscriberfullname", "Example"),
        ("orclaci", f'access to entry by group="{realm_admins}" (browse,add,delete) by * (browse,noadd,nodelete)'),
        ("orclaci", (f'access to attr=(*) by group="{realm_admins}" (read,search,write,compare)   by * (read, search, '
                    "compare, nowrite)")),
        ("orclaci", ("access to attr=(userpassword,authpassword,orclpassword,orclrevpwd) "
                    f'by group="{realm_admins}" (read,search,write,compare) by self (read,search,write,compare) '
                    "by * (none)")),
        *_operational(BASE, 1),
    ])  # fmt: skip
    yield Entry("hierarchy", USERS, [
        *_classes("top", "orclContainer"), ("cn", "Users"),
        ("orclaci", (f'access to entry by group="cn=oracledascreateuser,cn=Groups,{CONTEXT}" added_object_constraint='
                    "(objectclass=orcluser*) (browse,add) by group="
                    f'"cn=oracledasdeleteuser,cn=Groups,{CONTEXT}" (browse,delete) by * (browse,noadd,nodelete)')),
        ("orclaci", ("access to attr!=(userpassword, userpkcs12, orclguid) "
                    f'by group="cn=oracledasedituser,cn=Groups,{CONTEXT}" (read,search,write,compare) by * '
                    "(read,search,nowrite,compare)")),
        ("orclentrylevelaci", f'access to entry by dn=".*,{USERS}" (browse) by * (none)'),
        *_operational(USERS, 2),
    ])  # fmt: skip
    yield Entry("hierarchy", GROUPS, [
        *_classes("top", "orclContainer"), ("cn", "Groups"),
        ("orclaci", (f'access to entry by group="cn=oracledascreategroup,cn=Groups,{CONTEXT}" (browse,add) '
                    "by dnattr=(owner) (browse,delete) by * (browse)")),
        ("orclaci", ("access to attr=(uniquemember) filter=(&(objectclass=groupofuniquenames)(!(orclisvisible=false))) "
                    "by dnattr=(owner) (read,search,write,compare) by self (selfwrite,read) by * (read,search)")),
        *_operational(GROUPS, 3),
    ])  # fmt: skip


def _oracle_context() -> Iterator[Entry]:
    """The realm's OracleContext: containers, privilege groups, a database service, verifier profiles."""

    def made(dn: str, *pairs: Pair, number: int = 5) -> Entry:
        name = dn.partition(",")[0].partition("=")[2]
        return Entry("context", dn, [*pairs[:1], ("cn", name), *pairs[1:], *_operational(dn, number)])

    container = _classes("top", "orclContainer")
    yield made(CONTEXT, ("objectclass", "top"), ("objectclass", "orclContext"), ("objectclass", "orclContextAux82"),
               ("orclversion", "90600"))  # fmt: skip
    for name in ("Groups", "Products", "Services", "Computers", "Extended Properties"):
        yield made(f"cn={name},{CONTEXT}", *container)
    for name in ("Common", "DAS", "OracleDBSecurity", "Calendar"):
        more: list[Pair] = [
            ("orclcommonnicknameattribute", "uid"), ("orclcommonusersearchbase", USERS),
            ("orclcommongroupsearchbase", GROUPS), ("orclcommonusercreatebase", USERS),
        ] if name == "Common" else []  # fmt: skip
        yield made(f"cn={name},cn=Products,{CONTEXT}", *container, *more)
    for number, name in enumerate(
        ("RealmAdministrators", "iASAdmins", "oracledascreateuser", "oracledasdeleteuser", "oracledasedituser",
         "oracledascreategroup", "oracledasdeletegroup", "oracledaseditgroup", "oracledasuserpriv", "verifierServices",
         "authenticationServices", "commonUserAttributes", "UserProxyPrivilege")
    ):  # fmt: skip
        yield made(
            f"cn={name},cn=Groups,{CONTEXT}", *_classes("top", "groupOfUniqueNames", "orclGroup", "orclPrivilegeGroup"),
            ("orclisvisible", "false"), ("uniquemember", f"cn=person{number:06d},{USERS}"),
            ("uniquemember", "cn=orcladmin"), ("owner", "cn=orcladmin"), number=number,
        )  # fmt: skip
    yield made(f"cn=ORCL,{CONTEXT}", *_classes("top", "orclService", "orclDBServer", "orclNetService"),
               ("orcloracleversion", "12.2.0"), ("orclsid", "ORCL"),
               ("orclnetdescstring", ("(DESCRIPTION=(ADDRESS_LIST=(ADDRESS=(PROTOCOL=TCP)(HOST=db.example.com)"
                                     "(PORT=1521)))(CONNECT_DATA=(SERVICE_NAME=orcl.example.com)))")))  # fmt: skip


def unit_dn(number: int) -> str:
    """The DN of an organizational unit."""
    return f"ou={UNITS[number % len(UNITS)]} {number:04d},{BASE}"


def _admins_of(unit: int) -> str:
    return f"cn={UNITS[unit % len(UNITS)]} admins {unit:04d},{GROUPS}"


def _unit(number: int) -> Entry:
    dn = unit_dn(number)
    name = dn.partition(",")[0].removeprefix("ou=")
    owner = _admins_of(number)
    return Entry("hierarchy", dn, [
        *_classes("top", "organizationalUnit"), ("ou", name), ("description", ""),
        ("orclaci", f'access  to entry by group = "{owner}" (browse, add, delete)  by * (browse)'),
        ("orclaci", (f'access to attr = (telephonenumber,mail,postaladdress) by group="{owner}" '
                    f'bindmode=(Simple|SSLOneWay) (read,search,write,compare) by dn="cn=person{number * PER_UNIT:06d},'
                    f'{USERS}" (read,search) by self (read,search,write,compare) by * (read,search,compare,nowrite)')),
        *_operational(dn, number),
    ])  # fmt: skip


def person_dn(number: int) -> str:
    """The DN of a person: every fourth stands below a unit, the others below cn=Users."""
    above = unit_dn(number // PER_UNIT) if number % 4 == 3 else USERS
    return f"cn=person{number:06d},{above}"


def _stored_password(number: int) -> str:
    """As OID keeps it: most in schemes that verify elsewhere, every twentieth in one that nobody else knows."""
    clear = PASSWORD.format(number=number).encode()
    salt = hashlib.md5(b"salt%d" % number, usedforsecurity=False).digest()[:8]
    if number % 20 == 7:
        return "{MD4}" + _base64(number, "md4")
    if number % 20 == 13:
        return "{MD5}" + base64.b64encode(hashlib.md5(clear, usedforsecurity=False).digest()).decode()
    if number % 20 == 17:
        return "{SHA}" + base64.b64encode(hashlib.sha1(clear, usedforsecurity=False).digest()).decode()
    return "{SSHA}" + base64.b64encode(hashlib.sha1(clear + salt, usedforsecurity=False).digest() + salt).decode()


def _sasl_verifiers(number: int) -> list[Pair]:
    name = "authpassword;oid"
    return [(name, "{SASL/MD5}" + _base64(number, "a")), (name, "{SASL/MD5-DN}" + _base64(number, "b"))]


def _common_verifiers(number: int) -> list[Pair]:
    name = "authpassword;orclcommonpwd"
    return [
        (name, "{X- ORCLIFSMD5}" + _base64(number, "e")),
        (name, "{X- ORCLNTV}" + _hex(number, "h").upper()),
    ]


def _no_verifiers(number: int) -> list[Pair]:
    return [("orclactivestartdate", _stamp(number)), ("pwdchangedtime", _stamp(number + 3))]


_VERIFIERS = (_sasl_verifiers, _common_verifiers, _no_verifiers)


def _person(number: int) -> Entry:
    dn = person_dn(number)
    given, family = GIVEN[number % 12], FAMILY[number // 12 % 12]
    uid = f"{given}.{family}.{number}".lower()
    pairs: list[Pair] = [
        *(_VERIFIERS[number % 3](number)),
        ("cn", f"person{number:06d}"),
        ("sn", family if number % 9 else f"{family} \u00d6zt\u00fcrk"),
        ("givenname", given),
        ("displayname", f"{given} {family}"),
        ("preferredlanguage", "en-US"),
        ("uid", uid),
        ("mail", f"{uid}@example.com"),
        ("telephonenumber", f"+1 555 {number % 10_000:04d}"),
        ("employeenumber", str(100_000 + number)),
        ("description", f"Account of {given} {family}, number {number}" + ", kept for the sample" * (number % 4)),
        *_classes("top", "person", "organizationalPerson", "inetOrgPerson", "orclUser", "orclUserV2"),
        ("orclisenabled", "DISABLED" if number % 25 == 3 else "ENABLED"),
        ("orclpassword", "{x- orcldbpwd}1.0:" + _hex(number, "db").upper()[:16]),
        ("manager", person_dn(number // 10 * 10)),
        ("userpassword", _stored_password(number).encode()),
    ]
    if number % 30 == 11:
        pairs.append((_LATIN_1, "M\u00fcnchen".encode("latin-1")))
    if number % 40 == 5:
        pairs.append(("usercertificate;binary", hashlib.sha512(b"cert%d" % number).digest() * 12))
    if number % 200 == 150:
        pairs.append(("objectclass", "device"))
    return Entry("user", dn, [*pairs, *_operational(dn, number)])


def _group(number: int) -> Entry:
    unit, team = divmod(number, PER_UNIT // PER_GROUP)
    dn = f"cn=Team {number:05d},{GROUPS}" if team else _admins_of(unit)
    name = dn.partition(",")[0].removeprefix("cn=")
    first = number * PER_GROUP
    members = [person_dn(first + offset) for offset in range(0, PER_GROUP, 2)]
    return Entry("group", dn, [
        *_classes("top", "groupOfUniqueNames", "orclGroup"), ("cn", name), ("displayname", name),
        ("orclisvisible", "true"), ("owner", person_dn(first)),
        *(("uniquemember", member if offset % 5 else member.replace("cn=Users", "cn=users"))
          for offset, member in enumerate(members)),
        *_operational(dn, number),
    ])  # fmt: skip


ROOT_POLICY = b"""dn:
objectclass: top
orclaci: access to entry by * (browse,noadd,nodelete)
orclaci: access to attr=(*) by * (search,read,compare,nowrite)
orclaci: access to attr=(userpkcs12,orclpkcs12hint,userpassword,pwdhistory,orclr
 evpwd) by self (search,read,write,compare) by * (none)
orclentrylevelaci: access to attr=(orclsuffix,namingcontexts,supportedldapversio
 n) by * (search,read,compare,nowrite)
"""
"""The policy at the root DSE, which a subtree export does not hold."""


if __name__ == "__main__":
    write_export(Path(sys.argv[1]), int(sys.argv[2]))
