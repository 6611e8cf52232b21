"""What came of a command is found out in Oracle's dialect as on PostgreSQL, wherever the connection breaks.

The facts are those of ``tests/wms/test_outcomes``; the relay stands between us and H2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from flext_pipelines.errors import UnavailableError
from flext_pipelines.wms.database import DatabaseBackend
from flext_pipelines.wms.migrations import VERSION_TABLE
from flext_pipelines.wms.requests import HealthAsked
from tests.h2_oracle import empty_h2, h2_url
from tests.wms.relay import Relay
from tests.wms.test_outcomes import (
    one_more,
    test_a_commit_that_never_arrived_is_done_again,
    test_a_commit_whose_answer_is_lost_is_found_out,
    test_a_connection_that_breaks_before_the_commit_costs_nothing,
    test_a_refused_command_frees_its_key,
    test_many_callers_of_one_key_do_it_once,
    test_old_outcomes_are_forgotten,
    test_the_outcome_of_a_key_can_be_asked_for,
    test_the_same_key_is_performed_once,
    test_the_same_key_with_another_payload_is_refused,
    test_where_the_database_stays_away_the_outcome_is_unknown_and_says_so,
)
from tests.wms.warehouse import NOW, Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.process

__all__ = [
    "test_a_commit_that_never_arrived_is_done_again",
    "test_a_commit_whose_answer_is_lost_is_found_out",
    "test_a_connection_that_breaks_before_the_commit_costs_nothing",
    "test_a_refused_command_frees_its_key",
    "test_many_callers_of_one_key_do_it_once",
    "test_old_outcomes_are_forgotten",
    "test_the_outcome_of_a_key_can_be_asked_for",
    "test_the_same_key_is_performed_once",
    "test_the_same_key_with_another_payload_is_refused",
    "test_where_the_database_stays_away_the_outcome_is_unknown_and_says_so",
]


@pytest.fixture
def relayed(h2_port: int) -> Iterator[tuple[Warehouse, Relay]]:
    """A warehouse in Oracle's dialect whose connections go through a relay that can break them."""
    empty_h2(h2_port, "wms", {VERSION_TABLE, "wms_meta"})
    with Relay(h2_port) as relay:
        warehouse = Warehouse(SecretStr(h2_url(relay.port, "wms"))).fill()
        warehouse.put("VALVE", "A2", 1)  # what comes with the first command is behind us: ids, old outcomes
        yield warehouse, relay
        warehouse.close()


def test_a_database_that_is_away_from_the_start_has_done_nothing(relayed: tuple[Warehouse, Relay]) -> None:
    """Then the error is that it does not answer; health tells it too, instead of failing."""
    warehouse, relay = relayed
    hasty = DatabaseBackend(warehouse.engine, clock=lambda: NOW, patience_seconds=0.3)
    relay.go_away()

    with pytest.raises(UnavailableError):
        hasty.update_inventory(one_more(), actor="t", key="k")
    health = hasty.health(HealthAsked())
    assert not health.healthy
    assert "127.0.0.1" in health.problems[0]
