"""Items, locations and facilities by what people call them.

What belongs here: looking them up, and the errors for those that are not there. What does not: anything that changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flext_pipelines.errors import ConflictError, NotFoundError
from flext_pipelines.wms import statements
from flext_pipelines.wms.statements import rows_among

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flext_pipelines.wms.requests import ItemNamed
    from flext_pipelines.wms.transaction import Row, Transaction


class Item(NamedTuple):
    """An item."""

    id: int
    code: str
    perishable: bool


class Spot(NamedTuple):
    """A location and its facility."""

    id: int
    barcode: str
    facility_id: int
    facility_code: str


def find_facility(transaction: Transaction, code: str) -> tuple[int, str]:
    """A facility's id and code.

    Raises:
        NotFoundError: There is none of that code.
    """
    row = transaction.row(statements.FACILITY, code=code)
    if row is None:
        raise NotFoundError(f"There is no facility {code!r}", "Check its code", {"facility_code": code})
    return row[0], row[1]


def find_spot(transaction: Transaction, barcode: str, facility_code: str | None) -> Spot:
    """A location.

    Raises:
        NotFoundError: There is none of that barcode, or not in that facility.
    """
    row = transaction.row(statements.PLACE, barcode=barcode)
    if row is None or (facility_code is not None and row[2] != facility_code):
        where = f" in facility {facility_code}" if facility_code else ""
        raise NotFoundError(
            f"There is no location {barcode!r}{where}", "Check its barcode", {"location_barcode": barcode}
        )
    return Spot(row[0], barcode, row[1], row[2])


def find_items(transaction: Transaction, named: Sequence[ItemNamed]) -> list[Item]:
    """Items in the order in which they are named, with one or two statements for all.

    Raises:
        NotFoundError: Some are unknown; all of them are named.
        ConflictError: Several items have a barcode.
    """
    codes = sorted({one.item_code for one in named if one.item_code is not None})
    barcodes = sorted({one.item_barcode for one in named if one.item_barcode is not None})
    by_code = {row[1]: _item(row) for row in _single(transaction, codes, by_barcode=False)}
    by_barcode: dict[str, Item] = {}
    for row in _single(transaction, barcodes, by_barcode=True):
        if row[3] in by_barcode:
            raise ConflictError(
                f"Several items have the barcode {row[3]!r}: {by_barcode[row[3]].code}, {row[1]}",
                "Name the item by its code",
                {"item_barcode": row[3]},
            )
        by_barcode[row[3]] = _item(row)
    unknown = [code for code in codes if code not in by_code]
    unknown += [barcode for barcode in barcodes if barcode not in by_barcode]
    if unknown:
        listed = ", ".join(repr(name) for name in unknown[:10])
        raise NotFoundError(
            f"There is no item {listed}{' and more' if len(unknown) > 10 else ''}",
            "Check its code or barcode; items come from the ERP",
            {"items": unknown[:100]},
        )
    return [by_code[one.item_code] if one.item_code is not None else by_barcode[str(one.item_barcode)] for one in named]


def _single(transaction: Transaction, names: Sequence[str], *, by_barcode: bool) -> Iterable[Row]:
    if by_barcode:
        return rows_among(transaction, statements.items_by_barcode, "barcode", names)
    return rows_among(transaction, statements.items_by_code, "code", names)


def _item(row: Row) -> Item:
    return Item(row[0], row[1], bool(row[2]))
