"""Tests of the Dagster door.

What belongs here: assets, jobs, schedules and sensors made from hand-written catalogues, and the code location
loaded the way a server loads it. What does not: running Meltano (``tests/meltano``) except end to end through Dagster.
"""
