"""Tests of the transformation of entries.

What belongs here: what becomes of one entry. What does not: files, and the rules themselves.
"""
