"""The gateway to Dagster's run storage: launch, stop, status, logs, metrics, resources.

Whoever asks for work, it becomes a Dagster run; whoever asks about work, the answer is read from Dagster's run
records, events and compute logs. Nothing is kept twice.

What belongs here: the generated Dagster home, launching and stopping runs, reading them back as plain values.
What does not: what a run does (``assets``), messages (``commands/runs.py``), printing (``cli``). This module and the
reading side (``location``, ``records``, ``status``, ``logs``, ``metrics``) import no dagster, which costs 0.4 s.
"""
