"""A warehouse-management server for people without one: Oracle WMS Cloud's documented HTTP API over sample data.

What belongs here: the ``lgfapi`` v10 and the stage interface as Oracle's guides describe them, the rows they serve, and
the faults that tests ask for. What does not: clients of that API (``wms/cloud``, the tap in ``meltano/extract``), the
warehouse-management database of our own (``wms/operations``), and anything that the guides do not describe.
"""
