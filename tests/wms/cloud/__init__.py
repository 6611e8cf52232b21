"""Oracle WMS Cloud over real HTTP, against the sample server that behaves by Oracle's documents.

What belongs here: each command and query of the cloud backend, its failures, and the contract that it shares with the
database. What does not: the sample server's own tests (``tests/wms/mock_server``).
"""
