"""Alembic's entry point: migrates on the connection, and within the transaction, that ``schema`` gives.

What belongs here: only that. What does not: URLs, engines, logging set-up.
"""

from alembic import context

from flext_pipelines.wms.migrations import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
