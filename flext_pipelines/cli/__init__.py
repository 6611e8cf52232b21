"""The command line: click only, one module per system.

What belongs here: parsing arguments into a message, sending it, printing the answer. A command
decides nothing that another door would have to decide again.
What does not: work of any kind, and imports of Dagster or Meltano; heavy modules load when the
command that needs them runs, so that ``flext --help`` stays under 150 ms.
"""
