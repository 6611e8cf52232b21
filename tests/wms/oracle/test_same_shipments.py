"""What is true of shipments on SQLite and PostgreSQL is true in Oracle's dialect.

The facts are those of ``tests/wms/test_shipments``: the very same functions, on the warehouse of this folder.
"""

from tests.wms.test_shipments import *  # noqa: F403  every fact there, with this folder's fixtures
