"""The history of the control database's schema, run by ``engine`` when a database is first used.

What belongs here: ``env`` for Alembic and one module per revision in ``versions``; a released revision
is never edited. What does not: the tables as queries see them (``tables``).
"""

HEAD = "0001"
"""The newest revision: compared with the database's own without importing Alembic (0.15 s)."""

VERSION_TABLE = "control_version"
"""Where a database says which revision it has; Meltano's and Dagster's tables have other names."""
