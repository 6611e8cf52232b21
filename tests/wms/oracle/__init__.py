"""What is true of Oracle without an Oracle server: codes, refusals of a listener, statements in a second engine.

What belongs here: the code tables against python-oracledb's own, the real connection path against
``tests/oracle_listener``, the domain's statements on H2 in Oracle mode, and the suite ``oracle`` for a live database.
What does not: the same behaviours on SQLite and PostgreSQL (``tests/wms``).
"""
