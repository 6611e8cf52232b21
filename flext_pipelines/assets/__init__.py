"""The Dagster door: what ``meltano.yml`` declares, as assets, checks, jobs, schedules and sensors.

The body of an asset or op is one ``bus.send`` and then metadata; everything it does, a shell does through the same
message. Files follow the flow: ``blocks`` (which block owns which asset) to ``streams`` and ``commands`` (bodies),
``metadata``, ``checks``, ``partitions``, then ``pipelines``, ``data``, ``plugins`` and ``messages`` (jobs of one
system each), ``sensors``, and ``location``, which puts them together for ``flext_pipelines.definitions``.

What belongs here: everything that Dagster calls, and the translation of our values and errors into its own.
What does not: work (it lives behind a message), names that a shell must know too (``runs/location.py``), and reading
``meltano.yml`` (``meltano/introspection.py``).
"""
