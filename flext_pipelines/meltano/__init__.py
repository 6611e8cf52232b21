"""The gateway to Meltano: anybody's project, run as a subprocess and read in process.

A run goes ``run`` -> ``sandbox``, ``argv``, ``environment`` -> ``process`` (the only place of the package that
spawns) -> ``log`` -> ``tally`` -> ``failures`` -> ``outcome``; ``state`` reads the bookmarks before and after.
Look-ups go ``introspection`` -> ``catalogue``.

What belongs here: everything that knows how Meltano is called, what it writes and where it keeps things.
What does not: messages and their handlers (``commands``), Dagster (``assets``, ``runs``), the Singer plugins
themselves (the Meltano project beside the package).
"""
