"""What is true of orders and their pages on SQLite and PostgreSQL is true in Oracle's dialect.

The facts are those of ``tests/wms/test_orders_view``: the very same functions, on the warehouse of this folder.
"""

from tests.wms.test_orders_view import *  # noqa: F403  every fact there, with this folder's fixtures
