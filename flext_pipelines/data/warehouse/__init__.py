"""Where data are loaded to, and tables are read from: DuckDB, PostgreSQL, Oracle.

What belongs here: what a target must offer (``target``), the SQL that differs (``dialect``), one module for each
database, and the choice between them by URL (``connect``).

What does not: what is loaded in which order, and what a load remembers (``flext_pipelines.data.load``).
"""
