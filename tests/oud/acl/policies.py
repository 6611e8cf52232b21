"""A small directory, everybody who may ask for something in it, and policies for it, drawn at random.

What belongs here: what several tests of access control share. What does not: any test.
"""

from __future__ import annotations

from hypothesis import strategies as st

from flext_pipelines.oud.acl.names import Name, parse_name
from flext_pipelines.oud.acl.oid_policy import AccessValue
from flext_pipelines.oud.acl.orclaci import ATTRIBUTE_PERMISSIONS, ENTRY_PERMISSIONS, Kind
from flext_pipelines.oud.acl.probes import Entry, Subject

BASE = "dc=example,dc=com"
PEOPLE = f"ou=people,{BASE}"
ABROAD = f"ou=abroad,{PEOPLE}"
ADA, BEN, CLEO = f"uid=ada,{PEOPLE}", f"uid=ben,{ABROAD}", f"uid=cleo,{BASE}"
PHONE = f"cn=phone,{ADA}"
ADMINS, STAFF = f"cn=admins,{BASE}", f"cn=staff,{BASE}"


def entry(dn: str, *classes: str, **attributes: str | tuple[str, ...]) -> Entry:
    """An entry with object classes and attributes."""
    values = {name.lower(): (held,) if isinstance(held, str) else held for name, held in attributes.items()}
    return Entry(dn, {"objectclass": ("top", *classes), **values})


ENTRIES = (
    entry(BASE, "domain", dc="example", description="the top"),
    entry(PEOPLE, "organizationalUnit", ou="people", owner=CLEO),
    entry(ABROAD, "organizationalUnit", ou="abroad", owner=ADA, manager=STAFF),
    entry(ADA, "person", cn="Ada", mail="ada@example.com", userPassword="secret", owner=BEN, orclguid="AA"),
    entry(PHONE, "device", cn="phone", owner=CLEO, manager=ADMINS),
    entry(BEN, "person", cn="Ben", mail="ben@example.com", userPassword="secret", manager=ADMINS, orclguid="BB"),
    entry(CLEO, "person", "orcluser", cn="Cleo", userPassword="secret", description="x"),
    entry(ADMINS, "groupOfUniqueNames", cn="admins", uniqueMember=(ADA,), owner=ADA),
    entry(STAFF, "groupOfUniqueNames", cn="staff", uniqueMember=(BEN, ADA)),
)
TREE = {one.name: one for one in ENTRIES}
GROUPS: dict[Name, frozenset[Name]] = {
    parse_name(ADA): frozenset({parse_name(ADMINS), parse_name(STAFF)}),
    parse_name(BEN): frozenset({parse_name(STAFF)}),
}


def subject(dn: str = "", method: str = "simple", ssf: int = 0, ip: str = "10.0.0.1") -> Subject:
    """Somebody of the directory, or anonymous."""
    name = parse_name(dn)
    return Subject(dn, GROUPS.get(name, frozenset()), TREE.get(name), method if dn else "none", ssf, ip)


SUBJECTS = (
    subject(),
    subject(ADA),
    subject(BEN),
    subject(CLEO),
    subject(BEN, ssf=256, ip="1.2.3.4"),
    subject(CLEO, "ssl", 256),
    subject(CLEO, "sasl digest-md5", ip="1.2.9.9"),
    subject("cn=nobody knows", ssf=56),
)

_DNS = (BASE, PEOPLE, ABROAD, ADA, ADA)
_ENTITIES = (
    "*", "*", "*", "self", f'dn="{ADA}"', f'dn="{CLEO}"', f'dn=".*,{PEOPLE}"', f'dn="*,{ABROAD}"', 'dn=".*"',
    'dn=".*,dc=com"',
    'dn="uid=.*,dc=example"', f'group="{ADMINS}"', f'group="{STAFF}"', "dnattr=(owner)", "groupattr=(manager)",
    "guidattr=(orclguid)", "SuperUser",
)  # fmt: skip
_MODES = (
    "", "", "", "", " BindMode=(simple)", " BindMode = SSLOneWay", " BindMode=(simple|SSLNoAuth)", " BindMode=(SASL)",
    " BindMode=(PKCS12)", " BindMode=(SSLTwoWay)", " BindMode=(proxy)", " BindIPFilter=(orclipaddress=1.2.*)",
    " BindIPFilter=(|(orclipaddress=1.2.3.*)(orclipaddress=10.*))", " BindIPFilter=(!(orclipaddress=1.2.3*))",
    " BindIPFilter=(&(orclipaddress!=1.2.9.*)(orclipaddress!=1.2.3.4))",
)  # fmt: skip
_OBJECTS = (
    "entry", "entry", "entry", "attr=(*)", "attr=(*)", "attr=(userpassword)", "attr=(cn, mail)", "attr!=(userpassword)",
    "attr=(objectclass)", "attr=(userpassword;x)", "attr!=(mail,modifytimestamp)", "attr=(modifytimestamp)",
    "attr=(orclguid)", "attr!=(orclguid)",
)  # fmt: skip
_FILTERS = ("", "", "", " filter=(objectclass=person)", " filter=(!(owner=*))", " filter=(objectclass:dn:=person)")
_FLAGS = ("", "", "", "", " AppendToAll", " DenyGroupOverride")
_CONSTRAINTS = ("", "", " added_object_constraint=(objectclass=person)", " Added_object_constraint=(cn:1.2:=x)")


@st.composite
def clauses(draw: st.DrawFn, rights: tuple[str, ...]) -> str:
    """One ``by`` clause."""
    words = st.sampled_from((*rights, *(f"no{right}" for right in rights)))
    permissions = draw(st.one_of(st.just(["none"]), st.lists(words, min_size=1, max_size=3)))
    constraint = draw(st.sampled_from(_CONSTRAINTS)) if "add" in rights else ""
    return (
        f"by {draw(st.sampled_from(_ENTITIES))}{draw(st.sampled_from(_MODES))}{constraint} ({', '.join(permissions)})"
    )


@st.composite
def directives(draw: st.DrawFn) -> str:
    """One value."""
    found = draw(st.sampled_from(_OBJECTS))
    rights = tuple(sorted(ENTRY_PERMISSIONS if found == "entry" else ATTRIBUTE_PERMISSIONS))
    by = " ".join(draw(st.lists(clauses(rights), min_size=1, max_size=3)))
    return f"access to {found}{draw(st.sampled_from(_FILTERS))}{draw(st.sampled_from(_FLAGS))} {by}"


_KINDS: tuple[Kind, ...] = ("orclaci", "orclaci", "orclentrylevelaci")


@st.composite
def policies(draw: st.DrawFn, *, most: int = 6) -> list[AccessValue]:
    """The values of a whole policy."""
    places = draw(st.lists(st.tuples(st.sampled_from(_DNS), st.sampled_from(_KINDS)), min_size=1, max_size=most))
    return [AccessValue(dn, kind, number, draw(directives())) for number, (dn, kind) in enumerate(places, 1)]
