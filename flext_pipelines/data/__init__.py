"""The data domain: landing zone, contracts, transforms, loads; columnar and streaming.

What belongs here, in the order of the flow: what a dataset is (``dataset``), how it is kept (``storage``,
``parts``, ``landing``, ``formats``), how a tap's messages become one (``arrow_types``, ``singer``, ``records``,
``conditions``, ``delta``, ``bookmarks``, ``intake``, ``extract``), the engine that computes on it (``engine``,
``sources``, ``expressions``), its checks (``contract``, ``contract_file``, ``checks``, ``validate``), its changes
(``rules``, ``row_steps``, ``set_steps``, ``python_step``, ``transform``) and its way into a warehouse
(``load_request``, ``load_source``, ``load``, ``warehouse``).

What does not: running a tap (``flext_pipelines.meltano``), messages and handlers (``commands/data.py``),
Dagster. Nothing here holds a whole dataset in memory: rows travel as Arrow batches and Parquet files.
"""
