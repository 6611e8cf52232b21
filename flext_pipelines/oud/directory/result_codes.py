"""Every LDAP result code, and what becomes of it: try again, this record only, or the whole work.

Sources: RFC 4511 (0-80), 3909 (118-121), 4528 (122), 4370 (123), 4531, 4533, the internet draft of virtual list views
(76), and libldap's own codes, which are negative. A number that stands in none of them is permanent.

What belongs here: the table, and the way from an answer to an error. What does not: who asks again, and how often.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from flext_pipelines.errors import (
    ConflictError,
    DirectoryRefusedError,
    EntryRefusedError,
    FlextError,
    ForbiddenError,
    NotFoundError,
    TimedOutError,
    UnavailableError,
    UsageError,
)

Verdict = Literal["done", "transient", "record", "target", "work"]
"""``record``: this one only. ``target``: this one, or the account or server as such. ``work``: nothing can go on."""


class ResultCode(NamedTuple):
    """One result code.

    Attributes:
        name: As the standard writes it.
        verdict: What it is about.
        error: The error that it becomes when the whole work fails of it.
        advice: What to do next.
    """

    name: str
    verdict: Verdict
    error: type[FlextError] = DirectoryRefusedError
    advice: str = ""


_AGAIN = "It is tried again for a while; then run the same command again, which goes on where it stopped"
_DATA = "Correct the entry, or the schema of the server"
_FAULT = "Look into the server's log"
_TREE = "Load the entry above it first"

TABLE: Mapping[int, ResultCode] = {
    0: ResultCode("success", "done"),
    1: ResultCode("operationsError", "target", advice=_FAULT),
    2: ResultCode("protocolError", "work", advice="Is this an LDAP version 3 server?"),
    3: ResultCode("timeLimitExceeded", "transient", TimedOutError, _AGAIN),
    4: ResultCode("sizeLimitExceeded", "work", advice="Raise the size limit of the account that binds"),
    5: ResultCode("compareFalse", "done"),
    6: ResultCode("compareTrue", "done"),
    7: ResultCode("authMethodNotSupported", "work", advice="Allow simple bind on the server"),
    8: ResultCode("strongerAuthRequired", "work", ForbiddenError, "Bind as an account (--bind-dn), over ldaps://"),
    9: ResultCode("partialResults", "work", advice="The server refers to another; load that one"),
    10: ResultCode("referral", "target", UsageError, "The server refers to another, usually because this one is a "
                   "replica that takes no changes; load that one"),
    11: ResultCode("adminLimitExceeded", "transient", UnavailableError, _AGAIN),
    12: ResultCode("unavailableCriticalExtension", "work", advice="The server does not have a control that is needed"),
    13: ResultCode("confidentialityRequired", "work", ForbiddenError, "Use ldaps:// or --start-tls"),
    14: ResultCode("saslBindInProgress", "work", advice=_FAULT),
    16: ResultCode("noSuchAttribute", "record", advice="The entry does not hold what is to be removed"),
    17: ResultCode("undefinedAttributeType", "record", advice="Load the schema first"),
    18: ResultCode("inappropriateMatching", "record", advice=_DATA),
    19: ResultCode("constraintViolation", "record", advice=_DATA),
    20: ResultCode("attributeOrValueExists", "record", advice="The value is there already; --policy update compares"),
    21: ResultCode("invalidAttributeSyntax", "record", advice=_DATA),
    32: ResultCode("noSuchObject", "record", NotFoundError, _TREE),
    33: ResultCode("aliasProblem", "record", advice=_DATA),
    34: ResultCode("invalidDNSyntax", "record", UsageError, "Correct the DN"),
    35: ResultCode("isLeaf", "record", advice=_DATA),
    36: ResultCode("aliasDereferencingProblem", "record", advice=_DATA),
    47: ResultCode("proxyAuthorizationFailure", "work", ForbiddenError, "Bind as an account that may"),
    48: ResultCode("inappropriateAuthentication", "work", ForbiddenError, "Bind with a password"),
    49: ResultCode("invalidCredentials", "work", ForbiddenError, "Check bind DN and password"),
    50: ResultCode("insufficientAccessRights", "target", ForbiddenError, "Bind as an account that may write there"),
    51: ResultCode("busy", "transient", UnavailableError, _AGAIN),
    52: ResultCode("unavailable", "transient", UnavailableError, _AGAIN),
    53: ResultCode("unwillingToPerform", "target", advice="Is the server, or the suffix, read-only?"),
    54: ResultCode("loopDetect", "record", advice=_FAULT),
    60: ResultCode("sortControlMissing", "work", advice=_FAULT),
    61: ResultCode("offsetRangeError", "work", advice=_FAULT),
    64: ResultCode("namingViolation", "record", advice="The RDN must be a value of the entry"),
    65: ResultCode("objectClassViolation", "record", advice=_DATA),
    66: ResultCode("notAllowedOnNonLeaf", "record", advice="Remove what stands below it first"),
    67: ResultCode("notAllowedOnRDN", "record", advice="Rename the entry instead"),
    68: ResultCode("entryAlreadyExists", "record", ConflictError, "--policy update compares, --policy skip leaves it"),
    69: ResultCode("objectClassModsProhibited", "record", advice="Delete the entry and add it anew"),
    70: ResultCode("resultsTooLarge", "work", advice="Raise the limits of the account that binds"),
    71: ResultCode("affectsMultipleDSAs", "record", advice="Move it within one backend"),
    76: ResultCode("virtualListViewError", "work", advice=_FAULT),
    80: ResultCode("other", "target", advice=_FAULT),
    113: ResultCode("lcupResourcesExhausted", "transient", UnavailableError, _AGAIN),
    114: ResultCode("lcupSecurityViolation", "work", ForbiddenError, _FAULT),
    115: ResultCode("lcupInvalidData", "work", advice=_FAULT),
    116: ResultCode("lcupUnsupportedScheme", "work", advice=_FAULT),
    117: ResultCode("lcupReloadRequired", "work", advice=_FAULT),
    118: ResultCode("canceled", "transient", UnavailableError, _AGAIN),
    119: ResultCode("noSuchOperation", "work", advice=_FAULT),
    120: ResultCode("tooLate", "work", advice=_FAULT),
    121: ResultCode("cannotCancel", "work", advice=_FAULT),
    122: ResultCode("assertionFailed", "record", advice=_DATA),
    123: ResultCode("authorizationDenied", "work", ForbiddenError, "Bind as an account that may"),
    4096: ResultCode("e-syncRefreshRequired", "work", advice=_FAULT),
    -1: ResultCode("server down", "transient", UnavailableError, _AGAIN),
    -2: ResultCode("local error", "work", advice="See the reason"),
    -3: ResultCode("encoding error", "record", advice=_DATA),
    -4: ResultCode("decoding error", "work", advice="Is this an LDAP server?"),
    -5: ResultCode("timeout", "transient", TimedOutError, _AGAIN),
    -6: ResultCode("auth unknown", "work", advice="Allow simple bind on the server"),
    -7: ResultCode("filter error", "work", UsageError, "Correct the filter"),
    -8: ResultCode("user cancelled", "work", advice=""),
    -9: ResultCode("parameter error", "work", UsageError, "See the reason"),
    -10: ResultCode("no memory", "work", advice="Free some memory"),
    -11: ResultCode("connect error", "transient", UnavailableError, _AGAIN),
    -12: ResultCode("not supported", "work", advice="The LDAP library here lacks it, for instance TLS"),
    -13: ResultCode("control not found", "work", advice=_FAULT),
    -14: ResultCode("no results returned", "work", advice=_FAULT),
    -15: ResultCode("more results to return", "work", advice=_FAULT),
    -16: ResultCode("client loop", "work", advice="The server refers to itself"),
    -17: ResultCode("referral limit exceeded", "work", advice="The server refers to another; load that one"),
    -18: ResultCode("X connecting", "transient", UnavailableError, _AGAIN),
}  # fmt: skip

SUCCESS, NO_SUCH_ATTRIBUTE, VALUE_EXISTS, NO_SUCH_OBJECT, ALREADY_EXISTS = 0, 16, 20, 32, 68
SERVER_DOWN, TIMEOUT, CONNECT_ERROR = -1, -5, -11

# GnuTLS, which Debian's libldap is built with, has no words for a certificate that it refuses.
_TLS = re.compile(r"unknown error code|certificate|\bTLS\b|\bSSL\b|handshake|hostname", re.IGNORECASE)
_READ_ONLY = re.compile(r"read.?only|operation restricted|writability", re.IGNORECASE)
_ENCODED = re.compile(r"pre-?encoded|passwords? with storage scheme|hashed password", re.IGNORECASE)
_NO_SUFFIX = re.compile(r"no global superior|naming context|suffix|backend", re.IGNORECASE)


class Answer(NamedTuple):
    """What a server said to one request.

    Attributes:
        number: Of the request.
        code: LDAP result code; negative ones are libldap's.
        text: The server's diagnostic message.
        matched: With ``noSuchObject``, the part of the DN that is there.
        entries: Of a search: DN and values by attribute description.
    """

    number: int
    code: int
    text: str = ""
    matched: str = ""
    entries: tuple[tuple[str, dict[str, list[bytes]]], ...] = ()

    @property
    def kind(self) -> ResultCode:
        """The row of the table."""
        return code_of(self.code)

    @property
    def verdict(self) -> Verdict:
        """What it is about, by its text too: a policy against encoded passwords is met by every user."""
        return "target" if self.names_server else self.kind.verdict

    @property
    def names_server(self) -> bool:
        """Whether the server's words say that it refuses every record of the kind."""
        said = _ENCODED.search(self.text) or _READ_ONLY.search(self.text)
        return self.code not in (0, 5, 6) and said is not None

    @property
    def said(self) -> str:
        """Code, name and the server's words."""
        words = f"{self.kind.name} ({self.code})"
        return f"{words}: {self.text.strip().rstrip('.')}" if self.text.strip() else words


def code_of(number: int) -> ResultCode:
    """The row of a code; one that no standard knows is permanent."""
    return TABLE.get(number) or ResultCode(f"unknown code {number}", "work", DirectoryRefusedError, _FAULT)


def advice_of(answer: Answer) -> str:
    """What to do next, by the code and by what the server said."""
    if _ENCODED.search(answer.text):
        return (
            "The server takes no password that is hashed already. OUD: dsconfig set-password-policy-prop --policy-name "
            "'Default Password Policy' --set allow-pre-encoded-passwords:true for the time of the load; 389: bind as "
            "the root user, or nsslapd-allow-hashed-passwords: on"
        )
    if _READ_ONLY.search(answer.text):
        return "Make the server and the backend writable, or name the one that is"
    return answer.kind.advice


def record_error(answer: Answer, dn: str, what: str) -> EntryRefusedError:
    """The reason why one record was not taken.

    Args:
        answer: The server's.
        dn: Of the record.
        what: The operation, as a noun: ``addition``.
    """
    where = f"; {answer.matched or 'nothing above it'} is there" if answer.code == NO_SUCH_OBJECT else ""
    return EntryRefusedError(
        f"{what} refused: {answer.said}{where}",
        advice_of(answer),
        {"dn": dn, "result": answer.code, "name": answer.kind.name, "said": answer.text},
    )


def work_error(answer: Answer, url: str, what: str, *, bind_dn: str = "") -> FlextError:
    """The error when the whole work fails of an answer.

    Args:
        answer: The server's, or libldap's.
        url: Of the server.
        what: What was asked, in words that follow the URL: ``refuses to bind cn=admin``.
        bind_dn: Who is bound.
    """
    details = {"url": url, "bind_dn": bind_dn, "result": answer.code, "name": answer.kind.name, "said": answer.text}
    if answer.code in (SERVER_DOWN, CONNECT_ERROR) and _TLS.search(answer.text):
        return DirectoryRefusedError(
            f"{url}: no TLS connection, most likely because its certificate is not trusted: {answer.said}",
            "Name the certificate of its authority (--ca-file), and the host as the certificate does",
            {**details, "tls": True},
        )
    if answer.code == SERVER_DOWN:
        return UnavailableError(
            f"{url} cannot be reached: {answer.text.strip() or 'no answer'}", f"Check host and port. {_AGAIN}", details
        )
    if answer.code == TIMEOUT:
        return TimedOutError(f"{url} does not answer: {what}", _AGAIN, details)
    kind = answer.kind.error
    error = kind if kind is not EntryRefusedError else DirectoryRefusedError
    return error(f"{url} {what}: {answer.said}", advice_of(answer), details)


def is_no_suffix(answer: Answer) -> bool:
    """Whether a refusal says that the server holds nothing there at all."""
    return answer.code in (NO_SUCH_OBJECT, 53, 10) and not answer.matched and bool(_NO_SUFFIX.search(answer.text))
