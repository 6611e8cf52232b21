"""The SDK's own test suite for targets, on DuckDB and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from singer_sdk.testing import get_target_test_class
from singer_sdk.testing.runners import TargetTestRunner
from target_harness import Place

from target_flext_sql.target import TargetFlextSQL


class OwnDatabase:
    """Gives each test of the suite a fresh database instead of the class's one configuration."""

    @pytest.fixture
    def runner(self, place: Place) -> Iterator[TargetTestRunner]:
        """Return the suite's runner for this database."""
        runner = TargetTestRunner(target_class=TargetFlextSQL, config=place.config)
        yield runner
        if runner.target_input is not None:
            runner.target_input.close()


Suite = get_target_test_class(target_class=TargetFlextSQL, config={"path": "unused"})


class TestTargetFlextSQL(OwnDatabase, Suite):  # type: ignore[misc, valid-type]  # a class made at run time
    """Every standard test, on every database."""
