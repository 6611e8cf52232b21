"""Tests of the warehouse-management domain."""
