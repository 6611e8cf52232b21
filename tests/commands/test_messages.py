"""The message that launches a run for another one, and what it refuses before there is a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flext_pipelines.commands import messages, registry
from flext_pipelines.commands.bus import Bus, Ports, port
from flext_pipelines.commands.message import Context
from flext_pipelines.commands.messages import PerformInRunCommand
from flext_pipelines.commands.runs import ListRunsQuery, list_runs
from flext_pipelines.errors import FlextError, ForbiddenError, UsageError
from flext_pipelines.runs.gateway import Runs
from tests.runs.conftest import SAMPLE

if TYPE_CHECKING:
    from flext_pipelines.settings import Settings

INNER = {"message": "data.ExtractData", "payload": {"source_name": "tap-a", "table_name": "orders"}}


@pytest.mark.parametrize(
    ("message", "payload", "error", "said"),
    [
        (
            "plugins.ConfigurePlugin",
            {"name": "tap-a", "settings": {"door_code": "hunter2"}},
            ForbiddenError,
            "settings",
        ),
        ("messages.PerformInRun", INNER, UsageError, "launches a run itself"),
    ],
)
def test_what_no_run_config_may_hold_is_refused_before_there_is_a_run(
    settings: Settings, message: str, payload: dict[str, object], error: type[FlextError], said: str
) -> None:
    """A setting that only its plugin's definition calls a secret; a run that would only launch another one."""
    runs = Runs(settings, SAMPLE)
    ports = Ports({"runs": port(runs)})
    bus = Bus(registry.collect([messages]), ports=ports, default_context=lambda: Context(actor="ana", source="cli"))

    with pytest.raises(error, match=said) as caught:
        bus.send(PerformInRunCommand.model_validate({"message": message, "payload": payload})).unwrap()

    assert "hunter2" not in f"{caught.value} {caught.value.details}"
    assert list_runs(ListRunsQuery(), runs=runs).runs == ()
