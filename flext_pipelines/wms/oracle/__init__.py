"""Oracle Database behind the warehouse-management domain: how it is reached, and what its errors mean.

What belongs here: the tables of ORA- and DPY- codes, the translation of python-oracledb's and SQLAlchemy's errors,
the settings of a connection (DSN, wallet, time-outs, pool) and the probe. What does not: statements (they are
SQLAlchemy's, the same for every database, in ``wms/operations`` and ``wms/views``), and Oracle WMS Cloud
(``wms/cloud``).
"""
