"""Facts about going on: from any phase, after a kill, without room; and what is refused."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flext_pipelines.errors import AlreadyRunningError, ConflictError, NotFoundError, StorageFullError
from flext_pipelines.oud.migration.judge import judge
from flext_pipelines.oud.migration.migrate import migrate
from flext_pipelines.oud.migration.outcome import report_in
from flext_pipelines.oud.migration.plan import PHASES, MigrationPlan, Phase
from flext_pipelines.oud.migration.stage import open_stage, partial_folder
from tests.oud import oid_sample
from tests.oud.migration.exports import BASE, contents, domain, group, migrated, person, plan_of, unit

ACI = "orclaci: access to entry by * (browse)"
RECORDS = [domain(ACI), unit("ou=a"), person("ann", f"ou=a,{BASE}"), group("g", [f"cn=ann,ou=a,{BASE}"])]


@pytest.mark.parametrize("begin", PHASES[1:])
def test_a_result_made_again_from_any_phase_is_the_same(tmp_path: Path, begin: Phase) -> None:
    """Whichever phase it begins with, the result has the same bytes as before."""
    plan = plan_of(tmp_path, RECORDS)
    migrate(plan)
    before = contents(plan.out)

    made = migrate(plan, begin=begin)

    assert [one.phase for one in made.performed] == [*PHASES[PHASES.index(begin) :]]
    assert contents(plan.out) == before
    assert not partial_folder(plan.out).exists()


def test_phases_can_be_performed_one_by_one(tmp_path: Path) -> None:
    """Each phase in a call of its own leaves nothing at the place until the last, and then the same as all at once."""
    plan = plan_of(tmp_path, RECORDS)
    migrate(plan.model_copy(update={"out": tmp_path / "at-once"}))

    for phase in PHASES:
        assert not plan.out.exists()
        migrate(plan, begin=phase, end=phase)

    assert contents(plan.out) == contents(tmp_path / "at-once")


def test_a_root_policy_can_be_given_later(tmp_path: Path) -> None:
    """An input that is first used by a phase may change when that phase is made again; entries stay as they are."""
    plan = plan_of(tmp_path, RECORDS)
    migrate(plan)
    users = (plan.out / "02-users-0001.ldif").stat().st_ino
    (tmp_path / "root.ldif").write_bytes(oid_sample.ROOT_POLICY)

    migrate(plan.model_copy(update={"root_policy": tmp_path / "root.ldif"}), begin="acls")

    report = report_in(plan.out)
    assert report.access.root_policy
    assert "root policy" in report.inputs
    assert (plan.out / "02-users-0001.ldif").stat().st_ino == users
    assert judge(plan.out).sound


def test_a_changed_export_is_refused(tmp_path: Path) -> None:
    """Phases that use an input that is not what it was are not mixed with what was made of the old one."""
    plan = plan_of(tmp_path, RECORDS)
    migrate(plan)
    before = contents(plan.out)
    plan.export.write_bytes(plan.export.read_bytes().replace(b"cn: ann", b"cn: Ann"))

    with pytest.raises(ConflictError, match=r"cannot go on from acls: the export export\.ldif is not what it was"):
        migrate(plan, begin="acls")

    assert contents(plan.out) == before
    assert not partial_folder(plan.out).exists()


def test_a_touched_export_is_the_same(tmp_path: Path) -> None:
    """Only the content counts: a copy with another time of change goes on."""
    plan = plan_of(tmp_path, RECORDS)
    migrate(plan)
    data = plan.export.read_bytes()
    plan.export.unlink()
    plan.export.write_bytes(data)

    migrate(plan, begin="acls")

    assert judge(plan.out).sound


def test_another_option_is_refused_when_it_comes_too_late(tmp_path: Path) -> None:
    """The base cannot change after entries were read."""
    plan = plan_of(tmp_path, RECORDS)
    migrate(plan)

    with pytest.raises(ConflictError, match="target_base was None and is 'o=x'"):
        migrate(plan.model_copy(update={"target_base": "o=x"}), begin="users")


def test_nothing_can_go_on_where_nothing_is(tmp_path: Path) -> None:
    """Going on needs the phases before."""
    plan = plan_of(tmp_path, RECORDS)

    with pytest.raises(NotFoundError, match="no migration"):
        migrate(plan, begin="acls")
    migrate(plan, end="read")
    with pytest.raises(NotFoundError, match="hierarchy is not finished"):
        migrate(plan, begin="users")


def test_a_whole_result_is_a_better_beginning_than_an_attempt_that_broke_off(tmp_path: Path) -> None:
    """When a new attempt did not come as far as is needed, the result that is there goes on."""
    plan = plan_of(tmp_path, RECORDS)
    migrate(plan)
    before = contents(plan.out)
    migrate(plan, end="schema", replace=True)

    migrate(plan, begin="acls")

    assert contents(plan.out) == before


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    """A folder with files that no migration wrote is refused, whatever is asked."""
    plan = plan_of(tmp_path, RECORDS)
    plan.out.mkdir()
    (plan.out / "letters.txt").write_text("mine")

    with pytest.raises(ConflictError, match="is no result of a migration"):
        migrate(plan, replace=True)

    assert (plan.out / "letters.txt").read_text() == "mine"


def test_a_result_is_replaced_only_on_request(tmp_path: Path) -> None:
    """An earlier result stays unless it is to be replaced."""
    plan = plan_of(tmp_path, RECORDS)
    migrate(plan)

    with pytest.raises(ConflictError, match="holds the result of a migration"):
        migrate(plan)

    migrate(plan_of(tmp_path, RECORDS[:2]), replace=True)
    assert report_in(plan.out).account.counters.read == 2


def test_an_empty_folder_may_be_there(tmp_path: Path) -> None:
    """A folder that was made for the result is used."""
    (tmp_path / "out").mkdir()

    migrated(tmp_path, RECORDS)

    assert judge(tmp_path / "out").sound


def test_two_migrations_to_one_place_do_not_meet(tmp_path: Path) -> None:
    """While one is at work the other is told so, and may try again later."""
    plan = plan_of(tmp_path, RECORDS)

    with open_stage(plan, "schema"), pytest.raises(AlreadyRunningError):
        migrate(plan)


def test_a_result_moved_away_by_a_kill_comes_back(tmp_path: Path) -> None:
    """Killed between the two renames at the end, the old result is back at the next call."""
    plan = plan_of(tmp_path, RECORDS)
    migrate(plan)
    before = contents(plan.out)
    plan.out.rename(plan.out.with_name(".out.before"))

    migrate(plan, begin="report")

    assert contents(plan.out) == before
    assert not plan.out.with_name(".out.before").exists()


def _call(plan: MigrationPlan, *, before: str = "") -> list[str]:
    code = f"""
import sys
from flext_pipelines.errors import FlextError
from flext_pipelines.oud.migration.migrate import migrate
from flext_pipelines.oud.migration.plan import MigrationPlan
{before}
try:
    migrate(MigrationPlan.model_validate_json(sys.argv[1]))
except FlextError as error:
    print(error.code, error.reason)
    sys.exit(1)
"""
    return [sys.executable, "-c", code, plan.model_dump_json()]


@pytest.mark.process
@pytest.mark.parametrize("phase", ["read", "users", "acls"])
def test_a_kill_leaves_nothing_that_looks_whole(tmp_path: Path, phase: str) -> None:
    """Killed in the middle, there is no result; the next call makes one, or goes on where it stood."""
    oid_sample.write_export(tmp_path / "export.ldif", 6_000)
    plan = MigrationPlan(export=tmp_path / "export.ldif", base_dn=BASE, out=tmp_path / "out", probes=20_000)
    state = partial_folder(plan.out) / ".migration" / "state.json"
    last = {"read": None, "users": "read", "acls": "groups"}[phase]

    with subprocess.Popen(_call(plan)) as process:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if state.exists() and (last is None or last in json.loads(state.read_bytes() or b"{}").get("phases", ())):
                process.send_signal(signal.SIGKILL)
                break
        process.wait()

    assert process.returncode == -signal.SIGKILL
    assert not plan.out.exists()
    migrate(plan, begin="schema" if last is None else "hierarchy")
    assert judge(plan.out).sound


@pytest.mark.process
def test_no_room_is_told_and_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    """When no more can be written the reason and the folder are named, and there is no result."""
    oid_sample.write_export(tmp_path / "export.ldif", 2_000)
    plan = MigrationPlan(export=tmp_path / "export.ldif", base_dn=BASE, out=tmp_path / "out", probes=10)
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, {resource.RLIM_INFINITY}))"

    ran = subprocess.run(_call(plan, before=limit), capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (1, "")
    assert ran.stdout.startswith("storage_full No room is left to write below")
    assert not plan.out.exists()


def test_no_room_is_worth_another_try() -> None:
    """Somebody can free some."""
    assert StorageFullError("x").retryable
