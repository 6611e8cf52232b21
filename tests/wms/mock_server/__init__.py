"""Tests of the mock warehouse server, by real HTTP.

What belongs here: that it behaves as Oracle's guides say, and that its faults are what they are called. What does not:
its clients (``tests/wms/cloud``, the tap's own tests).
"""
