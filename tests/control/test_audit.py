"""Facts about the audit trail: what it keeps, who may lean on it, and how damage is found."""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import psycopg.sql
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from flext_pipelines.control.audit import AuditTrail
from flext_pipelines.control.chain import FIELDS, FindingKind, row_hash
from flext_pipelines.control.engine import ControlDatabase
from flext_pipelines.control.entries import AuditFilter, AuditPage
from flext_pipelines.control.processes import this_process
from flext_pipelines.control.tables import audit
from flext_pipelines.errors import AuditBrokenError
from tests.control import worker

if TYPE_CHECKING:
    from collections.abc import Callable


def begin(trail: AuditTrail, **values: str | None) -> int:
    row = {"message": "data.ExtractData", "payload": "{}", "actor": "anna", "source": "cli", "correlation_id": "c-1"}
    return trail.begin(**{"dagster_run_id": None, **row, **values})  # type: ignore[arg-type]  # texts by keyword


def write(trail: AuditTrail, count: int) -> None:
    """Commands that succeeded, two rows each."""
    for _ in range(count):
        trail.end(begin(trail), outcome="succeeded", seconds=0.5)


def raw(control: ControlDatabase, number: int) -> dict[str, object]:
    with control.reading() as connection:
        return dict(connection.execute(sa.select(audit).where(audit.c.number == number)).mappings().one())


def test_a_command_leaves_a_row_before_and_its_outcome_after(control: ControlDatabase) -> None:
    """Both rows hold what they should, in UTC microseconds, and nothing else."""
    trail = AuditTrail(control)
    before = datetime.now(UTC)

    number = begin(trail, payload='{"name":"x"}', dagster_run_id="run-1")
    trail.end(number, outcome="failed", seconds=1.25, error={"code": "not_found"}, note="look")

    first, second = raw(control, 1), raw(control, 2)
    assert {name: value for name, value in first.items() if value is not None} == {
        "number": 1,
        "at": first["at"],
        "kind": "begun",
        "actor": "anna",
        "source": "cli",
        "message": "data.ExtractData",
        "payload": '{"name":"x"}',
        "correlation_id": "c-1",
        "dagster_run_id": "run-1",
        "process": str(this_process()),
        "previous_hash": "0" * 64,
        "hash": first["hash"],
    }
    assert {name: value for name, value in second.items() if value is not None} == {
        "number": 2,
        "at": second["at"],
        "kind": "ended",
        "begun": 1,
        "seconds": 1.25,
        "outcome": "failed",
        "error": '{"code":"not_found"}',
        "note": "look",
        "previous_hash": first["hash"],
        "hash": second["hash"],
    }
    at = datetime.fromtimestamp(int(str(first["at"])) / 1e6, UTC)
    assert before - timedelta(milliseconds=1) <= at <= datetime.now(UTC)


def test_a_hash_covers_every_column(control: ControlDatabase) -> None:
    """Every column but the hash itself is part of the hash, in a fixed order."""
    write(AuditTrail(control), 1)

    assert {*FIELDS, "hash"} == {column.name for column in audit.columns}
    assert row_hash(raw(control, 2)) == raw(control, 2)["hash"]


def test_a_trail_is_intact(control: ControlDatabase) -> None:
    """A trail that nobody touched is intact, an empty one too."""
    trail = AuditTrail(control)
    assert trail.verify().intact

    write(trail, 20)
    report = trail.verify()

    assert (report.intact, report.rows, report.findings, report.unfinished) == (True, 40, (), 0)
    assert (report.head_number, report.head_hash) == (40, raw(control, 40)["hash"])


def test_threads_keep_one_chain(control: ControlDatabase) -> None:
    """Commands of several threads at once make one chain without forks and gaps."""
    trail = AuditTrail(control)
    threads = [threading.Thread(target=write, args=(trail, 25)) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    report = trail.verify()
    assert (report.intact, report.rows, report.unfinished) == (True, 200, 0)


@pytest.mark.postgres
@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_a_stricter_database_refuses_nobody_his_row(postgres_url: str, isolation: str) -> None:
    """Writers wait for each other whatever the database's default isolation is."""
    with psycopg.connect(postgres_url, autocommit=True) as administrator:
        name = psycopg.sql.Identifier(administrator.info.dbname)
        setting = psycopg.sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = {}")
        administrator.execute(setting.format(name, psycopg.sql.Literal(isolation)))
    control = ControlDatabase(SecretStr(postgres_url))
    trail = AuditTrail(control)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: write(trail, 10), range(4)))

    assert (trail.verify().intact, trail.verify().rows) == (True, 80)
    control.close()


@pytest.mark.process
def test_processes_keep_one_chain(control_url: str, control: ControlDatabase) -> None:
    """Commands of several processes at once make one chain without forks and gaps."""
    trail = AuditTrail(control)
    write(trail, 1)
    workers = [worker.start(control_url, "many", "60") for _ in range(3)]

    for one in workers:
        assert one.stdin
        one.stdin.write("\n")
        one.stdin.flush()
    worker.finish(workers)

    report = trail.verify()
    assert (report.intact, report.rows, report.unfinished) == (True, 362, 0)


@pytest.mark.parametrize(
    ("statements", "number", "kind"),
    [
        (["UPDATE control_audit SET actor = 'berta' WHERE number = 5"], 5, "changed"),
        (["UPDATE control_audit SET outcome = 'succeeded', error = NULL WHERE number = 20"], 20, "changed"),
        (["UPDATE control_audit SET payload = '{ }' WHERE number = 1"], 1, "changed"),
        (["UPDATE control_audit SET at = at + 1 WHERE number = 20"], 20, "changed"),
        (["DELETE FROM control_audit WHERE number = 6"], 6, "missing"),
        (["DELETE FROM control_audit WHERE number IN (1, 2)"], 1, "missing"),
        (["DELETE FROM control_audit WHERE number > 16"], 17, "cut_tail"),
        (["DELETE FROM control_audit"], 1, "cut_tail"),
        (["DELETE FROM control_audit_head"], 20, "head"),
        (["UPDATE control_audit_head SET hash = 'x'"], 20, "head"),
        (
            [
                """INSERT INTO control_audit (number, at, kind, actor, previous_hash, hash)
                SELECT 21, at, kind, 'berta', hash, hash FROM control_audit WHERE number = 20"""
            ],
            21,
            "changed",
        ),
        (
            [
                "UPDATE control_audit SET number = -1 WHERE number = 3",
                "UPDATE control_audit SET number = 3 WHERE number = 7",
                "UPDATE control_audit SET number = 7 WHERE number = -1",
            ],
            3,
            "broken_link",
        ),
    ],
)
def test_damage_is_found_and_named(
    control: ControlDatabase, tamper: Callable[..., None], statements: list[str], number: int, kind: FindingKind
) -> None:
    """A changed, missing, swapped or inserted row and a cut-off tail are found at their number."""
    trail = AuditTrail(control)
    write(trail, 9)
    trail.end(begin(trail), outcome="failed", seconds=1, error={"code": "x"})
    if control.dialect == "sqlite":
        tamper("PRAGMA foreign_keys = OFF", *statements)
    else:
        tamper(*statements)

    report = trail.verify()

    assert not report.intact
    assert (number, kind) in {(finding.number, finding.kind) for finding in report.findings}
    assert report.findings[0].number == number
    assert str(number) in report.findings[0].text


def test_a_noted_head_proves_what_came_before(control: ControlDatabase) -> None:
    """The head of an earlier report is still in an honest trail, and any other hash is not."""
    trail = AuditTrail(control)
    write(trail, 3)
    noted = trail.verify()
    write(trail, 3)

    assert trail.verify((noted.head_number, noted.head_hash)).intact
    assert not trail.verify((noted.head_number, "0" * 64)).intact


def test_without_a_head_nothing_is_recorded(control: ControlDatabase, tamper: Callable[..., None]) -> None:
    """When the head row is gone, commands are refused rather than recorded into a chain that cannot be checked."""
    tamper("DELETE FROM control_audit_head")

    with pytest.raises(AuditBrokenError, match="head row"):
        begin(AuditTrail(control))


def test_checking_does_not_stop_writers(control: ControlDatabase) -> None:
    """While one reader holds its snapshot, a command is recorded, and the reader goes on seeing its own state."""
    trail = AuditTrail(control)
    write(trail, 2)

    with control.reading() as connection:
        count = sa.select(sa.func.count()).select_from(audit)
        assert connection.execute(count).scalar() == 4
        other = threading.Thread(target=write, args=(trail, 1))
        other.start()
        other.join()
        assert connection.execute(count).scalar() == 4

    assert trail.verify().rows == 6


@pytest.mark.process
def test_a_killed_command_stays_visible(control_url: str, control: ControlDatabase) -> None:
    """A process that is killed between the two rows leaves an unfinished command with a dead process."""
    killed = worker.start(control_url, "send", json.dumps({"name": "guest", "manner": "killed"}))
    killed.communicate(timeout=60)
    assert killed.returncode == -9

    trail = AuditTrail(control)
    page = trail.page(AuditFilter(outcome="unfinished"), 10)

    assert [(entry.message, entry.outcome, entry.alive) for entry in page.entries] == [
        ("greetings.Greet", "unfinished", False)
    ]
    assert trail.verify().unfinished == 1
    assert trail.verify().intact


def test_a_command_at_work_is_unfinished_and_alive(control: ControlDatabase) -> None:
    """A command that has not ended yet is listed with a living process."""
    trail = AuditTrail(control)
    begin(trail)

    assert [entry.alive for entry in trail.page(AuditFilter(outcome="unfinished"), 10).entries] == [True]


def numbers(page: AuditPage) -> list[int]:
    return [entry.number for entry in page.entries]


def test_entries_join_both_rows(control: ControlDatabase) -> None:
    """An entry tells the command and its outcome together."""
    trail = AuditTrail(control)
    trail.end(
        begin(trail, payload='{"limit":3}', dagster_run_id="r"),
        outcome="denied",
        seconds=0.25,
        error={"code": "forbidden", "details": {"actor": "anna"}},
    )

    (entry,) = trail.page(AuditFilter(), 10).entries

    assert (entry.number, entry.ended_number, entry.outcome, entry.seconds) == (1, 2, "denied", 0.25)
    assert (entry.payload, entry.error) == ({"limit": 3}, {"code": "forbidden", "details": {"actor": "anna"}})
    assert (entry.actor, entry.source, entry.message) == ("anna", "cli", "data.ExtractData")
    assert (entry.correlation_id, entry.dagster_run_id, entry.alive) == ("c-1", "r", None)
    assert abs(datetime.now(UTC) - entry.at) < timedelta(minutes=1)


def test_filters_choose_entries(control: ControlDatabase) -> None:
    """Actor, message, outcome, time, correlation id and run id each choose, and together they narrow."""
    trail = AuditTrail(control)
    trail.end(begin(trail, actor="berta"), outcome="succeeded", seconds=0)
    trail.end(begin(trail, message="wms.CreateShipment"), outcome="failed", seconds=0, error={"code": "x"})
    trail.end(begin(trail, correlation_id="c-2", dagster_run_id="run-2"), outcome="succeeded", seconds=0)
    begin(trail)
    third = datetime.fromtimestamp(int(str(raw(control, 5)["at"])) / 1e6, UTC)

    assert numbers(trail.page(AuditFilter(), 10)) == [7, 5, 3, 1]
    assert numbers(trail.page(AuditFilter(actor="berta"), 10)) == [1]
    assert numbers(trail.page(AuditFilter(message="wms.CreateShipment"), 10)) == [3]
    assert numbers(trail.page(AuditFilter(outcome="succeeded"), 10)) == [5, 1]
    assert numbers(trail.page(AuditFilter(outcome="unfinished"), 10)) == [7]
    assert numbers(trail.page(AuditFilter(correlation_id="c-2"), 10)) == [5]
    assert numbers(trail.page(AuditFilter(dagster_run_id="run-2"), 10)) == [5]
    assert numbers(trail.page(AuditFilter(since=third), 10)) == [7, 5]
    assert numbers(trail.page(AuditFilter(actor="anna", outcome="succeeded"), 10)) == [5]
    assert numbers(trail.page(AuditFilter(actor="nobody"), 10)) == []


def test_pages_follow_each_other_without_gap_or_repeat(control: ControlDatabase) -> None:
    """Going on from ``next_before`` shows every entry once, also while new ones are written."""
    trail = AuditTrail(control)
    write(trail, 7)
    seen: list[int] = []
    before: int | None = None

    while True:
        page = trail.page(AuditFilter(before=before), 3)
        seen += numbers(page)
        write(trail, 1)
        before = page.next_before
        if before is None:
            break

    assert seen == [13, 11, 9, 7, 5, 3, 1]


def test_a_tampered_row_can_still_be_listed(control: ControlDatabase, tamper: Callable[..., None]) -> None:
    """A row whose payload somebody ruined is shown as it is, and does not hide the others."""
    trail = AuditTrail(control)
    write(trail, 2)
    tamper("UPDATE control_audit SET payload = 'ruined', actor = NULL WHERE number = 1")

    entries = trail.page(AuditFilter(), 10).entries

    assert [(entry.number, entry.actor, entry.payload) for entry in entries] == [
        (3, "anna", {}),
        (1, "", {"unreadable": "ruined"}),
    ]


def test_secrets_do_not_reach_the_rows(control: ControlDatabase) -> None:
    """Neither the payload nor an error's details bring a secret into the database."""
    trail = AuditTrail(control)
    number = begin(trail, payload='{"settings":{"password":"hunter2"},"url":"postgresql://u:hunter2@h/d"}')
    trail.end(
        number,
        outcome="failed",
        seconds=0,
        error={"reason": "cannot log in with password=hunter2", "api_key": "hunter2"},
    )

    with control.reading() as connection:
        rows = connection.execute(sa.select(audit)).all()

    assert "hunter2" not in str(rows)
    assert len(rows) == 2


@pytest.mark.parametrize("text", ["nul \0 in it", "lone \ud800 surrogate", "Grüße 漢字", "'; DROP TABLE x; --"])
def test_any_text_can_be_recorded(control: ControlDatabase, text: str) -> None:
    """Texts that a database cannot hold are written so that it can, and the chain still holds."""
    trail = AuditTrail(control)

    trail.end(begin(trail, actor=text), outcome="failed", seconds=0, error={"reason": text}, note=text)

    report = trail.verify()
    assert (report.intact, report.rows) == (True, 2)


def test_an_error_with_any_details_can_be_recorded(control: ControlDatabase) -> None:
    """Details that JSON does not know are recorded as text: an outcome is never lost for their sake."""
    trail = AuditTrail(control)
    details = {"path": control, "number": float("nan"), 5: {1, 2}, "when": datetime(2026, 1, 1, tzinfo=UTC)}

    trail.end(begin(trail), outcome="failed", seconds=0, error={"code": "x", "details": details})

    (entry,) = trail.page(AuditFilter(), 1).entries
    assert entry.error is not None
    assert entry.outcome == "failed"


def test_recording_is_silent(control: ControlDatabase, caplog: pytest.LogCaptureFixture) -> None:
    """Rows are written without a line in the log."""
    trail = AuditTrail(control)

    with caplog.at_level(logging.DEBUG):
        write(trail, 2)

    assert [record.getMessage() for record in caplog.records if record.name != "alembic.runtime.migration"] == []
