"""The SQL of each database, as text.

What belongs here: names, types and statements, built by pure functions, so that every statement can be tested
without a server. What does not: connections and anything that runs a statement (``drivers/``), and the decision
which statement is needed (``warehouse.py``).
"""
