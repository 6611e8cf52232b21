"""Facts about the messages of the migration as a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner

from flext_pipelines.bootstrap import build_bus
from flext_pipelines.cli.main import flext
from flext_pipelines.cli.oud_migrate import show_transformed
from flext_pipelines.commands import registry
from flext_pipelines.commands.bus import Bus
from flext_pipelines.commands.messages import PerformInRunCommand
from flext_pipelines.commands.oud.migration import (
    DiagnoseOUDDataQuery,
    GetMigrationStatusQuery,
    GetReportQuery,
    LaunchOUDMigrationCommand,
    MigrateOUDDataCommand,
    TransformLDIFCommand,
    ValidateDataQuery,
)
from flext_pipelines.errors import InvalidMessageError, NotFoundError, UsageError
from flext_pipelines.oud.ldif import read_ldif
from flext_pipelines.oud.migration.one_file import Transformed
from flext_pipelines.oud.migration.outcome import Migration
from flext_pipelines.settings import Settings
from tests.oud.migration.exports import BASE, domain, group, person, unit, write

RECORDS = [
    domain("orclaci: access to entry by * (browse)"),
    unit("ou=a"),
    person("ann"),
    group("g", [f"cn=ann,{BASE}"]),
]


@pytest.fixture
def bus(settings: Settings) -> Bus:
    """A bus with a home of this test."""
    return build_bus(settings)


def asked(folder: Path, **fields: object) -> MigrateOUDDataCommand:
    """The message that migrates the records to ``folder/out``."""
    export = write(folder / "export.ldif", RECORDS)
    given = {"input_file": str(export), "base_dn": BASE, "output_dir": str(folder / "out"), "probes": 100}
    return MigrateOUDDataCommand.model_validate({**given, **fields})


def test_a_migration_is_answered_with_counters(bus: Bus, tmp_path: Path) -> None:
    """The answer holds what every record came to, and each phase."""
    made = bus.send(asked(tmp_path)).unwrap()

    assert made.complete
    assert made.counters is not None
    assert made.counters.model_dump() == {"read": 4, "filtered": 0, "ignored": 0, "processed": 4, "failed": 0}
    assert made.performed[0].phase == "schema"


def test_the_report_and_the_judgement_are_asked_by_folder(bus: Bus, tmp_path: Path) -> None:
    """Both read what lies there."""
    bus.send(asked(tmp_path)).unwrap()

    report = bus.send(GetReportQuery(output_dir=str(tmp_path / "out"))).unwrap()
    judged = bus.send(ValidateDataQuery(output_dir=str(tmp_path / "out"))).unwrap()

    assert report.account.written == {"hierarchy": 2, "users": 1, "groups": 1}
    assert judged.sound


def test_a_folder_without_report_is_named(bus: Bus, tmp_path: Path) -> None:
    """Asking for what is not there says so."""
    with pytest.raises(NotFoundError, match="There is no report"):
        bus.send(GetReportQuery(output_dir=str(tmp_path))).unwrap()


def test_phases_must_be_in_order(tmp_path: Path) -> None:
    """The last phase cannot come before the first."""
    spec = registry.find(registry.all_specs(), "oud.MigrateOUDData")

    with pytest.raises(InvalidMessageError, match="schema comes before"):
        registry.parse(spec, {"input_file": "x", "base_dn": BASE, "output_dir": "y", "from_phase": "acls",
                              "to_phase": "schema"})  # fmt: skip


def test_a_diagnosis_writes_nothing(bus: Bus, tmp_path: Path) -> None:
    """The report comes without a folder."""
    export = write(tmp_path / "export.ldif", RECORDS)

    report = bus.send(DiagnoseOUDDataQuery(input_file=str(export), base_dn=BASE, probes=50)).unwrap()

    assert report.account.counters.processed == 4
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["export.ldif"]


def test_one_file_is_transformed_in_its_order(bus: Bus, tmp_path: Path) -> None:
    """Kept entries come out in the order of the file; the others are counted, rejected ones kept with reasons."""
    records = [person("b"), domain(), "dn: nothing", person("a")]
    command = TransformLDIFCommand(
        input_file=str(write(tmp_path / "in.ldif", records)), output_file=str(tmp_path / "out.ldif"),
        rejects_file=str(tmp_path / "rejects.ldif"),
    )  # fmt: skip

    done = bus.send(command).unwrap()

    assert (done.read, done.rejected) == (4, {"not-ldif": 1})
    assert [record.dn_text for record in read_ldif(tmp_path / "out.ldif")] == [f"cn=b,{BASE}", BASE, f"cn=a,{BASE}"]
    assert b"dn: nothing" in (tmp_path / "rejects.ldif").read_bytes()


def test_a_file_is_not_transformed_onto_itself(bus: Bus, tmp_path: Path) -> None:
    """Input and output must be two files."""
    path = str(write(tmp_path / "in.ldif", RECORDS))

    with pytest.raises(UsageError, match="same file"):
        bus.send(TransformLDIFCommand(input_file=path, output_file=path)).unwrap()


@pytest.mark.process
def test_a_launched_migration_is_a_run_of_its_phases(bus: Bus, tmp_path: Path) -> None:
    """The run has an asset for each phase, and the status reads their counts from Dagster."""
    answer = bus.send(LaunchOUDMigrationCommand(migration=asked(tmp_path))).unwrap()

    status = bus.send(GetMigrationStatusQuery()).unwrap()
    assert answer.complete
    assert status.status == "completed"
    assert {one.phase: one.records for one in status.phases if one.records} == {
        "hierarchy": 2, "users": 1, "groups": 1, "acls": 1,
    }  # fmt: skip
    assert {one.state for one in status.phases} == {"completed"}
    assert status.report == str(tmp_path / "out" / "report.html")


@pytest.mark.process
def test_an_error_of_a_phase_is_the_error_of_the_launch(bus: Bus, tmp_path: Path) -> None:
    """What a phase raised inside the run is raised by the message that launched it; the phase shows as failed."""
    with pytest.raises(NotFoundError, match="no file"):
        bus.send(LaunchOUDMigrationCommand(migration=asked(tmp_path, rules=str(tmp_path / "none.yaml")))).unwrap()

    status = bus.send(GetMigrationStatusQuery()).unwrap()
    assert status.phases[0].state == "failed"


@pytest.mark.process
def test_the_status_tells_of_a_migration_that_was_sent_as_a_message(bus: Bus, tmp_path: Path) -> None:
    """The last one is shown, whether it was a job of phases or one message; another message's run is none."""
    payload = asked(tmp_path).model_dump(mode="json", exclude_unset=True)
    other = {"input_file": payload["input_file"], "output_file": str(tmp_path / "one.ldif")}
    sent = bus.send(PerformInRunCommand(message="oud.MigrateOUDData", payload=payload)).unwrap()
    transformed = bus.send(PerformInRunCommand(message="oud.TransformLDIF", payload=other)).unwrap()

    status = bus.send(GetMigrationStatusQuery()).unwrap()

    assert status.execution_id == sent.execution_id
    assert status.status == "completed"
    assert {one.phase: one.records for one in status.phases if one.records}["hierarchy"] == 2
    assert status.report == str(tmp_path / "out" / "report.html")
    with pytest.raises(NotFoundError, match="is no migration"):
        bus.send(GetMigrationStatusQuery(execution_id=transformed.execution_id)).unwrap()


def test_status_before_any_migration_says_so(bus: Bus) -> None:
    """There is nothing to tell of."""
    with pytest.raises(NotFoundError, match="No migration was run yet"):
        bus.send(GetMigrationStatusQuery()).unwrap()


def call(*words: str, home: Path) -> tuple[int, str]:
    """Exit code and output of a command."""
    ran = CliRunner(env={"FLEXT_HOME": str(home)}).invoke(flext, words, standalone_mode=False)
    if ran.exception is not None:
        raise ran.exception
    return cast("int", ran.return_value or 0), ran.stdout


def test_the_exit_code_says_whether_a_person_is_needed(tmp_path: Path) -> None:
    """A clean migration ends with 0, one with rejected records with 2 and the list of what."""
    clean = write(tmp_path / "clean.ldif", RECORDS)
    broken = write(tmp_path / "broken.ldif", [*RECORDS, "dn: x", person("bob", f"ou=gone,{BASE}")])
    options = ("--base-dn", BASE, "--here", "--probes", "50", "--json", "--out")

    good, text = call("oud", "migrate", str(clean), *options, str(tmp_path / "good"), home=tmp_path / "home")
    bad, listed = call("oud", "migrate", str(broken), *options, str(tmp_path / "bad"), home=tmp_path / "home")

    assert (good, bad) == (0, 2)
    assert Migration.model_validate_json(text).needs == ()
    assert [need["code"] for need in json.loads(listed)["needs"]] == ["rejected-not-ldif", "rejected-orphan"]


def test_a_diagnosis_at_the_shell_ends_with_the_same_code(tmp_path: Path) -> None:
    """Without --out nothing is written, and the code says whether a person is needed."""
    export = write(tmp_path / "e.ldif", [*RECORDS, "dn: x"])

    code, text = call("oud", "migrate", str(export), "--base-dn", BASE, "--diagnose", "--json", home=tmp_path / "home")

    assert code == 2
    assert json.loads(text)["account"]["rejected"] == {"not-ldif": 1}


def test_validate_at_the_shell_ends_with_its_verdict(tmp_path: Path) -> None:
    """A sound folder ends with 0, a damaged one with 2."""
    export = write(tmp_path / "e.ldif", RECORDS)
    call("oud", "migrate", str(export), "--base-dn", BASE, "--here", "--probes", "50", "--out", str(tmp_path / "out"),
         home=tmp_path / "home")  # fmt: skip

    sound, _ = call("oud", "validate", str(tmp_path / "out"), home=tmp_path / "home")
    (tmp_path / "out" / "02-users-0001.ldif").unlink()
    damaged, text = call("oud", "validate", str(tmp_path / "out"), home=tmp_path / "home")

    assert (sound, damaged) == (0, 2)
    assert "02-users-0001.ldif is missing" in text


def test_nothing_is_written_without_a_folder(tmp_path: Path) -> None:
    """Without --out and --diagnose the shell asks for one of them."""
    export = write(tmp_path / "e.ldif", RECORDS)

    with pytest.raises(UsageError, match="--out is missing"):
        call("oud", "migrate", str(export), "--base-dn", BASE, home=tmp_path / "home")


def test_a_stream_is_transformed_at_the_shell(tmp_path: Path) -> None:
    """`-` reads standard input and writes standard output; a rejected record shows in the exit code."""
    data = "".join(f"{record}\n\n" for record in [*RECORDS, "dn: x"]).encode()
    runner = CliRunner(env={"FLEXT_HOME": str(tmp_path / "home")})

    ran = runner.invoke(flext, ["oud", "transform", "-", "-", "--base-dn", BASE], input=data, standalone_mode=False)

    assert ran.exception is None
    assert cast("int", ran.return_value) == 2
    (tmp_path / "out.ldif").write_bytes(ran.stdout_bytes)
    assert len(list(read_ldif(tmp_path / "out.ldif"))) == 4
    assert "5 read, 1 rejected, 0 excluded" in ran.stderr


@pytest.mark.parametrize("more", [("--from", "acls"), ("--until", "users"), ("--replace",)])
def test_a_diagnosis_is_of_the_whole(tmp_path: Path, more: tuple[str, ...]) -> None:
    """What is asked of a result is not passed over where there will be none."""
    export = write(tmp_path / "e.ldif", RECORDS)

    with pytest.raises(UsageError, match="--diagnose makes none"):
        call("oud", "migrate", str(export), "--base-dn", BASE, "--diagnose", *more, home=tmp_path / "home")


def test_people_see_what_became_of_one_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Counts stand in rows, each with its reason, and not as the text of a program."""
    show_transformed(
        Transformed(
            output="new.ldif", read=3, written={"users": 1}, excluded={"tree": 1}, rejected={"not-ldif": 1}, notes={},
            dropped={"operational entryid": 2}, access_values=0,
        )
    )  # fmt: skip
    text = capsys.readouterr().out

    assert "{" not in text
    for words in ("1 written users", "1 excluded tree", "1 rejected not-ldif", "2 values dropped operational entryid"):
        assert words in " ".join(text.split())


@pytest.mark.parametrize("option", ["--workers", "--file-megabytes"])
def test_a_zero_is_an_answer_and_not_an_option_left_out(tmp_path: Path, option: str) -> None:
    """Nobody who asks for no worker gets one in silence."""
    export = write(tmp_path / "e.ldif", RECORDS)
    words = ("oud", "migrate", str(export), "--base-dn", BASE, "--here", "--out", str(tmp_path / "out"), option, "0")

    with pytest.raises(InvalidMessageError, match="greater than or equal to 1"):
        call(*words, home=tmp_path / "home")


def test_a_proof_that_nobody_wants_is_not_made(tmp_path: Path) -> None:
    """`--probes 0` asks nothing."""
    export = write(tmp_path / "e.ldif", RECORDS)

    call("oud", "migrate", str(export), "--base-dn", BASE, "--here", "--out", str(tmp_path / "out"), "--probes", "0",
         home=tmp_path / "home")  # fmt: skip

    assert json.loads((tmp_path / "out" / "report.json").read_bytes())["proof"]["probes"] == 0


def test_a_part_of_a_migration_promises_nothing(tmp_path: Path) -> None:
    """Whether something needs a person is not said before the end."""
    export = write(tmp_path / "e.ldif", [*RECORDS, "dn: x"])

    code, text = call("oud", "migrate", str(export), "--base-dn", BASE, "--here", "--out", str(tmp_path / "out"),
                      "--until", "users", home=tmp_path / "home")  # fmt: skip

    assert code == 0
    assert "Not whole yet" in text
    assert "Nothing needs a person" not in text


@pytest.mark.parametrize("more", [("--out", "out"), ("--diagnose",)])
def test_a_missing_password_is_told_before_the_work(tmp_path: Path, more: tuple[str, ...]) -> None:
    """A migration that could not be loaded at its end does not begin."""
    export = write(tmp_path / "e.ldif", RECORDS)
    words = [str(tmp_path / one) if one == "out" else one for one in more]

    with pytest.raises(UsageError, match="has no password"):
        call("oud", "migrate", str(export), "--base-dn", BASE, "--here", *words, "--to", "ldap://127.0.0.1:1",
             "--bind-dn", "cn=admin", home=tmp_path / "home")  # fmt: skip

    assert not (tmp_path / "out").exists()


@pytest.mark.process
def test_a_rejected_record_of_one_file_shows_in_the_exit_code(tmp_path: Path) -> None:
    """A transformation that leaves records behind ends with 2, one that does not with 0."""
    broken, clean = write(tmp_path / "broken.ldif", [*RECORDS, "dn: x"]), write(tmp_path / "clean.ldif", RECORDS)

    codes = [
        call("oud", "transform", str(path), str(tmp_path / "out.ldif"), home=tmp_path / "home")[0]
        for path in (broken, clean)
    ]

    assert codes == [2, 0]
