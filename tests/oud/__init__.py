"""Tests of the directory domain, on made-up exports and real servers.

What belongs here: LDIF, names, schema, access control, entries, phases. What does not: messages (``tests/commands``).
"""
