"""Tests of access control: both grammars, both evaluators, the conversion and its proof, and real servers.

What belongs here: what OID's directives mean and what became of them. What does not: LDIF, schema, entries.
"""
