"""Access control: the messages that convert OID's access values and judge ``aci`` values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from flext_pipelines.commands.message import Query
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Flavour = Literal["oud", "389"]
Kind = Literal["orclaci", "orclentrylevelaci"]


class LeftOutPart(Value):
    """What no aci says.

    Attributes:
        number: Which of the values, from 1.
        original: The whole value.
        part: The clause it is about.
        reason: Why it cannot be said.
        severity: `error`: the value is no directive. `warning`: somebody may do less than before.
    """

    number: int
    original: str
    part: str
    reason: str
    severity: Literal["error", "warning"]


class ConvertedValue(Value):
    """What became of one value.

    Attributes:
        number: Which of the values, from 1.
        kind: The attribute that held it.
        original: The value.
        aci: What says it.
        notes: What a reader should know.
        left_out: What is not said.
    """

    number: int
    kind: Kind
    original: str
    aci: tuple[str, ...]
    notes: tuple[str, ...]
    left_out: tuple[LeftOutPart, ...]


class ConvertedAcl(Value):
    """What became of the access values of one entry.

    Attributes:
        dn: The entry.
        flavour: The dialect.
        aci: Every aci value, in the order of the values.
        notes: Every note, each once.
        left_out: Everything that is not said.
        values: The same, value by value.
    """

    dn: str
    flavour: Flavour
    aci: tuple[str, ...]
    notes: tuple[str, ...]
    left_out: tuple[LeftOutPart, ...]
    values: tuple[ConvertedValue, ...]

    @property
    def unreadable(self) -> int:
        """How many values are no directives."""
        return sum(part.severity == "error" for part in self.left_out)


class ConvertAclQuery(Query[ConvertedAcl]):
    """Convert the access values of an OID entry to aci values, granting nobody more than before.

    The values are one policy: a denial of one cuts down what the others allow. What cannot be said exactly is left
    out and listed with the reason.
    """

    dn: str = Field(description="DN of the entry that holds the values; empty for the root DSE.")
    values: tuple[str, ...] = Field(description="Values; `orclaci:` or `orclentrylevelaci:` may stand in front.")
    kind: Kind = Field(default="orclaci", description="The attribute that holds values without a name in front.")
    flavour: Flavour = Field(default="oud", description="Oracle Unified Directory's dialect, or 389's.")
    suffixes: tuple[str, ...] = Field(
        default=(), description="With the root DSE: DNs of the suffixes that get the aci."
    )


class AciVerdict(Value):
    """Whether a server takes an aci value.

    Attributes:
        number: Which of the values, from 1.
        aci: The value.
        valid: True when it is taken.
        reason: Why it is not.
        column: Where, from 1.
    """

    number: int
    aci: str
    valid: bool
    reason: str | None = None
    column: int | None = None


class CheckAciQuery(Query[tuple[AciVerdict, ...]]):
    """Judge aci values as strictly as the server does over LDAP. An import checks none."""

    values: tuple[str, ...] = Field(description="Values; `aci:` may stand in front.")
    flavour: Flavour = Field(default="oud", description="Oracle Unified Directory's dialect, or 389's.")
    dn: str | None = Field(default=None, description="DN of the entry that holds them; a target must not lie outside.")


def convert_acl(query: ConvertAclQuery) -> ConvertedAcl:
    """Convert the values as one policy."""
    from flext_pipelines.errors import AciSyntaxError, UsageError
    from flext_pipelines.oud.acl.convert import convert_values
    from flext_pipelines.oud.acl.names import parse_name
    from flext_pipelines.oud.acl.oid_policy import AccessValue
    from flext_pipelines.oud.acl.options import ConversionOptions
    from flext_pipelines.oud.acl.values import named_value

    try:
        complete = not parse_name(query.dn)
    except AciSyntaxError as error:
        raise UsageError(error.reason, "Name the entry that holds the values, such as dc=example,dc=com") from None
    values = []
    for number, text in enumerate(query.values, 1):
        name, value = named_value(text)
        kind: Kind = "orclentrylevelaci" if (name or query.kind) == "orclentrylevelaci" else "orclaci"
        values.append(AccessValue(query.dn, kind, number, value))
    options = ConversionOptions(query.flavour, suffixes=query.suffixes)
    found = tuple(
        ConvertedValue(
            number=one.number,
            kind=one.kind,
            original=one.original,
            aci=one.acis,
            notes=one.notes,
            left_out=tuple(
                LeftOutPart(number=one.number, original=part.original, part=part.part, reason=part.reason,
                            severity=part.severity)
                for part in one.left_out
            ),
        )
        for one in convert_values(values, options, complete=complete)
    )  # fmt: skip
    return ConvertedAcl(
        dn=query.dn,
        flavour=query.flavour,
        aci=tuple(aci for one in found for aci in one.aci),
        notes=tuple(dict.fromkeys(note for one in found for note in one.notes)),
        left_out=tuple(part for one in found for part in one.left_out),
        values=found,
    )


def check_aci(query: CheckAciQuery) -> tuple[AciVerdict, ...]:
    """Read each value with the strict parser."""
    from flext_pipelines.errors import AciSyntaxError
    from flext_pipelines.oud.acl.aci_parser import parse_aci
    from flext_pipelines.oud.acl.values import named_value

    verdicts = []
    for number, text in enumerate(query.values, 1):
        aci = text
        try:
            _, aci = named_value(text)
            parse_aci(aci, flavour=query.flavour, holder=query.dn)
            verdicts.append(AciVerdict(number=number, aci=aci, valid=True))
        except AciSyntaxError as error:
            verdicts.append(
                AciVerdict(number=number, aci=aci, valid=False, reason=error.reason, column=error.column)
            )  # fmt: skip
    return tuple(verdicts)


HANDLERS: Mapping[type, Callable[..., object]] = {ConvertAclQuery: convert_acl, CheckAciQuery: check_aci}
