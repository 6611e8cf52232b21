"""The entities that the server knows: their fields, what refers to what, and how ``describe`` shows them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Row = dict[str, Any]
"""One row: names to plain values. A reference is the other row's id, a decimal its text, a time ISO 8601 in UTC."""


Plain = Any
"""A value of JSON: of any type, hence ``Any``; its field's kind says which."""


class Kind(StrEnum):
    """Types of fields, by the names that ``describe`` gives them."""

    PK = "pk"
    VARCHAR = "varchar"
    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    RELATION = "relation"
    SET = "set"


@dataclass(frozen=True)
class Field:
    """One field of an entity.

    Attributes:
        name: Its name in a representation.
        kind: Its type.
        target: The entity that a reference points to, or whose rows a set counts.
        max_length: Longest text.
        required: Whether every row has a value.
        back: Of a set: the field of the counted rows that points back.
    """

    name: str
    kind: Kind
    target: str = ""
    max_length: int = 0
    required: bool = False
    back: str = ""


@dataclass(frozen=True)
class Entity:
    """An entity: its name, its fields in order, and the field by which people know its rows."""

    name: str
    fields: tuple[Field, ...]
    key: str

    @property
    def by_name(self) -> dict[str, Field]:
        """The fields by name."""
        return {field.name: field for field in self.fields}


def _entity(name: str, key: str, declared: str) -> Entity:
    """An entity from words such as ``order_nbr:v50! facility_id>facility! ord_qty:n``; ``!`` marks what is required."""
    stamps_first = [Field("id", Kind.PK, required=True), *_user("create")]
    fields = [_field(word) for word in declared.split()]
    return Entity(name, (*stamps_first, *_user("mod"), *fields), key)


def _user(which: str) -> tuple[Field, Field]:
    return Field(f"{which}_user", Kind.VARCHAR, max_length=50), Field(f"{which}_ts", Kind.DATETIME, required=True)


_LETTERS = {
    "v": Kind.VARCHAR, "t": Kind.TEXT, "i": Kind.INTEGER, "n": Kind.DECIMAL, "b": Kind.BOOLEAN, "d": Kind.DATE,
    "s": Kind.DATETIME,
}  # fmt: skip


def _field(word: str) -> Field:
    required, word = word.endswith("!"), word.rstrip("!")
    if "<" in word:
        name, _, source = word.partition("<")
        target, _, back = source.partition(".")
        return Field(name, Kind.SET, target=target, back=back)
    if ">" in word:
        name, _, target = word.partition(">")
        return Field(name, Kind.RELATION, target=target, required=required)
    name, _, kind = word.partition(":")
    return Field(name, _LETTERS[kind[0]], max_length=int(kind[1:] or 0), required=required)


_DECLARED = """
company code
  code:v25! name:v100! parent_company_id>company
facility code
  code:v25! name:v100! parent_company_id>company city:v90 country:v2 timezone:v50
item code
  company_id>company! code:v50! item_alternate_code:v50! item_barcode:v50! description:v500 unit_weight:n
  unit_volume:n unit_cost:n req_batch_nbr_flg:b! require_expiry_flg:b!
location barcode
  facility_id>facility! barcode:v50! locn_str:v50 area:v10 aisle:v10 bay:v10 level:v10 type:v1!
  to_be_counted_flg:b! cust_field_1:v30
batch_number batch_nbr
  company_id>company! item_id>item! batch_nbr:v50! expiry_date:d
inventory id
  facility_id>facility! company_id>company! item_id>item! location_id>location container_id>iblpn
  batch_number_id>batch_number curr_qty:n! allocated_qty:n! orig_qty:n expiry_date:d status_id:i!
order_hdr order_nbr
  facility_id>facility! company_id>company! order_nbr:v50! order_type_id>order_type status_id:i! priority:i
  ref_nbr:v50 ord_date:d! exp_date:d req_ship_date:d sched_ship_date:d start_ship_date:d stop_ship_date:d
  order_shipped_ts:s cust_name:v255 cust_addr:v500 shipto_city:v90 shipto_country:v2 spl_instr:t
  sales_channel:v50 gift_msg:t cust_field_1:v50 cust_number_1:i cust_decimal_1:n cust_date_1:d
  externally_planned_load_flg:b order_dtl_set<order_dtl.order_id order_lock_set<order_lock.order_id
order_type code
  code:v25! description:v100
order_dtl id
  order_id>order_hdr! seq_nbr:i! item_id>item! ord_qty:n! orig_ord_qty:n! alloc_qty:n! shipped_qty:n!
  sale_price:n cost:n batch_number_id>batch_number req_cntr_nbr:v50 status_id:i!
allocation id
  facility_id>facility! order_dtl_id>order_dtl! from_inventory_id>inventory! to_inventory_id>inventory
  alloc_qty:n! packed_qty:n! status_id:i! wave_nbr:v50 pick_user:v50 pick_locn_str:v50 picked_ts:s
  final_oblpn_nbr:v50 is_picking_flg:b! task_seq_nbr:i
ib_shipment shipment_nbr
  facility_id>facility! company_id>company! shipment_nbr:v50! status_id:i! po_nbr:v50 trailer_nbr:v50
  expected_ts:s shipped_date:d rcvd_ts:s verified_ts:s orig_shipped_units:n rcvd_units:n
  ib_shipment_dtl_set<ib_shipment_dtl.ib_shipment_id
ib_shipment_dtl id
  ib_shipment_id>ib_shipment! seq_nbr:i! item_id>item! shipped_qty:n! received_qty:n! batch_nbr:v50
  expiry_date:d container_nbr:v50
ob_shipment shipment_nbr
  facility_id>facility! company_id>company! order_id>order_hdr! shipment_nbr:v50! carrier_code:v25
  tracking_nbr:v50 status_id:i! shipped_ts:s
iblpn container_nbr
  facility_id>facility! company_id>company! container_nbr:v50! ib_shipment_id>ib_shipment pallet_nbr:v50
  curr_location_id>location status_id:i! rcvd_trailer_nbr:v50 rcvd_ts:s marked_for_qc_flg:b!
oblpn container_nbr
  facility_id>facility! company_id>company! container_nbr:v50! order_id>order_hdr! tracking_nbr:v50 weight:n
  status_id:i!
order_status description
  description:v50!
ib_shipment_status description
  description:v50!
"""
"""Name and key of every entity, and below it its fields; see ``_field`` for how they are written."""


def _declared() -> dict[str, Entity]:
    blocks: list[tuple[str, list[str]]] = []
    for line in _DECLARED.strip().splitlines():
        if line.startswith(" "):
            blocks[-1][1].append(line)
        else:
            blocks.append((line, []))
    heads = [(head.split(), " ".join(lines)) for head, lines in blocks]
    return {name: _entity(name, key, declared) for (name, key), declared in heads}


ENTITIES: dict[str, Entity] = _declared()
"""Every entity by its name."""

CREATED, ALLOCATED, PICKED, SHIPPED, CANCELLED = 0, 20, 30, 90, 99
"""Order statuses of the sample. Real sites differ, so that clients take their meaning from configuration."""
IN_TRANSIT, RECEIVING, RECEIVED, VERIFIED = 0, 20, 80, 90
"""Inbound shipment statuses of the sample."""
IBLPN_RECEIVED, OBLPN_PACKED, OBLPN_SHIPPED, STOCKED = 10, 50, 90, 30
"""Container and inventory statuses of the sample."""

_TYPE_LENGTH = 255


def describe(entity: Entity) -> dict[str, Any]:
    """The answer of ``describe``: what may be filtered by, and every field with its type."""
    return {
        "parameters": [field.name for field in entity.fields if field.kind is not Kind.SET],
        "fields": {field.name: _described(field) for field in entity.fields} | {"url": {"type": "varchar"}},
    }


def _described(field: Field) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": field.kind.value, "required": "X" if field.required else "N"}
    if field.kind in {Kind.VARCHAR, Kind.TEXT}:
        shown |= {"allow_blank": not field.required, "max_length": field.max_length or _TYPE_LENGTH}
    if not field.required:
        shown["default"] = None
    return shown
