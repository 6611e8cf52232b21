"""Finding what a request names: facilities, companies, items, locations, by their codes, one of each.

What belongs here: look-ups by what people call things, and the facility and company that calls must carry. What does
not: commands and searches themselves.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from flext_pipelines.errors import ConflictError, ForbiddenError, InvalidMessageError, NotFoundError
from flext_pipelines.wms.cloud.pages import read_all, read_page
from flext_pipelines.wms.cloud.records import reference_key, required_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flext_pipelines.wms.cloud.calls import CloudCalls, Row


class Placed(Protocol):
    """A request that may name a facility and a company."""

    @property
    def facility_code(self) -> str | None:
        """Facility, by code."""
        ...

    @property
    def company_code(self) -> str | None:
        """Company, by code."""
        ...


class ItemAsked(Protocol):
    """A request that names an item."""

    @property
    def item_code(self) -> str | None:
        """By code."""
        ...

    @property
    def item_barcode(self) -> str | None:
        """By barcode."""
        ...


def narrowing(calls: CloudCalls, request: Placed) -> dict[str, str]:
    """The filters of a search by facility and company: what the request says, else what the settings say."""
    facility = request.facility_code or calls.options.facility
    company = request.company_code or calls.options.company
    return ({"facility_id__code": facility} if facility else {}) | ({"company_id__code": company} if company else {})


def context(calls: CloudCalls, request: Placed, *, facility: str | None = None) -> dict[str, str]:
    """The facility and the company that an operation must name.

    Args:
        calls: The cloud.
        request: What is asked for.
        facility: The facility that is known already from what the request names.

    Raises:
        InvalidMessageError: Nobody says which.
    """
    found = narrowing(calls, request)
    if facility and "facility_id__code" not in found:
        found["facility_id__code"] = facility
    for name, option in (("facility", "FACILITY"), ("company", "COMPANY")):
        if f"{name}_id__code" not in found:
            raise InvalidMessageError(
                f"Oracle WMS Cloud needs to know the {name}, and the request names none",
                f"Give {name}_code, or set FLEXT_WMS_CLOUD_{option}",
                {"problems": [{"field": f"{name}_code", "reason": "missing"}]},
            )
    return found


def refuse_unknown(calls: CloudCalls, request: Placed) -> None:
    """Raise where a search found nothing because there is no such facility or company.

    To a search for an unknown facility, or with an address that lacks the tenant, the cloud answers as to one that
    finds nothing. A user who may not look facilities up is not told more.

    Raises:
        NotFoundError: The facility or the company is not there, or not for our user.
    """
    for name, code in narrowing(calls, request).items():
        entity = name.removesuffix("_id__code")
        try:
            known = one(calls, entity, {"code": code}, f"{entity} {code}")
        except ForbiddenError:
            continue
        if known is None:
            raise NotFoundError(
                f"Oracle WMS Cloud ({calls.options.place}) has no {entity} {code}, or our user is not eligible for it",
                f"Check {entity}_code, FLEXT_WMS_CLOUD_{entity.upper()}, and that FLEXT_WMS_CLOUD_URL names the tenant",
                {f"{entity}_code": code},
            )


def one(calls: CloudCalls, entity: str, query: Mapping[str, str], what: str) -> Row | None:
    """The only row of a search, or None.

    Raises:
        ConflictError: There are several: the request does not say which.
    """
    page = read_page(calls, entity, query, size=2)
    if len(page.rows) > 1:
        raise ConflictError(
            f"Oracle WMS Cloud ({calls.options.place}) knows {what} more than once",
            "Name the facility and the company as well",
            {"path": entity, **query},
        )
    return page.rows[0] if page.rows else None


def location_of(calls: CloudCalls, barcode: str, facility: str | None) -> Row:
    """A location by its barcode.

    Raises:
        NotFoundError: There is none.
    """
    query = {"barcode": barcode} | ({"facility_id__code": facility} if facility else {})
    found = one(calls, "location", query, f"location {barcode}")
    if found is None:
        where = f" in facility {facility}" if facility else ""
        raise NotFoundError(
            f"Oracle WMS Cloud ({calls.options.place}) has no location {barcode}{where}",
            "Check the barcode and the facility",
            {"location_barcode": barcode, "facility_code": facility},
        )
    return found


def item_of(calls: CloudCalls, asked: ItemAsked, company: str | None) -> Row:
    """An item by its code or barcode.

    Raises:
        NotFoundError: There is none.
    """
    field, value = ("code", asked.item_code) if asked.item_code else ("item_barcode", asked.item_barcode or "")
    query = {field: str(value)} | ({"company_id__code": company} if company else {})
    found = one(calls, "item", query, f"item {value}")
    if found is None:
        raise NotFoundError(
            f"Oracle WMS Cloud ({calls.options.place}) has no item {value}",
            "Check the item and the company",
            {"item": value, "company_code": company},
        )
    return found


def facility_of(row: Row) -> str:
    """The code of a row's facility."""
    return reference_key(row, "facility_id") or required_text(row, "facility_id")


def labels(calls: CloudCalls, entity: str) -> dict[int, str]:
    """Status ids in words, as the site calls them; empty where it does not say, or not to us."""
    found: dict[int, str] = {}
    try:
        rows = list(read_all(calls, entity, {}))
    except ForbiddenError:
        return found
    for row in rows:
        words = row.get("description")
        if isinstance(row.get("id"), int) and isinstance(words, str):
            found[int(str(row["id"]))] = words
    return found


def reference_of(key: str, most: int = 24) -> str:
    """What stands for an idempotency key where the API has room for a number of ours: short, and the same each time."""
    return f"FX{hashlib.sha256(key.encode()).hexdigest().upper()[: most - 2]}"
