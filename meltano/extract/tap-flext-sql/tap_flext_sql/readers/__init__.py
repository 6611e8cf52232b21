"""Readers: one module per way of getting rows out of a database as Arrow batches.

Here belong connections, dialect-specific SQL and the translation of driver values. Bookmarks, Singer messages and
files do not belong here. Every reader keeps to the Protocol in ``protocol``; ``opening`` chooses among them.
"""
