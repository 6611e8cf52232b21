"""The rules of the house, read from the source with ``ast``.

A failure here says where misplaced code belongs. What belongs here: rules about files, names, imports
and sizes. What does not: behaviour.
"""
