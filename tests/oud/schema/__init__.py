"""Tests of the schema room: definitions, files, fixes, what the target owns, order, and two real servers."""
