"""What becomes of an entry, and why.

What belongs here: the three outcomes, and the codes of reasons. What does not: deciding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from flext_pipelines.oud.acl.oid_policy import AccessValue
    from flext_pipelines.oud.ldif.record import Record

Phase = Literal["hierarchy", "users", "groups"]
Severity = Literal["info", "warning"]


class Note(NamedTuple):
    """Something about an entry that a person may have to look at. It holds no value that could be secret.

    Attributes:
        code: A reason; see ``REASONS``.
        attribute: What it is about: an attribute or a class, in lower case; empty for the entry.
        text: A sentence.
    """

    code: str
    attribute: str
    text: str


class Kept(NamedTuple):
    """The entry as the target gets it.

    Attributes:
        phase: Which file it belongs to.
        key: The normal key of its name in the target; equal for equal names.
        depth: RDNs of its name in the target.
        record: The entry, without access values.
        access: The access values that were taken out, with the name that the entry has in the source.
        notes: What a person may have to look at.
        guid: The identifier that OID gave it, when the rules ask for a side file.
        name_attributes: Attributes of it that hold names, as written; see ``references.references``.
    """

    phase: Phase
    key: bytes
    depth: int
    record: Record
    access: tuple[AccessValue, ...] = ()
    notes: tuple[Note, ...] = ()
    guid: bytes | None = None
    name_attributes: tuple[bytes, ...] = ()


class Excluded(NamedTuple):
    """The rules leave the entry out.

    Attributes:
        code: Why; see ``REASONS``.
        text: The same for people.
        access: Its access values. Those of entries above the base hold for entries below it, too.
    """

    code: str
    text: str
    access: tuple[AccessValue, ...] = ()


class Rejected(NamedTuple):
    """The target would refuse the entry, or the rules do.

    Attributes:
        code: Why; see ``REASONS``.
        text: The same for people, with what to do.
        access: Its access values: they held for entries below it.
    """

    code: str
    text: str
    access: tuple[AccessValue, ...] = ()


Outcome = Kept | Excluded | Rejected

REASONS: dict[str, tuple[Severity, str]] = {
    # Entries that are left out.
    "tree": ("info", "The entry is in a tree of OID's own"),
    "outside-base": ("info", "The entry is not under the base DN"),
    "root-dse": ("info", "The root DSE is the server's own"),
    # Entries that are refused.
    "dn-syntax": ("warning", "The name of the entry is no DN"),
    "change-record": ("warning", "The record changes an entry and does not hold one"),
    "structural-conflict": ("warning", "The entry has structural classes of several chains"),
    "no-structural-class": ("warning", "No structural class is left"),
    "unknown-class": ("warning", "The target's schema does not know the class"),
    "unknown-attribute": ("warning", "The target's schema does not know the attribute"),
    "attribute-not-allowed": ("warning", "No class of the entry allows the attribute"),
    "missing-attribute": ("warning", "A class of the entry demands an attribute that it has not"),
    "naming-attribute": ("warning", "The target does not take the attribute that names the entry"),
    "several-values": ("warning", "An attribute that has one value has several"),
    "value-not-mapped": ("warning", "The rules do not say what becomes of the value"),
    "not-a-name": ("warning", "The value should be a DN and is none"),
    "rdn-value": ("warning", "The entry has not the value that its name gives"),
    "nothing-left": ("warning", "No attribute is left"),
    "invalid-value": ("warning", "The attribute's syntax does not allow the value"),
    "not-utf8": ("warning", "Bytes of a value are no UTF-8"),
    "too-large": ("warning", "The entry is larger than the limit"),
    # Values that are dropped, and what is noted.
    "operational": ("info", "OID writes the attribute itself"),
    "server-maintained": ("info", "The target writes the attribute itself"),
    "identifier": ("info", "The target makes its own identifiers"),
    "password-state": ("info", "The state of a password is the server's own"),
    "password-verifier": ("info", "Verifiers of other products are of no use in OUD"),
    "reversible-password": ("info", "Passwords that can be read are not carried over"),
    "account-start": ("warning", "OUD has no first day of an account: one that is still to come is open at once"),
    "account-end": ("warning", "The last day of an account is not carried over: after it the account goes on"),
    "access": ("info", "Access values are converted apart from entries"),
    "access-not-converted": ("warning", "The access value has no counterpart"),
    "oid-internal": ("info", "The class is OID's own"),
    "empty-value": ("info", "OUD refuses values of no length"),
    "duplicate-value": ("info", "The same value stands a second time"),
    "mapped-to-nothing": ("info", "What the value says is the target's default"),
    "password-scheme": ("warning", "The target does not verify passwords of this scheme"),
    "password-damaged": ("warning", "The hash of the password is damaged"),
    "password-clear": ("warning", "The password stands in clear text"),
    "password-reset": ("warning", "No password is left: it must be set anew"),
    "rdn-value-added": ("info", "The value that the entry's name gives was not there"),
    "renamed": ("info", "The base has another name in the target"),
    "filled": ("info", "An attribute that a class demands was given a value by the rules"),
    "class-added": ("info", "A structural class was given by the rules"),
    "reference-excluded": ("info", "The value names an entry that is left out"),
    "reference-outside": ("info", "The value names an entry that is not under the base DN"),
    "large": ("warning", "OUD refuses requests of this size over LDAP unless max-request-size is raised"),
}  # fmt: skip
"""Severity and meaning of each built-in reason; a reason that a site's rules name is ``info``."""


def severity(code: str) -> Severity:
    """How much a reason weighs: a warning needs a person."""
    return REASONS.get(code, ("info", ""))[0]
