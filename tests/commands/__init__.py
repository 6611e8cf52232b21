"""Facts about messages, the bus and its behaviours, and about each system's handlers.

What belongs here: one module per module of ``flext_pipelines.commands``. What does not: storage
(``tests/control``), Meltano (``tests/meltano``) and Dagster (``tests/assets``).
"""
