"""One module per revision, in order.

What belongs here: complete statements of that day, which depend on no code that may change later.
What does not: imports from ``tables``.
"""
