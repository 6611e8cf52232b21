"""Facts about the migration as a whole, on small exports that are written here and on the generated directory.

What belongs here: phases, order, accounting, restart, report. What does not: what becomes of one entry
(``tests/oud``), of one access value (``tests/oud/acl``), messages (``tests/commands``).
"""
