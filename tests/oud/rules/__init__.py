"""Tests of the rules of a migration.

What belongs here: files of rules. What does not: entries.
"""
