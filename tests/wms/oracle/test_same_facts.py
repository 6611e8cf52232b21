"""What is true of stock, orders, shipments and receipts on SQLite and PostgreSQL is true in Oracle's dialect.

The facts are those of ``tests/wms``: the very same functions, with the warehouse of this folder's ``conftest``.
"""

from tests.wms.test_corrections import *  # noqa: F403  every fact there, with this folder's fixtures
from tests.wms.test_orders_view import *  # noqa: F403  the same
from tests.wms.test_receipts import *  # noqa: F403  the same
from tests.wms.test_shipments import *  # noqa: F403  the same
from tests.wms.test_stock_view import *  # noqa: F403  the same
