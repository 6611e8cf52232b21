"""Settings of a plugin: effective ones with their places, and changes that put each where it belongs."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from pydantic import JsonValue, SecretStr

from flext_pipelines.errors import (
    AlreadyRunningError,
    ConfigError,
    NotFoundError,
    PluginConfigError,
    PluginMissingError,
)
from flext_pipelines.meltano.config import get_config
from flext_pipelines.meltano.configure import configure
from flext_pipelines.meltano.locks import hold_files
from flext_pipelines.meltano.plugin_values import SettingValue
from flext_pipelines.meltano.project import MeltanoProject
from tests.meltano.written_projects import tree, written

TEXT = """\
    # Top
    environments:
      - name: dev   # the dev one
        config:
          plugins:
            extractors:
              - name: tap-a
                select: ["orders.*"]
                config:
                  host: dev.host
      - name: prod
    plugins:
      extractors:
        # our tap
        - name: tap-a
          namespace: tap_a
          executable: ./tap.py
          settings:
            - {name: host, kind: string, aliases: [server]}
            - {name: port, kind: integer, value: 5432}
            - {name: password, kind: password}
            - {name: ssl, kind: boolean}
            - {name: mode, kind: options, options: [{label: A, value: a}, {label: B, value: b}]}
            - {name: login, kind: object}
            - {name: url}
            - {name: innocent, sensitive: true}
            - {name: token_count, kind: integer, sensitive: false}
            - {name: tables, kind: array}
            - {name: since, kind: date_iso8601}
            - {name: ratio, kind: decimal}
          settings_group_validation: [[host, password], [url, password]]
          config:
            host: base.host  # keep me
            password: plain
            login: {user: bob}
            url: postgresql://u:hunter2@h/x
          env:
            TAP_A_SSL: "true"
        - name: tap-b
          inherit_from: tap-a
          config: {mode: b}
        - name: tap-free
          namespace: tap_free
          executable: ./free.py
"""


@pytest.fixture
def project(tmp_path: Path) -> MeltanoProject:
    """A project with settings from every kind of place."""
    made = written(tmp_path, TEXT)
    (made.root / ".env").write_text("# secrets\nOTHER=1\n\nTAP_A_MODE=a\n")
    return made


def _settings(project: MeltanoProject, plugin: str = "tap-a") -> dict[str, SettingValue]:
    return {found.name: found for found in get_config(project, plugin).settings}


def test_each_setting_says_where_it_comes_from(project: MeltanoProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """By Meltano's precedence: variable, .env, environment, file, default; with file, line and column."""
    monkeypatch.setenv("TAP_A_PORT", "99")

    found = {name: (item.value, item.origin, item.where) for name, item in _settings(project).items()}

    assert found["port"] == (99, "variable", "TAP_A_PORT")
    assert found["mode"] == ("a", "dotenv", ".env:4")
    assert found["host"] == ("dev.host", "environment", "meltano.yml:10:15")
    assert found["_select"] == (["orders.*"], "environment", "meltano.yml:8:13")
    assert found["ssl"] == (True, "variable", "TAP_A_SSL at meltano.yml:38:9")
    assert found["login.user"] == ("bob", "project", "meltano.yml:35:17")
    assert found["tables"] == (None, "unset", "")
    assert found["_use_cached_catalog"] == (True, "default", "")


def test_an_heir_says_from_whom_it_inherits(project: MeltanoProject) -> None:
    """What a plugin inherits is told with the plugin and the place there."""
    found = _settings(project, "tap-b")

    assert (found["mode"].origin, found["mode"].where) == ("project", "meltano.yml:41:16")
    assert (found["host"].value, found["host"].origin) == ("dev.host", "inherited")
    assert found["host"].where == "tap-a: meltano.yml:10:15"


def test_secrets_are_masked_wherever_they_hide(project: MeltanoProject) -> None:
    """By definition, by name, and as credentials inside an address; and none is in the JSON answer."""
    found = _settings(project)

    assert {name for name, item in found.items() if item.value == "**********"} == {"password", "url"}
    assert {name for name, item in found.items() if item.required} == {"password"}
    text = get_config(project, "tap-a").model_dump_json()
    assert "hunter2" not in text
    assert '"plain"' not in text


def test_a_value_that_cannot_be_used_is_told_not_shown(
    project: MeltanoProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One setting of the wrong type does not hide the others."""
    monkeypatch.setenv("TAP_A_PORT", "many")

    found = _settings(project)

    assert found["port"].value is None
    assert "not of the setting's type" in (found["port"].problem or "")
    assert found["host"].value == "dev.host"


def test_plain_values_go_into_the_file_with_comments_kept(project: MeltanoProject) -> None:
    """Numbers given as text become numbers, nested names find their object, extras stand beside config."""
    before = project.file.read_text()
    values: dict[str, JsonValue] = {
        "server": "new.host",
        "port": "77",
        "login.user": "eve",
        "_select": ["a.*"],
        "tables": ["x"],
        "since": "2024-01-31",
    }

    done = configure(project, "tap-a", values=values, secrets={})

    text = project.file.read_text()
    expected = (
        before.replace("base.host  # keep me", "new.host   # keep me")
        .replace("user: bob", "user: eve")
        .replace(
            "hunter2@h/x\n",
            "hunter2@h/x\n        port: 77\n        tables:\n          - x\n        since: '2024-01-31'\n",
        )
        .replace('TAP_A_SSL: "true"\n', 'TAP_A_SSL: "true"\n      select:\n        - a.*\n')
    )
    assert text == expected
    stored = {item.name: (item.stored.partition(":")[0], item.shadowed_by) for item in done.settings}
    assert stored["host"] == ("meltano.yml", "environment dev at meltano.yml:10:15")
    assert stored["_select"] == ("meltano.yml", "environment dev at meltano.yml:8:13")
    assert stored["port"] == ("meltano.yml", "")


def test_an_environment_gets_its_own_section(project: MeltanoProject) -> None:
    """The section is made when the environment has none, and what has precedence is told."""
    done = configure(project, "tap-a", values={"mode": "b", "host": "p.host"}, secrets={}, environment="prod")

    found = {item.name: item.value for item in get_config(project.in_environment("prod"), "tap-a").settings}
    assert found["host"] == "p.host"
    assert _settings(project)["host"].value == "dev.host"
    assert {item.name: item.shadowed_by for item in done.settings} == {"mode": "TAP_A_MODE in .env", "host": ""}


def test_a_null_removes_a_setting(project: MeltanoProject) -> None:
    """Removing from the environment's section lets the plugin's own value show again."""
    configure(project, "tap-a", values={"host": None}, secrets={}, environment="dev")

    assert _settings(project)["host"].value == "base.host"


def test_a_secret_goes_to_dotenv_only(project: MeltanoProject) -> None:
    """It is in .env with mode 0600, nowhere else, and a plain one that stood in the file is gone."""
    secret = "p'w${X} \\ #"

    done = configure(project, "tap-a", values={}, secrets={"password": SecretStr(secret), "innocent": SecretStr("i")})

    assert [(item.name, item.stored) for item in done.settings] == [
        ("password", "TAP_A_PASSWORD in .env"),
        ("innocent", "TAP_A_INNOCENT in .env"),
    ]
    assert "password: plain" not in project.file.read_text()
    assert (project.root / ".env").stat().st_mode & 0o777 == 0o600
    assert _settings(project)["password"].where == ".env:5"
    others = {name: content for name, content in tree(project.root.parent).items() if not name.endswith("/.env")}
    assert not [name for name, content in others.items() if b"p'w" in content]


def test_meltano_reads_the_secret_exactly(project: MeltanoProject) -> None:
    """What the tap would get is what was given, placeholders and quotes in it untouched."""
    from flext_pipelines.meltano.opening import opened_project, resolved_plugin

    secret = "p'w${X}$HOME \\ #"
    configure(project, "tap-a", values={}, secrets={"password": SecretStr(secret)})

    with opened_project(project) as (opened, _):
        assert opened.settings(resolved_plugin(opened, "tap-a")).get("password") == secret


WRONG: list[tuple[dict[str, JsonValue], str]] = [
    ({"hots": "x"}, "has no setting 'hots'. Did you mean host?"),
    ({"_selct": []}, "Did you mean _select"),
    ({"port": "x"}, "'port' of tap-a must be a whole number"),
    ({"port": True}, "must be a whole number"),
    ({"port": 1.5}, "must be a whole number"),
    ({"ssl": "maybe"}, "must be true or false"),
    ({"mode": "c"}, "must be one of a, b"),
    ({"tables": "x"}, "must be a list"),
    ({"login": [1]}, "must be a mapping"),
    ({"since": "yesterday"}, "must be a date"),
    ({"ratio": "many"}, "must be a number"),
    ({"ratio": "NaN"}, "must be a number"),
    ({"host": {"a": 1}}, "must be a text"),
    ({"password": "x"}, "is a secret and was given as plain text"),
    ({"innocent": "x"}, "is a secret and was given as plain text"),
    ({"url": "pg://u:hunter2@h"}, "is a secret and was given as plain text"),
]


@pytest.mark.parametrize(("values", "said"), WRONG, ids=[str(sorted(case[0])) + str(n) for n, case in enumerate(WRONG)])
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    project: MeltanoProject, values: dict[str, JsonValue], said: str
) -> None:
    """Everything is checked first; one wrong setting keeps the right ones out too."""
    before = tree(project.root)

    with pytest.raises(PluginConfigError) as caught:
        configure(project, "tap-a", values={"token_count": 3, **values}, secrets={"password": SecretStr("s")})

    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert tree(project.root) == before


def test_placeholders_fit_any_kind(project: MeltanoProject) -> None:
    """Meltano expands them before it casts, and a reference to a secret is none."""
    configure(project, "tap-a", values={"port": "$PORT", "ssl": "${SSL}", "password": "$PW"}, secrets={})

    assert "port: $PORT" in project.file.read_text()
    assert "password: $PW" in project.file.read_text()


def test_a_mask_is_not_a_secret(project: MeltanoProject) -> None:
    """A message that went through JSON lost its secrets; the mask is never stored."""
    with pytest.raises(PluginConfigError, match="given as a mask"):
        configure(project, "tap-a", values={}, secrets={"password": SecretStr("**********")})


def test_a_plugin_without_definitions_takes_any_setting(project: MeltanoProject) -> None:
    """Where the project defines no settings, none can be wrong; but .env is read for defined ones only."""
    configure(project, "tap-free", values={"anything": [1, {"a": None}]}, secrets={})

    assert _settings(project, "tap-free")["anything"].value == [1, {"a": None}]
    with pytest.raises(PluginConfigError, match="reads only defined settings"):
        configure(project, "tap-free", values={}, secrets={"key": SecretStr("x")})


def test_unknown_plugins_and_environments_are_named(project: MeltanoProject) -> None:
    """With the nearest ones."""
    with pytest.raises(PluginMissingError, match="Did you mean tap-a"):
        configure(project, "tapa", values={"x": 1}, secrets={})
    with pytest.raises(NotFoundError, match="no environment 'qa'"):
        configure(project, "tap-a", values={"port": 1}, secrets={}, environment="qa")
    with pytest.raises(PluginMissingError):
        get_config(project, "nothing")


def test_a_broken_file_is_not_touched(project: MeltanoProject) -> None:
    """A project that cannot be read cannot be changed."""
    project.file.write_text("a: [")

    with pytest.raises(ConfigError, match=r"meltano\.yml:1"):
        configure(project, "tap-a", values={"port": 1}, secrets={"password": SecretStr("x")})

    assert "PASSWORD" not in (project.root / ".env").read_text()


def test_a_settings_edit_waits_for_another(project: MeltanoProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two editors at once would lose the edit of one; the second is told who has the file, and may try again."""
    monkeypatch.setattr("flext_pipelines.meltano.locks.EDIT_WAIT_SECONDS", 0.1)

    with (
        hold_files(project, "somebody's edit"),
        pytest.raises(AlreadyRunningError, match="somebody's edit") as caught,
    ):
        configure(project, "tap-a", values={"port": 1}, secrets={})

    assert caught.value.retryable
    configure(project, "tap-a", values={"port": 1}, secrets={})


@pytest.mark.process
def test_edits_of_several_processes_are_all_kept(project: MeltanoProject) -> None:
    """Four processes set four settings at once; none of the edits is lost."""
    code = f"""
        import sys
        from pathlib import Path
        from tests.meltano.written_projects import project_at
        from flext_pipelines.meltano.configure import configure
        project = project_at(Path({str(project.root)!r}), Path({str(project.home)!r}))
        configure(project, "tap-a", values={{sys.argv[1]: sys.argv[2]}}, secrets={{}})
    """
    wanted = {"port": "7", "token_count": "8", "ratio": "1.5", "since": "2024-02-03"}
    running = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), *pair], cwd=Path.cwd(), env=dict(os.environ))
        for pair in wanted.items()
    ]

    assert [process.wait(60) for process in running] == [0, 0, 0, 0]
    found = _settings(project)
    assert {name: str(found[name].value) for name in wanted} == wanted
