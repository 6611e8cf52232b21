"""The history of the warehouse-management schema, run by ``schema`` when a database is first used.

What belongs here: ``env`` for Alembic and one module per revision in ``versions``; a released revision
is never edited. What does not: the tables as queries see them (``tables``).
"""

FIRST = "0001"
"""The revision of a sample database that was made before there were revisions."""

HEAD = "0002"
"""The newest revision: compared with the database's own without importing Alembic (0.15 s)."""

VERSION_TABLE = "wms_version"
"""Where a database says which revision it has."""
