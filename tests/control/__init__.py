"""Facts about the control database: engine, migrations, audit trail, idempotency keys.

Every fact that storage decides is checked on SQLite and on PostgreSQL (the fixture ``control``).
What does not belong here: behaviours of the bus (``tests/commands``).
"""
