"""Tests of what people read: README, docs/ and the plugins' pages are held against the program they describe.

What belongs here: that commands, options, names, links and snippets of Markdown files are true, and that the tutorial
runs. What does not: tests of the program (they mirror its packages), and of `docs/reference`, which is generated.
"""
