"""What is true of corrections of stock on SQLite and PostgreSQL is true in Oracle's dialect.

The facts are those of ``tests/wms/test_corrections``: the very same functions, on the warehouse of this folder.
"""

from tests.wms.test_corrections import *  # noqa: F403  every fact there, with this folder's fixtures
