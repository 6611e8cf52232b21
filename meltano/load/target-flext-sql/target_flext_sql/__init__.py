"""Singer target that loads whole batches into DuckDB, PostgreSQL and Oracle.

What belongs here: one package, files in the order of the flow (reader, target, stream, records and batches,
warehouse, ledger). What does not: anything about extraction, scheduling or Meltano itself.
Nothing is imported here, so that ``--version`` and ``--about`` stay cheap.
"""
