"""Oracle WMS Cloud behind the warehouse-management domain: the same commands and queries over its documented HTTP API.

What belongs here: the client of ``lgfapi`` v10 and of the stage interface, and what each command and query of
``wms/backend`` is in their words. What does not: the sample server (``wms/mock_server``), the tap that reads whole
entities (``meltano/extract``), and anything that Oracle's guides do not describe: undocumented calls break without
notice.
"""
