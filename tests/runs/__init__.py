"""Tests of the gateway to Dagster: real instances, real runs, real processes and signals."""
