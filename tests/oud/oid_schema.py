"""The schema of the made-up directory, as OID's ``ldapsearch -L`` prints ``cn=subschemasubentry``.

Every odd thing that such schemas have: quoted syntaxes, rules that only OID knows or spells so, underscores, kinds that
are misspelt, classes without SUP, lists in odd spacing, definitions that are repeated in a second subentry, and
standard ones that say something else. All of it is mended without a person.

OIDs below 1.3.6.1.4.1.32473 are invented: RFC 5612 keeps that number for documents. The two of Oracle's own are known.

What belongs here: a schema that is right by OID's lights. What does not: definitions that no one can read.
"""

from __future__ import annotations

FOLD = 78
_SYNTAX = "1.3.6.1.4.1.1466.115.121.1."
_OIDS = "1.3.6.1.4.1.32473"

_STANDARD = [
    f"( 2.5.4.41 NAME 'name' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubStringsMatch SYNTAX '{_SYNTAX}15{{32768}}' )",
    f"( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name EQUALITY caseIgnoreMatch SYNTAX '{_SYNTAX}15' )",
    f"( 2.5.4.20 NAME 'telephoneNumber' EQUALITY telephoneNumberMatch SYNTAX '{_SYNTAX}50{{32}}' )",
    f"( 0.9.2342.19200300.100.1.1 NAME 'uid' EQUALITY caseIgnoreMatch SYNTAX '{_SYNTAX}15' )",
    f"( 2.5.4.4 NAME ( 'sn' 'surname' ) SUP name EQUALITY caseIgnoreMatch SYNTAX '{_SYNTAX}15' SINGLE-VALUE )",
]

_ACCESS = [
    (
        f"( {_OIDS}.9.1 NAME 'orclACI' EQUALITY accessDirectiveMatch SYNTAX 'accessDirectiveDescription'"
        " USAGE directoryOperation )"
    ),
    (
        f"( {_OIDS}.9.2 NAME 'orclEntryLevelACI' EQUALITY accessDirectiveMatch SYNTAX 'accessDirectiveDescription'"
        " USAGE directoryOperation )"
    ),
]


def _text(number: int, name: str, more: str = "") -> str:
    head = f"( {_OIDS}.1.{number} NAME '{name}' DESC 'None' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch"
    return f"{head} SYNTAX '{_SYNTAX}15'{more} )"


_ORACLE = [
    (f"( 2.16.840.1.113894.1.1.37 NAME 'orclGUID' EQUALITY caseIgnoreMatch SYNTAX '{_SYNTAX}15' SINGLE-VALUE"
    " NO-USER-MODIFICATION )"),
    *(
        _text(number, name, " SINGLE-VALUE" if name.endswith(("Enabled", "Visible", "Sid")) else "")
        for number, name in enumerate(
            ("orclIsEnabled", "orclIsVisible", "orclVersion", "orclSubscriberFullName", "orclPassword",
             "orclCommonNickNameAttribute", "orclOracleVersion", "orclSid", "orclNetDescString", "orclDBVersion"),
            1,
        )
    ),
    *(
        f"( {_OIDS}.1.{number} name '{name}' EQUALITY DistinguishedNameMatch syntax  '{_SYNTAX}12')"
        for number, name in enumerate(
            ("orclCommonUserSearchBase", "orclCommonGroupSearchBase", "orclCommonUserCreateBase"), 20
        )
    ),
    *(
        f"( {_OIDS}.1.{number} NAME '{name}' EQUALITY generalizedTimeMatch ORDERING generalizedTimeOrderingMatch"
        f" SYNTAX '{_SYNTAX}24' SINGLE-VALUE NO-USER-MODIFICATION )"
        for number, name in enumerate(("orclActiveStartDate", "orclActiveEndDate"), 30)
    ),
    f"( {_OIDS}.1.40 NAME 'orclNormDN' EQUALITY distinguishedNAMEMatch SYNTAX '{_SYNTAX}12' USAGE directoryOperation )",
]  # fmt: skip

_OWN = [
    (
        f"( {_OIDS}.2.1 NAME 'exampleBadgeNumber' DESC 'Badge'EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubStringsMatch"
        f" SYNTAX '{_SYNTAX}15{{64}}' )"
    ),
    (
        f"( {_OIDS}.2.2 NAME 'example_cost_centre' DESC '' EQUALITY integerMatch SUBSTR integerMatch "
        f"SYNTAX '{_SYNTAX}27' )"
    ),
    f"( {_OIDS}.2.3 NAME 'exampleDeputy' EQUALITY DistinguishedNameMatch SYNTAX '{_SYNTAX}12' )",
    (
        f"( {_OIDS}.2.4 NAME 'exampleNickname' DESC 'L\u2019alias' EQUALITY caseIgnoreSubStringsMatch "
        f"SYNTAX '{_SYNTAX}15' )"
    ),
    f"( {_OIDS}.2.5 NAME 'examplePolicy' EQUALITY accessDirectiveMatch SYNTAX '{_SYNTAX}1' )",
    f"( {_OIDS}.2.6 NAME ( 'example_team' 'exampleTeamName' ) SUP 'name' )",
    f"( {_OIDS}.2.7 NAME 'exampleTeamAlias' SUP example_team )",
    f"( {_OIDS}.2.8 NAME 'exampleRoom' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreMatch )",
    f"( {_OIDS}.2.9 NAME 'examplePhoto;binary' SYNTAX '{_SYNTAX}4' )",
    (
        f"( {_OIDS}.2.10 NAME 'exampleShift' EQUALITY CaseExactMatch SUBSTR caseExactMatch SYNTAX '{_SYNTAX}15'"
        " X-SCHEMA-FILE 'oid' X-ORIGIN ( 'Example' 'user defined' ) )"
    ),
]

_CLASSES = [
    (
        "( 2.5.6.6 NAME 'person' SUP top STRUCTURAL MUST ( sn $ cn ) MAY ( userPassword $ telephoneNumber $ seeAlso $"
        " description ) )"
    ),
    f"( {_OIDS}.3.1 NAME 'orclUser' SUP 'top' AUXILIARY MAY ( orclGUID $ orclPassword ) )",
    f"( {_OIDS}.3.2 NAME 'orclUserV2' SUP top AUXILIARY MAY(orclIsEnabled$orclActiveStartDate$orclActiveEndDate) )",
    (
        f"( {_OIDS}.3.3 NAME 'orclContainer' SUP ( top ) STRUCTURAL MUST cn MAY ( orclVersion $ orclACI $ description $"
        " orclEntryLevelACI $ orclCommonNickNameAttribute $ orclCommonUserSearchBase $ orclCommonGroupSearchBase $"
        " orclCommonUserCreateBase ) )"
    ),
    f"( {_OIDS}.3.4 NAME 'orclContext' STRUCTURAL MUST cn MAY orclVersion )",
    f"( {_OIDS}.3.5 NAME 'orclContextAux82' AUXILLARY )",
    f"( {_OIDS}.3.6 NAME 'orclSubscriber' AUXILIARY MAY ( orclSubscriberFullName $ orclVersion ) )",
    f"( {_OIDS}.3.7 NAME 'orclGroup' SUP top AUXILIARY MAY ( orclIsVisible $ displayName $ orclGUID ) )",
    f"( {_OIDS}.3.8 NAME 'orclPrivilegeGroup' SUP top AUXILIARY MAY ( orclIsVisible $ displayName ) )",
    f"( {_OIDS}.3.9 NAME 'orclDBServer' SUP orclService STRUCTURAL MAY ( orclOracleVersion $ orclSid ) )",
    f"( {_OIDS}.3.10 NAME 'orclService' SUP top STRUCTURAL MUST cn MAY ( orclVersion $ orclDASLov ) )",
    f"( {_OIDS}.3.11 NAME 'orclNetService' SUP top AUXILIARY MAY ( orclNetDescString $ orclVersion ) )",
]

_OWN_CLASSES = [
    (
        f"( {_OIDS}.4.1 NAME 'examplePerson' AUXILLARY MAY ( exampleBadgeNumber $ example_cost_centre $ exampleDeputy $"
        " exampleNickname $ EXAMPLE_TEAM $ exampleRoom $ examplePhoto $ exampleBadgeNumber ) )"
    ),
    (
        f"( {_OIDS}.4.2 NAME 'example_worker' SUP examplePerson AUXILIARY MUST exampleShift MAY ( exampleShift $"
        " exampleTeamAlias ) )"
    ),
    f"( {_OIDS}.4.3 NAME 'exampleContractor' SUP person AUXILIARY MAY examplePolicy )",
]

ATTRIBUTES = [*_STANDARD, *_ACCESS, *_ORACLE, *_OWN]
CLASSES = [*_CLASSES, *_OWN_CLASSES]


def subentry(dn: str, attributes: list[str], classes: list[str]) -> bytes:
    """One subschema subentry as OID prints it: lower-case names, folds anywhere."""
    lines = [
        f"dn: {dn}",
        "objectclass: top",
        "objectclass: subentry",
        "objectclass: subschema",
        "cn: subschemasubentry",
    ]
    lines += [f"attributetypes: {text}" for text in attributes] + [f"objectclasses: {text}" for text in classes]
    return b"\n".join(folded(line.encode()) for line in lines) + b"\n\n"


def folded(line: bytes) -> bytes:
    """A line in pieces, cut where the columns end, inside quotes, names and characters too."""
    rest = [line[at : at + FOLD - 1] for at in range(FOLD, len(line), FOLD - 1)]
    return b"\n ".join([line[:FOLD], *rest])


SCHEMA = subentry("cn=subschemasubentry", ATTRIBUTES, CLASSES) + subentry(
    "cn=example,cn=subschemasubentry", _OWN[:2], _OWN_CLASSES[:1]
)
"""The whole file: the subentry, and one below it that repeats three definitions."""
