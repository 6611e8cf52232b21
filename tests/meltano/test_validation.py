"""Everything that is wrong with a project, found at once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flext_pipelines.errors import NotFoundError
from flext_pipelines.meltano.plugin_values import ValidationReport
from flext_pipelines.meltano.validation import validate
from tests.meltano.written_projects import tree, written

CLEAN = f"""\
    environments:
    - name: dev
    - name: prod
      config:
        plugins:
          extractors:
          - name: tap-a
            config: {{host: p}}
    env: {{SHARED_HOST: h}}
    plugins:
      extractors:
      - name: tap-a
        namespace: tap_a
        executable: {sys.executable}
        settings:
        - name: host
        - name: token
          kind: password
        - name: start
          kind: date_iso8601
        settings_group_validation: [[host]]
        config:
          host: $SHARED_HOST
          start: 2024-01-01
      loaders:
      - name: target-a
        namespace: target_a
        executable: {sys.executable}
        config:
          schema: $MELTANO_EXTRACT__LOAD_SCHEMA
    jobs:
    - name: j
      tasks: [tap-a target-a]
    schedules:
    - name: s
      job: j
      interval: 0 8-18 * * 1-5
      annotations: {{flext: {{timezone: Europe/Berlin}}}}
"""


def _found(report: ValidationReport) -> list[tuple[str, str, int | None]]:
    return [(item.severity, item.code, item.line) for item in report.problems]


def _line(text: str, place: str) -> int:
    """The line on which a part of the text begins."""
    return text[: text.index(place)].count("\n") + 1


def test_a_right_project_has_no_problems(tmp_path: Path) -> None:
    """Dates, placeholders of the project's env and of Meltano, and working hours in a cron are all right."""
    project = written(tmp_path, CLEAN)
    before = tree(project.root)

    report = validate(project)

    assert report == ValidationReport(ok=True, environments=("dev", "prod"))
    assert tree(project.root) == before


CASES = {
    "unknown setting": (
        "start: 2024-01-01",
        "strat: 1",
        ("warning", "unknown_setting", "strat"),
        "Did you mean start?",
    ),
    "wrong type": ("start: 2024-01-01", "start: soon", ("error", "wrong_type", "start: soon"), "must be a date"),
    "plain secret": (
        "start: 2024-01-01",
        "token: hunter2",
        ("warning", "secret_in_file", "token: hunter2"),
        "plain text",
    ),
    "placeholder": (
        "start: 2024-01-01",
        "start: ${NOWHERE}",
        ("error", "unresolved_placeholder", "start: ${NOWHERE}"),
        "$NOWHERE",
    ),
    "missing": (
        "[[host]]",
        "[[host, token]]",
        ("error", "missing_setting", "- name: tap-a\n        namespace"),
        "needs 'token'",
    ),
    "unknown plugin in a job": (
        "[tap-a target-a]",
        "[tap-z target-a]",
        ("error", "invalid_pipeline", "tasks"),
        "tap-z",
    ),
    "no target": ("[tap-a target-a]", "[tap-a]", ("error", "invalid_pipeline", "tasks"), "has no target"),
    "unknown job": ("job: j", "job: k", ("error", "unknown_job", "job: k"), "'k' does not exist"),
    "cron": ("0 8-18 * * 1-5", "0 25 * * *", ("error", "invalid_cron", "interval"), "between 0 and 23"),
    "time zone": ("Europe/Berlin", "Mars/Base", ("error", "unknown_timezone", "annotations"), "no time zone"),
    "executable": (
        f"executable: {sys.executable}\n        settings",
        "executable: ./gone.py\n        settings",
        ("error", "no_executable", "executable: ./gone.py"),
        "./gone.py",
    ),
    "no definition": (
        "namespace: target_a",
        "variant: x",
        ("error", "no_definition", "- name: target-a"),
        "no definition",
    ),
    "a key Meltano does not know": (
        "    jobs:",
        "    jbos: []\n    jobs:",
        ("warning", "schema", "jbos"),
        "unknown key 'jbos'",
    ),
    "environment of nothing": (
        "- name: tap-a\n            config: {host: p}",
        "- name: tap-q\n            config: {host: p}",
        ("warning", "unknown_plugin", "- name: tap-q"),
        "'tap-q'",
    ),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_fault_is_found_with_its_line(tmp_path: Path, case: str) -> None:
    """One fault gives one problem, with severity, line, and what to do; secrets are not repeated."""
    old, new, expected, said = CASES[case]
    assert CLEAN.count(old) == 1
    text = CLEAN.replace(old, new)
    severity, code, place = expected

    report = validate(written(tmp_path, text))

    wanted = (severity, code, _line(text, place))
    matching = [item for item in report.problems if (item.severity, item.code, item.line) == wanted]
    assert len(matching) == 1, report.problems
    assert said in f"{matching[0].message} {matching[0].instruction}"
    assert "hunter2" not in report.model_dump_json()
    assert report.ok == (severity == "warning")


def test_a_plugin_that_nobody_uses_only_warns(tmp_path: Path) -> None:
    """What no pipeline needs cannot fail a run."""
    unused = CLEAN.replace("[[host]]", "[[host, token]]").replace("[tap-a target-a]", "[]")

    report = validate(written(tmp_path, unused))

    assert ("warning", "missing_setting", _line(unused, "- name: tap-a\n        namespace")) in _found(report)


def test_of_several_groups_the_nearest_is_asked_for(tmp_path: Path) -> None:
    """One complete group is enough; else the one that lacks the least is told."""
    one_complete = CLEAN.replace("[[host]]", "[[host], [token, host, start]]")
    none_complete = CLEAN.replace("[[host]]", "[[token, user, a], [host, token]]")

    assert validate(written(tmp_path / "a", one_complete)).ok
    (problem,) = validate(written(tmp_path / "b", none_complete)).problems
    assert problem.message == "tap-a needs 'token' (or another of its 2 sets of settings)"


def test_a_fault_of_one_environment_names_it(tmp_path: Path) -> None:
    """What is wrong in all environments is told once, without naming one."""
    text = CLEAN.replace("config: {host: p}", "config: {hots: p}").replace("start: 2024-01-01", "strat: 1")

    report = validate(written(tmp_path, text))

    assert [(item.code, item.line, item.environment) for item in report.problems] == [
        ("unknown_setting", _line(text, "hots"), "prod"),
        ("unknown_setting", _line(text, "strat"), None),
    ]
    assert [item.line for item in validate(written(tmp_path, text), "dev").problems] == [_line(text, "strat")]


def test_names_given_twice_are_found(tmp_path: Path) -> None:
    """Of two jobs or plugins of one name Meltano silently takes the first."""
    text = CLEAN + "    - {name: s, job: j, interval: '@daily'}\n"

    report = validate(written(tmp_path, text))

    assert _found(report) == [("error", "duplicate_name", _line(text, "{name: s, job"))]
    assert f"the first stands at meltano.yml:{_line(text, 'schedules:') + 1}:3" in report.problems[0].message


def test_a_broken_file_is_one_problem(tmp_path: Path) -> None:
    """A file that cannot be read is reported like any other fault, not raised."""
    report = validate(written(tmp_path, "a: [1\nb: 2\n"))

    assert not report.ok
    assert _found(report) == [("error", "unreadable", 2)]
    assert report.problems[0].message.startswith("the file is not valid YAML")


def test_variables_that_runs_are_given_count_as_set(tmp_path: Path) -> None:
    """Ours, and those of .env, fill placeholders."""
    text = CLEAN.replace("$SHARED_HOST", "$FLEXT_WMS_DATABASE_URL/$FROM_DOTENV")
    project = written(tmp_path, text)
    (project.root / ".env").write_text("FROM_DOTENV=1\n")

    assert _found(validate(project)) == [("error", "unresolved_placeholder", _line(text, "host: $"))]
    assert validate(project, extra={"FLEXT_WMS_DATABASE_URL": "x"}).ok


PARTITIONED = """\
    environments:
    - name: dev
    plugins:
      extractors:
      - name: tap-a
        namespace: tap_a
        executable: {python}
        settings: [{{name: file}}]
        config:
          file: $FLEXT_PARTITION_KEY.db
      - name: tap-heir
        inherit_from: tap-a
        config: {{file: $FLEXT_PARTITION_START.db}}
      - name: tap-whole
        inherit_from: tap-a
        config: {{file: $FLEXT_PARTITION_END.db}}
      loaders:
      - name: target-a
        namespace: target_a
        executable: {python}
        config: {{schema: $FLEXT_PARTITION_KEY}}
    jobs:
    - name: sites
      tasks: [tap-heir target-a]
      annotations: {{flext: {{partitions: {partitions}}}}}
    - name: whole
      tasks: [tap-whole target-a]
"""


@pytest.mark.parametrize(
    ("partitions", "faults"),
    [
        ("{kind: daily, start: 2026-01-01}", ["$FLEXT_PARTITION_END"]),
        ("{kind: static, keys: [a]}", ["$FLEXT_PARTITION_START", "$FLEXT_PARTITION_END"]),
    ],
)
def test_a_partition_counts_as_set_for_the_plugins_of_a_partitioned_pipeline(
    tmp_path: Path, partitions: str, faults: list[str]
) -> None:
    """And for those that they inherit from; no other run sets it, and one of a fixed list has no instants."""
    text = PARTITIONED.format(python=sys.executable, partitions=partitions)

    report = validate(written(tmp_path, text))

    assert [item.code for item in report.problems] == ["unresolved_placeholder"] * len(faults)
    assert all(name in item.message for name, item in zip(faults, report.problems, strict=True))


def test_an_unknown_environment_is_refused(tmp_path: Path) -> None:
    """Validating what does not exist is a mistake of the caller."""
    with pytest.raises(NotFoundError, match="no environment 'qa'"):
        validate(written(tmp_path, CLEAN), "qa")


def test_a_report_survives_json(tmp_path: Path) -> None:
    """The report means the same after it went through JSON."""
    report = validate(written(tmp_path, CLEAN.replace("0 8-18", "0 25")))

    assert ValidationReport.model_validate_json(report.model_dump_json()) == report
