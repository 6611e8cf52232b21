"""Tests of LDIF: reading, changes, writing, editing, comparing.

What belongs here: files and records. What does not: what an attribute means.
"""
