"""The tests, in folders that mirror the package.

What belongs here: tests, their fixtures (``conftest``) and the servers they need (``postgres``). A test
reads as a fact. What does not: numbers (``benchmarks``) and code of the package.
"""
