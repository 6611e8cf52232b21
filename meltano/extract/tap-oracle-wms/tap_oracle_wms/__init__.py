"""tap-oracle-wms: a Singer tap for Oracle WMS Cloud.

Here belong the client of the lgfapi, discovery from its metadata, and the streams that read its pages and send them as
records or Parquet files. Loading, Meltano and Dagster do not belong here: the package talks to the world by standard
Singer messages only.
"""
