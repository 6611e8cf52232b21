"""Sample data: a small warehouse that looks like a real one, the same on every machine.

``seed`` fills an empty database; on a filled one it does nothing, so it can be run before every pipeline.
``advance`` lets some time pass in it: new orders come, open ones move on, ``mod_ts`` follows.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from flext_pipelines.errors import ConflictError
from flext_pipelines.values import Value
from flext_pipelines.wms.engine import beginning

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, Connection, Engine

FILLED = frozenset(
    {
        "company", "facility", "item", "location", "lot", "inventory", "order_hdr", "order_dtl", "allocation",
        "ib_shipment", "ib_shipment_dtl", "ob_shipment", "ob_shipment_dtl", "stock_movement",
    }
)  # fmt: skip
"""The tables that the sample fills; the others are filled by commands."""


class SeedReport(Value):
    """What the sample database holds, and what this call changed.

    Attributes:
        created: False when the database was already filled.
        tables: Rows per table now.
        changed: Rows that this call wrote.
    """

    created: bool
    tables: dict[str, int]
    changed: int


def seed(engine: Engine, *, orders: int) -> SeedReport:
    """Create the tables and fill them; does nothing when they hold rows.

    Args:
        engine: The database; any that SQLAlchemy knows.
        orders: Order headers to make; everything else is in proportion.

    Raises:
        ConflictError: The database has tables of these names with other columns.
        UnavailableError: It does not answer, or refuses.
    """
    from sqlalchemy import select

    from flext_pipelines.wms.bulk import indexes_afterwards, insert_rows
    from flext_pipelines.wms.sample_rows import Size, fillings
    from flext_pipelines.wms.schema import bring_to_head
    from flext_pipelines.wms.tables import METADATA, order_hdr

    bring_to_head(engine)
    with beginning(engine, trusted=True) as connection:
        if connection.execute(select(order_hdr.c.id).limit(1)).first():
            return SeedReport(created=False, tables=_counts(connection), changed=0)
        with indexes_afterwards(connection, [METADATA.tables[name] for name in sorted(FILLED)]):
            for table, columns, rows in fillings(Size.of(orders)):
                insert_rows(connection, METADATA.tables[table], columns, rows)
        counts = _counts(connection)
    return SeedReport(created=True, tables=counts, changed=sum(counts.values()))


def advance(engine: Engine, *, changes: int) -> SeedReport:
    """Let time pass: about half the changes are open orders moving on, half are new orders.

    Args:
        engine: A database that ``seed`` filled.
        changes: Orders to touch; each new order brings its lines with it.

    Raises:
        ConflictError: The database was not filled by ``seed``.
        UnavailableError: It does not answer, or refuses.
    """
    from sqlalchemy import func, select

    from flext_pipelines.wms.bulk import insert_rows
    from flext_pipelines.wms.sample_rows import LINE_COLUMNS, ORDER_COLUMNS, apart, lines, order, text_of
    from flext_pipelines.wms.schema import bring_to_head
    from flext_pipelines.wms.status import SHIPPED
    from flext_pipelines.wms.tables import item, order_dtl, order_hdr

    bring_to_head(engine)
    with beginning(engine) as connection:
        latest, last_order, items = connection.execute(
            select(
                func.max(order_hdr.c.mod_ts),
                func.max(order_hdr.c.id),
                select(func.count()).select_from(item).scalar_subquery(),
            )
        ).one()
        if latest is None:
            raise ConflictError("The warehouse-management database is empty", "Run `flext wms seed` first")
        _refuse_real(connection)
        now = latest + dt.timedelta(minutes=15)
        moving = connection.scalars(
            select(order_hdr.c.id).where(order_hdr.c.status_id < SHIPPED).order_by(order_hdr.c.id).limit(changes // 2)
        ).all()
        written = _move_on(connection, {number: now + apart(place) for place, number in enumerate(moving)})
        fresh = range(last_order + 1, last_order + 1 + changes - len(moving))
        times = {number: text_of(now + apart(len(moving) + place)) for place, number in enumerate(fresh)}
        headers = [order(number, times[number]) for number in fresh]
        details = [line for number in fresh for line in lines(number, items, times[number])]
        insert_rows(connection, order_hdr, ORDER_COLUMNS, headers)
        insert_rows(connection, order_dtl, LINE_COLUMNS, details)
        return SeedReport(created=False, tables=_counts(connection), changed=written + len(headers) + len(details))


def _move_on(connection: Connection, moments: dict[int, dt.datetime]) -> int:
    """Orders go to their next status; how many rows that changed."""
    from sqlalchemy import bindparam, update

    from flext_pipelines.wms.status import ALLOCATED
    from flext_pipelines.wms.tables import order_dtl, order_hdr

    if not moments:
        return 0
    moment: BindParameter[dt.datetime] = bindparam("moment")
    number: BindParameter[int] = bindparam("order_number")
    steps = [{"order_number": one, "moment": when} for one, when in moments.items()]
    changed = {"mod_ts": moment, "mod_user": "wave"}
    connection.execute(
        update(order_hdr).where(order_hdr.c.id == number).values(status_id=order_hdr.c.status_id + 10, **changed), steps
    )
    lines = connection.execute(
        update(order_dtl).where(order_dtl.c.order_id == number).values(status_id=ALLOCATED, **changed), steps
    )
    return len(moments) + lines.rowcount


def _refuse_real(connection: Connection) -> None:
    """Orders that the sample has not made are somebody's business: time does not pass in them."""
    from sqlalchemy import select

    from flext_pipelines.wms.sample_rows import MAKER
    from flext_pipelines.wms.tables import company

    makers = set(connection.scalars(select(company.c.create_user).distinct()))
    if makers != {MAKER}:
        raise ConflictError(
            "The warehouse-management database was not filled by the sample, so that its orders are left alone",
            "Point FLEXT_WMS_URL at a database of the sample to let time pass in it",
        )


def _counts(connection: Connection) -> dict[str, int]:
    from sqlalchemy import func, select

    from flext_pipelines.wms.tables import METADATA

    return {
        table.name: connection.scalar(select(func.count()).select_from(table)) or 0
        for table in METADATA.sorted_tables
        if table.name in FILLED
    }
