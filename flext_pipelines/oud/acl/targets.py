"""The attribute lists of an ``aci``: OID's names as the new directory has them, and names that a server refuses.

Some lists only take something away: what an ``allow`` excepts, what a ``deny`` names. A name too many in one of those
is no harm, in any other list it grants more. So a name that joins several of OID's attributes is written into another
list only where all of them are meant.

389 refuses an ``aci`` that names an attribute outside its schema, and takes entries with such attributes all the same
(of ``extensibleObject``): to leave the name out of what an ``allow`` excepts would open the attribute. It takes
``name*`` without looking at its schema, and means every attribute whose name begins so. Both were seen on 389 2.3.1.

What belongs here: these lists. What does not: whom an ``aci`` is about (``subjects``), scopes and filters (``drafts``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flext_pipelines.oud.acl.aci import TargetAttributes
from flext_pipelines.oud.acl.bind_values import ATTRIBUTE
from flext_pipelines.oud.acl.names import attribute_type
from flext_pipelines.oud.acl.oid_policy import AttributeSet
from flext_pipelines.oud.acl.options import ConversionOptions, UnsayableError


@dataclass(frozen=True, slots=True)
class Unsaid:
    """A name that a list does not have as OID had it.

    Attributes:
        name: The attribute, in OID's spelling.
        why: What is done instead, and why.
        lost: Somebody is granted less for it.
    """

    name: str
    why: str
    lost: bool


def target_lists(
    wanted: AttributeSet, written: tuple[str, ...], options: ConversionOptions, *, allow: bool
) -> list[TargetAttributes]:
    """The lists that say a set of attributes. A denial means operational ones, too, where ``*`` leaves them out.

    Args:
        wanted: The set, by names of ``attribute_type``.
        written: Every name in OID's spelling, with those of the set among them.
        options: The dialect, and where names go.
        allow: They are for an ``allow``.

    Raises:
        UnsayableError: There is no list.
    """
    names = tuple(dict.fromkeys(_names(wanted, written, options, allow=allow)))
    plus = not allow and options.flavour == "oud"
    if not wanted.inverted:
        if not names:
            raise UnsayableError("none of the attributes migrates, or can be named")
        return [TargetAttributes(names)]
    if not names:
        return [TargetAttributes(("*", "+") if plus else ("*",))]
    found = TargetAttributes(names, negated=True)
    return [found, TargetAttributes(("+",))] if plus else [found]


def unsaid(
    wanted: AttributeSet, written: tuple[str, ...], options: ConversionOptions, *, allow: bool
) -> Iterator[Unsaid]:
    """The names that the lists do not have as OID had them."""
    takes_away = allow is wanted.inverted
    for name in _spelled(wanted, written):
        for new in _new(name, options, takes_away=takes_away):
            if not options.is_known(new):
                what = f"it is said as {new}*" if takes_away else "it is left out of the list"
                why = f"389 may not know the attribute {new}, and takes no aci that names it: {what}"
                yield Unsaid(name, why, lost=allow and not takes_away)
            elif not takes_away and (others := options.joined(new) - wanted.names):
                both = " and ".join(sorted(others))
                why = f"{new} takes values of {both}, too, which are not in the list: it is left out"
                yield Unsaid(name, why, lost=allow)


def _names(wanted: AttributeSet, written: tuple[str, ...], options: ConversionOptions, *, allow: bool) -> Iterator[str]:
    takes_away = allow is wanted.inverted
    met: set[str] = set()
    for name in _spelled(wanted, written):
        for new in _new(name, options, takes_away=takes_away):
            if not ATTRIBUTE.fullmatch(new):
                raise UnsayableError(f"{new} is no attribute name of an aci")
            if new.lower() in met or not (takes_away or options.joined(new) <= wanted.names):
                continue
            met.add(new.lower())
            if options.is_known(new):
                yield new
            elif takes_away:
                yield from (f"{one}*" for one in dict.fromkeys((new, *options.names(new))))


def _new(name: str, options: ConversionOptions, *, takes_away: bool) -> Iterator[str]:
    """The new names; an attribute that does not migrate is kept out of what is granted by the name that it had."""
    new = options.new_attribute(name)
    if new is not None:
        yield new
    elif takes_away:
        yield name
    yield from options.also(name)


def _spelled(wanted: AttributeSet, written: tuple[str, ...]) -> list[str]:
    """The names of a set as they are spelled, in the order of the spellings."""
    spelling: dict[str, str] = {}
    for one in written:
        name = one.partition(";")[0]
        spelling.setdefault(attribute_type(name), attribute_type(name) if name[0].isdecimal() else name)
    order = list(spelling)
    return [spelling[name] for name in sorted(wanted.names, key=order.index)]
