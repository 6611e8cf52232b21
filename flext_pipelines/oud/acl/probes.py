"""What the evaluators of both models are asked about: an entry, a subject and how it is connected.

What belongs here: these two values. What does not: which of them are tried (``proof``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from flext_pipelines.oud.acl.names import Name, parse_name

ProbedRight: TypeAlias = Literal[
    "browse", "read", "search", "compare", "write", "selfwrite", "add", "delete", "proxy"
]  # fmt: skip

ENTRY_RIGHTS: tuple[ProbedRight, ...] = ("browse", "add", "delete", "proxy")
ATTRIBUTE_RIGHTS: tuple[ProbedRight, ...] = ("read", "search", "compare", "write", "selfwrite")

OPERATIONAL = frozenset({
    "aci", "createtimestamp", "creatorsname", "ds-privilege-name", "ds-pwp-account-disabled", "entrydn", "entryuuid",
    "hassubordinates", "modifiersname", "modifytimestamp", "numsubordinates", "orclaci", "orclentrylevelaci",
    "orclguid", "orclnormdn", "pwdaccountlockedtime", "pwdchangedtime", "pwdfailuretime", "pwdhistory",
    "subschemasubentry",
})  # fmt: skip
"""Attributes that ``*`` does not stand for in OUD; ``+`` does."""


@dataclass(frozen=True)
class Entry:
    """An entry as the evaluators see it.

    Attributes:
        dn: Its name.
        attributes: Values by attribute name in lower case, without options.
        name: Its name in normal form.
    """

    dn: str
    attributes: Mapping[str, tuple[str, ...]]
    name: Name = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", parse_name(self.dn))

    def values(self, attribute: str) -> tuple[str, ...]:
        """The values of an attribute, named in any case; ``entrydn`` is the name."""
        wanted = attribute.partition(";")[0].lower()
        return (self.dn,) if wanted == "entrydn" else self.attributes.get(wanted, ())


@dataclass(frozen=True)
class Subject:
    """Who asks, and how the connection is authenticated and secured.

    Attributes:
        dn: The bind DN; empty for anonymous.
        groups: The groups it belongs to, nested ones included.
        entry: Its entry, where the data hold it.
        method: How it authenticated: ``none``, ``simple``, ``ssl`` (client certificate), ``sasl <mechanism>``.
        ssf: Security strength; over TLS more than 0. A server with TLS always shows a certificate.
        ip: Its address.
        host: Its host name.
        proxied: It acts for somebody else.
        superuser: It is OID's super user, or OUD's root user; ``aci`` do not bind that one.
        day: Day of the week, ``mon`` to ``sun``.
        time: Time of day as HHMM.
        name: The bind DN in normal form.
    """

    dn: str = ""
    groups: frozenset[Name] = frozenset()
    entry: Entry | None = None
    method: str = "none"
    ssf: int = 0
    ip: str = "127.0.0.1"
    host: str = ""
    proxied: bool = False
    superuser: bool = False
    day: str = ""
    time: int | None = None
    name: Name = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", parse_name(self.dn))

    @property
    def anonymous(self) -> bool:
        """True when nobody is bound."""
        return not self.name
