"""Tests of the data domain, on real files, a real DuckDB and a real PostgreSQL.

What belongs here: landing zone, reader, contracts, transforms, loads. What does not: messages (``tests/commands``).
"""
