"""Facts about the messages of the audit trail, sent over a real bus."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from flext_pipelines.bootstrap import behaviours, default_ports
from flext_pipelines.commands import audit, registry
from flext_pipelines.commands.audit import ListAuditQuery, VerifyAuditQuery
from flext_pipelines.commands.bus import Bus, Ports
from flext_pipelines.commands.message import Command, Context
from flext_pipelines.commands.registry import collect
from flext_pipelines.control.audit import AuditTrail
from flext_pipelines.control.entries import AuditFilter
from flext_pipelines.errors import ForbiddenError
from tests.commands import greetings
from tests.commands.greetings import GreetCommand

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flext_pipelines.control.engine import ControlDatabase
    from flext_pipelines.settings import Settings


@pytest.fixture
def ports(settings: Settings) -> Iterator[Ports]:
    """The default ports of this test's home."""
    made = Ports()
    made.provide(default_ports(settings, made))
    yield made
    made.close()


@pytest.fixture
def bus(ports: Ports) -> Bus:
    """Greetings to record, and the questions about them."""
    return Bus(
        collect([greetings, audit]),
        behaviours=behaviours(ports),
        ports=ports,
        default_context=lambda: Context("anna", "cli"),
    )


def test_commands_are_listed_newest_first(bus: Bus) -> None:
    """What was sent is listed with its outcome."""
    bus.send(GreetCommand(name="Otto"))
    bus.send(GreetCommand(name="Emil", manner="unknown"))

    page = bus.send(ListAuditQuery()).unwrap()

    assert [(entry.payload["name"], entry.outcome) for entry in page.entries] == [
        ("Emil", "failed"),
        ("Otto", "succeeded"),
    ]
    assert page.next_before is None


def test_lists_are_paged_and_filtered(bus: Bus) -> None:
    """A page has at most ``limit`` entries and names the next; filters narrow it."""
    for name in ("a", "b", "c"):
        bus.send(GreetCommand(name=name))
    bus.send(GreetCommand(name="d", manner="unknown"), Context("berta"))

    first = bus.send(ListAuditQuery(limit=2)).unwrap()
    second = bus.send(ListAuditQuery(limit=2, before=first.next_before)).unwrap()
    failed = bus.send(ListAuditQuery(outcome="failed", actor="berta", message="greetings.Greet")).unwrap()
    later = bus.send(ListAuditQuery(since=datetime.now(UTC) + timedelta(hours=1))).unwrap()

    assert [entry.payload["name"] for entry in (*first.entries, *second.entries)] == ["d", "c", "b", "a"]
    assert second.next_before is None
    assert [entry.payload["name"] for entry in failed.entries] == ["d"]
    assert later.entries == ()


def test_a_time_without_zone_is_utc() -> None:
    """Nobody's local zone decides what a list shows."""
    assert ListAuditQuery(since=datetime(2026, 1, 1)).since == datetime(2026, 1, 1, tzinfo=UTC)  # noqa: DTZ001  the case


@pytest.mark.parametrize("limit", [0, 1001])
def test_pages_have_a_size(limit: int) -> None:
    """A page has one to a thousand entries."""
    with pytest.raises(ValidationError, match="limit"):
        ListAuditQuery(limit=limit)


def test_an_honest_trail_is_intact(bus: Bus) -> None:
    """The check reports rows, the head to note, and no finding."""
    bus.send(GreetCommand(name="Otto"))

    report = bus.send(VerifyAuditQuery()).unwrap()
    noted = bus.send(VerifyAuditQuery(known_number=report.head_number, known_hash=report.head_hash)).unwrap()

    assert (report.intact, report.rows, report.head_number, report.unfinished) == (True, 2, 2, 0)
    assert noted.intact


def test_a_broken_trail_is_a_report(bus: Bus, ports: Ports) -> None:
    """A broken trail is reported with the row's number, not raised: the report is what was asked for."""
    bus.send(GreetCommand(name="Otto"))
    control: ControlDatabase = ports.get("control")  # type: ignore[assignment]  # the default port
    driver = control._held().driver
    driver.execute("DROP TRIGGER control_audit_no_update")
    driver.execute("UPDATE control_audit SET actor = 'berta' WHERE number = 1")

    result = bus.send(VerifyAuditQuery())

    assert result.ok
    assert [(finding.number, finding.kind) for finding in result.unwrap().findings] == [(1, "changed")]


@pytest.mark.parametrize(
    "fields", [{"known_number": 5}, {"known_hash": "0" * 64}, {"known_number": 5, "known_hash": "x"}]
)
def test_a_noted_head_is_number_and_hash(fields: dict[str, object]) -> None:
    """One without the other, or a hash that is none, is refused."""
    with pytest.raises(ValidationError):
        VerifyAuditQuery.model_validate(fields)


def test_questions_leave_no_trace(bus: Bus) -> None:
    """Asking about the trail does not lengthen it."""
    bus.send(ListAuditQuery())

    assert bus.send(VerifyAuditQuery()).unwrap().rows == 0


def test_results_read_back(bus: Bus) -> None:
    """A page and a report go through JSON unchanged, for ``--json`` and HTTP."""
    bus.send(GreetCommand(name="Otto", manner="unknown"))
    page, report = bus.send(ListAuditQuery()).unwrap(), bus.send(VerifyAuditQuery()).unwrap()

    assert type(page).model_validate_json(page.model_dump_json()) == page
    assert type(report).model_validate_json(report.model_dump_json()) == report


PLAIN = {"tap-a": {"innocent": "hunter2", "deep": {"er": ["hunter2"]}, "gone": None, "flag": True}}
UNRECOGNISED = [
    ("plugins.ConfigurePlugin", {"name": "tap-a", "settings": PLAIN["tap-a"]}),
    ("pipelines.RunMeltanoPipeline", {"pipeline": "shop", "config_overrides": PLAIN}),
    ("runs.ExecutePipeline", {"pipeline_name": "shop", "parameters": PLAIN}),
    (
        "messages.PerformInRun",
        {"message": "plugins.ConfigurePlugin", "payload": {"name": "tap-a", "settings": PLAIN["tap-a"]}},
    ),
    (
        "messages.PerformInRun",
        {"message": "plugins.ConfigurePlugin", "payload": {"name": "tap-a", "secrets": {"innocent": "hunter2"}}},
    ),
    ("messages.PerformInRun", {"message": "no.SuchMessage", "payload": {"innocent": "hunter2"}}),
    ("messages.PerformInRun", {"message": "plugins.ConfigurePlugin", "payload": {"innocent": "hunter2"}}),
]


@pytest.mark.parametrize(("name", "fields"), UNRECOGNISED)
def test_a_secret_that_only_a_handler_recognises_leaves_no_row(
    ports: Ports, name: str, fields: dict[str, object]
) -> None:
    """A setting is marked as sensitive in its definition only: its name stays on record, its value never is."""
    specs = registry.all_specs()
    spec = registry.find(specs, name)
    # The handlers are left out: whatever they find, the row before has been written.
    refusing = Bus([spec._replace(handler=_refuse)], behaviours=behaviours(ports), ports=ports)

    refusing.send(registry.parse(spec, fields), Context("anna", "cli"))

    trail = ports.get("audit")
    assert isinstance(trail, AuditTrail)
    (entry,) = trail.page(AuditFilter(), 10).entries
    kept = entry.model_dump_json()
    assert "hunter2" not in kept
    assert "tap-a" in kept or "innocent" in kept


def test_what_is_no_value_stays_on_record() -> None:
    """A removed setting and a flag are told; they hold no secret."""
    spec = registry.find(registry.all_specs(), "plugins.ConfigurePlugin")
    message = registry.parse(spec, {"name": "tap-a", "settings": PLAIN["tap-a"]})

    settings = json.loads(message.for_audit())["settings"]

    assert settings == {"innocent": "**********", "deep": {"er": ["**********"]}, "gone": None, "flag": True}


def test_a_message_that_a_run_performs_is_on_record_with_its_fields() -> None:
    """All that holds no secret is told, as it was given."""
    spec = registry.find(registry.all_specs(), "messages.PerformInRun")
    fields = {"message": "data.ExtractData", "payload": {"source_name": "tap-a", "table_name": "orders"}}

    assert json.loads(registry.parse(spec, fields).for_audit())["payload"] == fields["payload"]


def _refuse(command: Command[object]) -> object:
    message = f"{type(command).__name__} is refused"
    raise ForbiddenError(message)
