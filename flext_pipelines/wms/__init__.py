"""Oracle warehouse management: the database that pipelines read.

What belongs here: the tables of the warehouse-management schema and the sample data that fill an
embedded copy of it. What does not: messages (``commands/wms``), the taps that read it
(``meltano/extract``), anything of Dagster or click.
"""
