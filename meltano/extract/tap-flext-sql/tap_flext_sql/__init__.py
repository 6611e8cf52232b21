"""tap-flext-sql: a columnar Singer tap for SQL databases.

Here belong the tap, its streams, its catalog discovery and the readers that turn a table into Arrow batches.
Loading, Meltano and Dagster do not belong here: the package talks to the world by standard Singer messages only.
"""
