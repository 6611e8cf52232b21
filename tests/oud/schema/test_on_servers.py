"""What is written is taken by two real servers, 389 Directory Server and OpenLDAP's slapd.

They stand for OUD, which cannot be installed here: 389 is its cousin and has the same file, slapd checks more.
"""

from __future__ import annotations

import base64
import io
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from flext_pipelines.oud.schema.elements import AttributeType, ObjectClass, write_definition
from flext_pipelines.oud.schema.migrate import SchemaMigration, migrate_schema
from flext_pipelines.oud.schema.reading import read_all
from flext_pipelines.oud.schema.target import standard_target, target_schema
from tests.ldap_servers import SUFFIX, Ds389, Refused, Slapd
from tests.oud.oid_schema import SCHEMA
from tests.oud.schema.made import ARC, SYNTAX, TEXT, attribute, migrated, object_class

pytestmark = pytest.mark.ldap

Definitions = list[tuple[str, str]]

OUD_ONLY = standard_target().attributes["orclguid"]
"""What the sample's classes name and OUD has, and these servers do not."""

PERSON = f"""\
dn: cn=ada,{SUFFIX}
objectClass: inetOrgPerson
objectClass: orclUser
objectClass: orclUserV2
objectClass: examplePerson
objectClass: example-worker
cn: ada
sn: Lovelace
orclIsEnabled: ENABLED
orclActiveStartDate: 20200101000000Z
example-cost-centre: 4711
exampleBadgeNumber: A 1
exampleDeputy: cn=ada,{SUFFIX}
exampleShift: Early
example-team: Red
exampleTeamAlias: Rot
"""
REFUSED_PERSON = PERSON.replace("cn=ada,", "cn=eve,", 1).replace("cn: ada", "cn: eve").replace("4711", "many")
"""The same with a cost centre that is no integer."""


def definitions(migration: SchemaMigration) -> Definitions:
    """Attribute and value of each, in order; names in ASCII so that they can be shown."""
    return [(name.decode(), value.decode()) for name, value in migration.definitions()]


def sample() -> Definitions:
    """What becomes of the sample's schema, behind what OUD has of it."""
    found = migrate_schema(read_all(io.BytesIO(SCHEMA)))
    return [("attributeTypes", write_definition(OUD_ONLY)), *definitions(found)]


def _line(name: str, value: str) -> str:
    return f"{name}: {value}\n" if value.isascii() else f"{name}:: {base64.b64encode(value.encode()).decode()}\n"


def _changes(operation: str, found: Definitions) -> str:
    """A change record for each definition."""
    return "\n".join(
        f"dn: cn=schema\nchangetype: modify\n{operation}: {name}\n{_line(name, value)}" for name, value in found
    )


@contextmanager
def added(server: Ds389, found: Definitions) -> Iterator[None]:
    """The definitions in the schema of 389, one by one in their order; taken out again from the last to the first."""
    try:
        server.modify(_changes("add", found))
        yield
    finally:
        with suppress(Refused):  # what was refused is not there
            server.run("ldapmodify", "-c", ldif=_changes("delete", found[::-1]))


def schema_of_389(server: Ds389, path: Path) -> Path:
    """Its schema as it gives it, in a file."""
    words = ("ldapsearch", "-LLL", "-b", "cn=schema", "-s", "base", "(objectClass=*)")
    names = ("attributeTypes", "objectClasses", "matchingRules", "ldapSyntaxes")
    path.write_text(server.run(*words, *names), encoding="utf-8")
    return path


def test_389_takes_the_sample_and_entries_of_it(ds389_instance: Ds389) -> None:
    """Each definition by itself, in the order of the file; then its syntaxes and classes are in force."""
    with added(ds389_instance, sample()):
        ds389_instance.run("ldapadd", ldif=PERSON)
        found = ds389_instance.search(where="(&(example-cost-centre=4711)(exampleDeputy=CN=Ada, dc=example,dc=com))")
        with pytest.raises(Refused):
            ds389_instance.run("ldapadd", ldif=REFUSED_PERSON)
        ds389_instance.run("ldapdelete", f"cn=ada,{SUFFIX}")

    assert [values["exampleshift"] for values in found.values()] == [["Early"]]


def test_389_takes_what_its_own_schema_lacks(ds389_instance: Ds389, tmp_path: Path) -> None:
    """With the server's own schema given, nothing of it is brought again, and the rest stands on it."""
    owned = target_schema(schema_of_389(ds389_instance, tmp_path / "389.ldif"))
    found = migrate_schema(read_all(io.BytesIO(SCHEMA)), owned=owned)

    with added(ds389_instance, definitions(found)):
        pass
    assert "orclGUID" in {element.name for element in found.attributes}
    assert found.view.knows_attribute("nsslapd-port")
    assert not SchemaMigration.count(found, "error")


def test_the_schema_of_389_becomes_nothing_beside_itself(ds389_instance: Ds389, tmp_path: Path) -> None:
    """A thousand real definitions are all known: none is misread, none is brought again."""
    path = schema_of_389(ds389_instance, tmp_path / "389.ldif")

    found = migrate_schema(path, owned=path)

    assert found.read > 1000
    assert (found.attributes_written, found.classes_written) == (0, 0)
    assert {finding.code for finding in found.findings if finding.severity != "info"} <= {"oid", "owned"}


def test_the_schema_of_slapd_becomes_nothing_beside_itself(slapd: Slapd, tmp_path: Path) -> None:
    """The same of another maker's."""
    names = ("attributeTypes", "objectClasses", "matchingRules", "matchingRuleUse", "ldapSyntaxes")
    path = tmp_path / "slapd.ldif"
    path.write_text(slapd.run("ldapsearch", "-LLL", "-b", "cn=subschema", "-s", "base", *names), encoding="utf-8")

    found = migrate_schema(path, owned=path)

    assert found.read > 200
    assert (found.attributes_written, found.classes_written) == (0, 0)
    assert {finding.code for finding in found.findings} == {"owned"}
    assert found.view.must("inetOrgPerson") == {"objectclass", "cn", "sn"}


def slapd_schema(found: Iterable[tuple[str, str]]) -> str:
    """The definitions in the form of slapd.conf. slapd refuses operational attributes that are not its own."""
    keywords = {"attributeTypes": "attributetype", "objectClasses": "objectclass"}
    lines = [f"{keywords[name]} {value}" for name, value in found]
    return re.sub(r"( NO-USER-MODIFICATION)? USAGE directoryOperation", "", "\n".join(lines))


def slapd_takes(folder: Path, found: Iterable[tuple[str, str]]) -> bool:
    """Whether a server with this schema would start."""
    lines = [f"include /etc/ldap/schema/{name}.schema" for name in ("core", "cosine", "inetorgperson")]
    (folder / "slapd.conf").write_text("\n".join([*lines, slapd_schema(found)]) + "\n", encoding="utf-8")
    argv = ["/usr/sbin/slaptest", "-u", "-f", str(folder / "slapd.conf")]
    return subprocess.run(argv, capture_output=True, check=False, timeout=30).returncode == 0


def test_slapd_takes_the_sample_and_entries_of_it(slapd: Slapd, tmp_path: Path) -> None:
    """A server with that schema imports an entry with its strictest checks, and refuses one that breaks it."""
    slapd.stop()
    slapd.configure(schema=slapd_schema(sample()))

    def imports(text: str) -> bool:
        (tmp_path / "data.ldif").write_text(text, encoding="utf-8")
        argv = ["/usr/sbin/slapadd", "-u", "-f", f"{slapd.folder}/slapd.conf", "-o", "value-check=yes"]
        argv += ["-l", str(tmp_path / "data.ldif")]
        return subprocess.run(argv, capture_output=True, check=False, timeout=30).returncode == 0

    top = f"dn: {SUFFIX}\nobjectClass: domain\ndc: example\n\n"
    assert imports(top + PERSON)
    assert not imports(top + REFUSED_PERSON)
    assert not imports(top + PERSON.replace("exampleShift: Early\n", ""))


TABLE = [
    ("quoted syntax", attribute(1, "exampleA", f"SYNTAX '{SYNTAX}15'"), True, False),
    ("unknown rule", attribute(1, "exampleA", f"EQUALITY accessDirectiveMatch {TEXT}"), False, True),
    ("rule for equality in SUBSTR", attribute(1, "exampleA", f"SUBSTR caseIgnoreMatch {TEXT}"), False, True),
    ("underscore", attribute(1, "example_a"), True, True),
    ("no syntax", attribute(1, "exampleA", ""), True, True),
    ("unknown syntax", attribute(1, "exampleA", "SYNTAX 1.2.3.4.5"), True, True),
    ("syntax for access control", attribute(1, "exampleA", f"SYNTAX {SYNTAX}1"), True, False),
    (
        "spelling of OID",
        attribute(1, "exampleA", f"EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubStringsMatch {TEXT}"),
        False,
        False,
    ),
    ("SUBSTR without EQUALITY", attribute(1, "exampleA", f"SUBSTR caseIgnoreSubstringsMatch {TEXT}"), False, True),
    ("ORDERING without EQUALITY", attribute(1, "exampleA", f"ORDERING caseIgnoreOrderingMatch {TEXT}"), False, True),
    ("not for users, and for users", attribute(1, "exampleA", f"{TEXT} NO-USER-MODIFICATION"), False, True),
    ("quoted SUP", attribute(1, "exampleA", "SUP 'name'"), True, True),
    ("length", attribute(1, "exampleA", f"{TEXT}{{64}}"), False, False),
    ("empty description", attribute(1, "exampleA", f"DESC '' {TEXT}"), False, False),
]
"""The table of what each server refuses as it stands: a name, a definition, refused by 389, refused by slapd."""

CLASS_TABLE = [
    ("AUXILLARY", object_class(1, "exampleC", "AUXILLARY MAY cn"), True, True),
    ("auxiliary without SUP", object_class(1, "exampleC", "AUXILIARY MAY cn"), False, False),
    ("auxiliary below structural", object_class(1, "exampleC", "SUP person AUXILIARY MAY cn"), False, True),
    ("unknown attribute", object_class(1, "exampleC", "SUP top AUXILIARY MAY ( cn $ nonsense )"), True, True),
]


def tables() -> list[tuple[str, str, str, bool, bool]]:
    """Both tables with the name of the attribute that holds a definition."""
    return [
        *(("attributeTypes", *row) for row in TABLE),
        *(("objectClasses", *row) for row in CLASS_TABLE),
    ]


def mended(name: str, text: str) -> Definitions:
    """What becomes of one definition: it is never lost."""
    found = migrated([text]) if name == "attributeTypes" else migrated([], [text])
    assert found.attributes_written + found.classes_written == 1
    return definitions(found)


@pytest.mark.parametrize(("name", "what", "text", "on_389", "on_slapd"), tables(), ids=lambda value: str(value)[:30])
def test_slapd_takes_what_it_refused(
    slapd_tools: None, tmp_path: Path, name: str, what: str, text: str, on_389: bool, on_slapd: bool
) -> None:
    """Each row of the table, as it stands and as it is written."""
    assert slapd_takes(tmp_path, [(name, text)]) is not on_slapd
    assert slapd_takes(tmp_path, mended(name, text))


@pytest.mark.parametrize(("name", "what", "text", "on_389", "on_slapd"), tables(), ids=lambda value: str(value)[:30])
def test_389_takes_what_it_refused(
    ds389_instance: Ds389, name: str, what: str, text: str, on_389: bool, on_slapd: bool
) -> None:
    """Each row of the table, as it stands and as it is written."""
    refused = False
    try:
        with added(ds389_instance, [(name, text)]):
            pass
    except Refused:
        refused = True
    assert refused is on_389
    with added(ds389_instance, mended(name, text)):
        pass


@pytest.fixture
def slapd_tools() -> None:
    """The programs of slapd, without a server. In CI they must be there."""
    if not Path("/usr/sbin/slaptest").exists():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("OpenLDAP's slaptest is not installed (slapd)")


def test_an_oid_that_is_no_number_goes_to_389_only(ds389_instance: Ds389, slapd_tools: None, tmp_path: Path) -> None:
    """``name-oid`` is of OUD's family; that others refuse it is told."""
    found = migrated([f"( exampleA-oid NAME 'exampleA' {TEXT} )"])

    with added(ds389_instance, definitions(found)):
        pass
    assert not slapd_takes(tmp_path, definitions(found))
    assert [(one.severity, one.code) for one in found.findings] == [("warning", "oid")]


def test_operational_attributes_and_all_usages_go_to_389(ds389_instance: Ds389) -> None:
    """What slapd does not take at all: attributes of a site that are operational."""
    found = migrated([
        attribute(1, "exampleSeen", f"SYNTAX {SYNTAX}24 SINGLE-VALUE NO-USER-MODIFICATION USAGE directoryOperation"),
        attribute(2, "exampleKept", f"{TEXT} USAGE dSAOperation"),
    ])  # fmt: skip

    with added(ds389_instance, definitions(found)):
        pass
    assert [element.usage for element in found.attributes] == ["directoryOperation", "dSAOperation"]


def test_several_levels_go_in_from_the_top(ds389_instance: Ds389) -> None:
    """Superiors come first, whatever the order of the source and of the OIDs."""
    levels = 8
    attributes = [
        attribute(levels - at, f"exampleL{at}", f"SUP exampleL{at - 1}" if at else TEXT) for at in range(levels)
    ]
    classes = [
        object_class(
            levels - at, f"exampleC{at}", f"SUP {f'exampleC{at - 1}' if at else 'top'} AUXILIARY MAY exampleL{at}"
        )
        for at in range(levels)
    ]
    found = migrated(attributes[::-1], classes[::-1])

    with added(ds389_instance, definitions(found)):
        pass
    assert isinstance(found.attributes[0], AttributeType)
    assert isinstance(found.classes[-1], ObjectClass)
    assert [found.attributes[0].name, found.classes[-1].name] == ["exampleL0", f"exampleC{levels - 1}"]
    assert found.attributes[0].oid == f"{ARC}.1.{levels}"
