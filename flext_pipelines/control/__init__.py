"""The control database: who did what, and what was done already.

What belongs here: the engine (``engine``, ``failures``, ``tables``, ``migrations``), the append-only
audit trail (``audit``, ``chain``, ``entries``) and the idempotency keys
(``idempotency``, ``heartbeat``, ``processes``). SQLite by default, PostgreSQL by URL; the same facts hold on both.

What does not belong here: messages (``commands/audit.py`` asks this room), behaviours of the bus, and
anything about runs, which Dagster's own storage keeps.
"""
