"""Reading a project without starting anything and without leaving a trace."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from flext_pipelines.errors import ConfigError, NotFoundError
from flext_pipelines.meltano.catalogue import Block, Partitions, Stream
from flext_pipelines.meltano.introspection import read_catalogue
from flext_pipelines.secrets import MASK
from tests.meltano.written_projects import tree, written

SHOP = """
    # A shop
    environments:
    - name: dev
      config:
        plugins:
          extractors:
          - name: tap-shop
            select: ["orders.*", "items.id", "!orders.secret"]
    - name: prod
    include_paths: ["more/*.yml"]
    plugins:
      extractors:
      - name: tap-shop
        namespace: tap_shop
        pip_url: git+https://bob:hunter2@example.org/tap-shop
        executable: tap-shop
        capabilities: [catalog, discover, state]
      - name: tap-child
        inherit_from: tap-shop
        load_schema: kids
      mappers:
      - name: map-x
        namespace: map_x
        executable: ./map.py
        mappings:
        - name: hash
          config: {a: 1}
      loaders:
      - name: target-j
        namespace: target_j
        executable: ./t.py
    jobs:
    - name: shop
      tasks:
      - tap-shop hash target-j
      - [dbt:run, dbt]
      annotations:
        flext:
          description: Orders into the warehouse
          partitions: {kind: daily, start: 2024-01-01, timezone: Europe/Berlin}
    - name: bad
      tasks: tap-shop dbt:run
    schedules:
    - name: nightly
      job: shop
      interval: '@daily'
      env: {PACE: slow}
      annotations: {flext: {timezone: Europe/Berlin}}
    - name: old
      extractor: tap-child
      loader: target-j
      transform: run
      interval: 0 4 * * 1-5
    - name: once
      job: shop
      interval: '@once'
"""
DBT = """
    plugins:
      transformers:
      - name: dbt
        namespace: dbt
        executable: ./dbt.sh
        commands:
          run: {args: run}
"""


def test_a_job_becomes_a_pipeline_of_blocks(tmp_path: Path) -> None:
    """Taps, mappings, targets and commands of a job are blocks, plugins of included files among them."""
    project = written(tmp_path, SHOP, more__dbt_yml=DBT)

    shop = read_catalogue(project).pipeline("shop")

    assert shop is not None
    assert shop.blocks == (
        Block(kind="el", tap="tap-shop", mappers=("hash",), target="target-j"),
        Block(kind="command", plugin="dbt", command="dbt:run"),
        Block(kind="command", plugin="dbt", command="dbt"),
    )
    assert shop.arguments == ("tap-shop", "hash", "target-j", "dbt:run", "dbt")
    assert shop.partitions == Partitions(kind="daily", start="2024-01-01", timezone="Europe/Berlin")
    assert shop.description == "Orders into the warehouse"


def test_an_extract_and_load_schedule_becomes_a_pipeline(tmp_path: Path) -> None:
    """A schedule without a job is a pipeline under its own name and with the state id that Meltano gives it."""
    project = written(tmp_path, SHOP, more__dbt_yml=DBT)

    old = read_catalogue(project).pipeline("old")

    assert old is not None
    assert (old.source, old.state_id, old.arguments) == ("schedule", "old", ("tap-child", "target-j", "dbt:run"))


def test_a_wrong_job_does_not_hide_the_others(tmp_path: Path) -> None:
    """A job that Meltano would refuse is listed with the reason."""
    project = written(tmp_path, SHOP, more__dbt_yml=DBT)

    bad = read_catalogue(project).pipeline("bad")

    assert bad is not None
    assert bad.blocks == ()
    assert bad.problem == "'dbt:run' stands between tap 'tap-shop' and its target"


def test_schedules_have_cron_and_time_zone(tmp_path: Path) -> None:
    """Aliases are resolved, the zone comes from the annotation, and what never runs by itself has no cron."""
    project = written(tmp_path, SHOP, more__dbt_yml=DBT)

    found = {s.name: (s.pipeline, s.cron, s.timezone) for s in read_catalogue(project).schedules}

    assert found == {
        "nightly": ("shop", "0 0 * * *", "Europe/Berlin"),
        "old": ("old", "0 4 * * 1-5", "UTC"),
        "once": ("shop", None, "UTC"),
    }


def test_inheritance_is_resolved(tmp_path: Path) -> None:
    """An heir has what it does not define itself, and shares the venv of its parent."""
    project = written(tmp_path, SHOP, more__dbt_yml=DBT)
    catalogue = read_catalogue(project)

    child, parent = catalogue.plugin("tap-child"), catalogue.plugin("tap-shop")

    assert child is not None
    assert parent is not None
    assert (child.executable, child.capabilities, child.venv) == ("tap-shop", parent.capabilities, parent.venv)
    assert (child.load_schema, parent.load_schema) == ("kids", "tap_shop")


def test_credentials_of_a_pip_url_are_masked(tmp_path: Path) -> None:
    """Neither the catalogue nor its cache holds a token of a pip_url."""
    project = written(tmp_path, SHOP, more__dbt_yml=DBT)

    plugin = read_catalogue(project).plugin("tap-shop")

    assert plugin is not None
    assert plugin.pip_url == f"git+https://{MASK}@example.org/tap-shop"
    assert b"hunter2" not in b"".join(tree(project.home).values())


def test_included_plugins_are_listed_once_however_often_one_looks(tmp_path: Path) -> None:
    """Meltano merges included files into its cached YAML, so that a second look would see them twice."""
    project = written(tmp_path, SHOP, more__dbt_yml=DBT + "  extractors: [{name: tap-more, namespace: tap_more}]\n")
    project.root.joinpath("more/dbt.yml").write_text(
        textwrap.dedent(DBT) + "  extractors:\n  - {name: tap-more, namespace: tap_more, executable: ./x}\n"
    )

    for environment in ("dev", "prod", "dev"):
        names = [plugin.name for plugin in read_catalogue(project.in_environment(environment)).plugins]

        assert sorted(names) == ["dbt", "map-x", "tap-child", "tap-more", "tap-shop", "target-j"]


def test_streams_without_a_snapshot_are_those_the_rules_name(tmp_path: Path) -> None:
    """Select rules name streams; where a rule is a pattern, the tap counts as one stream."""
    project = written(tmp_path, SHOP, more__dbt_yml=DBT)

    dev = read_catalogue(project).streams["tap-shop"]
    prod = read_catalogue(project.in_environment("prod")).streams["tap-shop"]

    assert [stream.name for stream in dev] == ["orders", "items"]
    assert prod == (Stream(tap="tap-shop", name="tap-shop"),)


def test_looking_leaves_no_trace_in_the_project(tmp_path: Path) -> None:
    """No folder, link, lock or project id appears, also for plugins of the Hub without a lock file."""
    text = textwrap.dedent(SHOP).replace("  loaders:", "  - name: tap-hub\n    variant: v\n  loaders:", 1)
    project = written(tmp_path, text, more__dbt_yml=DBT)
    before = tree(project.root), sorted(project.root.rglob("*"))

    hub = read_catalogue(project).plugin("tap-hub")

    assert (tree(project.root), sorted(project.root.rglob("*"))) == before
    assert hub is not None
    assert "no definition" in (hub.problem or "")


@pytest.mark.process
def test_looking_changes_nothing_in_this_process(tmp_path: Path) -> None:
    """Neither loggers, nor the exception hook, nor standard output notice that Meltano was imported."""
    project = written(tmp_path, SHOP, more__dbt_yml=DBT)
    code = f"""
        import logging, sys
        from pathlib import Path
        from tests.meltano.written_projects import project_at
        from flext_pipelines.meltano.introspection import read_catalogue
        before = (list(logging.root.handlers), logging.root.level, sys.excepthook)
        read_catalogue(project_at(Path({str(project.root)!r}), Path({str(project.home)!r})))
        assert "meltano.core.project" in sys.modules and "meltano.cli" not in sys.modules
        assert before == (list(logging.root.handlers), logging.root.level, sys.excepthook)
        import structlog
        assert not structlog.is_configured()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False, cwd=Path.cwd()
    )

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


@pytest.mark.process
def test_a_warm_look_up_imports_no_meltano(tmp_path: Path) -> None:
    """From the cache it takes milliseconds and needs neither Meltano nor YAML."""
    project = written(tmp_path, SHOP, more__dbt_yml=DBT)
    read_catalogue(project)
    code = f"""
        import sys, time
        from pathlib import Path
        from tests.meltano.written_projects import project_at
        from flext_pipelines.meltano.introspection import read_catalogue
        project = project_at(Path({str(project.root)!r}), Path({str(project.home)!r}))
        begun = time.process_time()
        assert read_catalogue(project).pipeline("shop")
        seconds = time.process_time() - begun
        heavy = ("meltano.core", "ruamel.yaml", "yaml", "sqlalchemy", "structlog")
        print(seconds, [name for name in heavy if name in sys.modules])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    seconds, loaded = done.stdout.split(" ", 1)

    assert loaded.strip() == "[]"
    assert float(seconds) < 0.1, "2.4 ms on an idle machine; the bound leaves room for a busy one"


def _changes() -> list[tuple[str, str, str]]:
    return [
        ("meltano.yml", "meltano.yml", "\n# changed\n"),
        ("an included file", "more/dbt.yml", "\n# changed\n"),
        ("a new included file", "more/new.yml", "jobs: []\n"),
        ("a lock file", "plugins/extractors/tap-hub--v.lock", "{}"),
        (".env, a new name", ".env", "TAP_SHOP_X=1\n"),
        (".env, an extra's value", ".env", 'TAP_SHOP__SELECT=["a.*"]\n'),
        ("an installed plugin", ".meltano/extractors/tap-shop/venv/.meltano_plugin_fingerprint", "x"),
    ]


@pytest.mark.parametrize(("what", "path", "text"), _changes(), ids=[change[0] for change in _changes()])
def test_the_cache_notices_what_it_depends_on(tmp_path: Path, what: str, path: str, text: str) -> None:
    """Whatever the catalogue was read from, a change of it gives another fingerprint."""
    project = written(tmp_path, SHOP, more__dbt_yml=DBT)
    before = read_catalogue(project).fingerprint
    assert read_catalogue(project).fingerprint == before

    changed = project.root / path
    changed.parent.mkdir(parents=True, exist_ok=True)
    with changed.open("a") as stream:
        stream.write(text)

    assert read_catalogue(project).fingerprint != before, what


def test_a_select_rule_of_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of a tap's extra is seen as a run would see it, also when the cache is warm."""
    project = written(tmp_path, SHOP, more__dbt_yml=DBT)
    read_catalogue(project)

    monkeypatch.setenv("TAP_SHOP__SELECT", json.dumps(["customers.*"]))

    assert [stream.name for stream in read_catalogue(project).streams["tap-shop"]] == ["customers"]


def test_a_spoilt_cache_is_read_anew(tmp_path: Path) -> None:
    """A cache file cut short, or of another version, is no cache."""
    project = written(tmp_path, SHOP, more__dbt_yml=DBT)
    catalogue = read_catalogue(project)
    (cache,) = (project.home / "cache").glob("catalogue-*.json")

    for spoilt in (b"", b"{}\n", cache.read_bytes()[:-9], b"[1]\n[2]"):
        cache.write_bytes(spoilt)
        assert read_catalogue(project) == catalogue
    assert cache.stat().st_mode & 0o777 == 0o600


def test_an_unwritable_home_only_costs_the_cache(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A look-up works where nothing can be kept, and says so."""
    project = written(tmp_path, SHOP, more__dbt_yml=DBT)
    project.home.mkdir()
    (project.home / "cache").write_text("a file where a folder should be")

    assert read_catalogue(project).pipeline("shop")
    assert "cannot be cached" in caplog.text


DEV = "environments:\n- name: dev\n"
BROKEN = {
    "not YAML": ("a: [1\nb: 2\n", 2, 2, "expected ',' or ']'"),
    "a tab": (DEV + "\ta: b\n", 3, 1, "cannot start any token"),
    "a control character": (DEV + "x: \x01\n", 3, 4, "special characters are not allowed"),
    "a key twice": (DEV + "name: x\nname: y\n", 4, 1, 'duplicate key "name"'),
    "empty": ("", 1, 1, "the file is empty"),
    "a list": ("- x\n", 1, 1, "must be a mapping"),
    "no environment": ("plugins: {}\n", 1, 1, "defines no environment"),
    "a plugin without a name": (DEV + "plugins:\n  extractors:\n  - nam: x\n", 5, 5, "lacks 'name'"),
    "plugins as mapping": (DEV + "plugins:\n  extractors:\n    name: x\n", 4, 3, "must be of type array"),
    "plugins as list": (DEV + "plugins: [a]\n", 3, 1, "must be of type object"),
    "a job without tasks": (DEV + "jobs:\n- name: x\n", 4, 3, "lacks 'tasks'"),
    "an unknown plugin type": (DEV + "plugins:\n  extracters:\n  - name: x\n", 4, 3, "unknown key 'extracters'"),
    "a circle": (
        DEV + "plugins:\n  extractors:\n  - {name: a, inherit_from: b}\n  - {name: b, inherit_from: a}\n",
        6,
        15,
        "in a circle: a -> b -> a",
    ),
    "a colon in a name": (DEV + "plugins:\n  extractors:\n  - name: a:b\n    namespace: x\n", 5, 5, "colon"),
    "a setting without a name": (
        DEV + "plugins:\n  extractors:\n  - {name: a, namespace: x, settings: [{nam: 1}]}\n",
        5,
        40,
        "lacks 'name'",
    ),
}


@pytest.mark.parametrize("case", BROKEN, ids=str)
def test_a_broken_project_says_where_and_what(tmp_path: Path, case: str) -> None:
    """Every fault of meltano.yml is an error with file, line, column and what is wrong, never a traceback."""
    text, line, column, said = BROKEN[case]
    project = written(tmp_path, "")
    project.file.write_text(text)

    with pytest.raises(ConfigError) as caught:
        read_catalogue(project)

    assert caught.value.details == {"file": "meltano.yml", "line": line, "column": column}
    assert said in caught.value.reason
    assert caught.value.instruction


def test_a_missing_project_is_named(tmp_path: Path) -> None:
    """Where there is no meltano.yml, the error says how to point at one."""
    project = written(tmp_path, DEV)
    project.file.unlink()

    with pytest.raises(NotFoundError, match="There is no Meltano project") as caught:
        read_catalogue(project)

    assert "FLEXT_MELTANO_PROJECT_ROOT" in caught.value.instruction


def test_an_unknown_environment_is_named_with_those_there_are(tmp_path: Path) -> None:
    """A wrong environment is refused with the project's own."""
    project = written(tmp_path, DEV).in_environment("qa")

    with pytest.raises(NotFoundError, match="no environment 'qa'; it has dev"):
        read_catalogue(project)


def test_a_lock_file_of_the_hub_defines_a_plugin(tmp_path: Path) -> None:
    """A plugin that only names its variant has what its lock file says."""
    lock = {
        "plugin_type": "extractors",
        "name": "tap-hub",
        "namespace": "tap_hub",
        "variant": "v",
        "label": "Hub",
        "pip_url": "tap-hub==1",
        "executable": "tap-hub-it",
        "capabilities": ["discover", "catalog"],
        "settings": [{"name": "token", "kind": "password"}],
    }
    text = DEV + "plugins:\n  extractors:\n  - {name: tap-hub, variant: v}\n"
    project = written(tmp_path, text)
    path = project.root / "plugins/extractors/tap-hub--v.lock"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(lock))

    plugin = read_catalogue(project).plugin("tap-hub")

    assert plugin is not None
    assert (plugin.executable, plugin.pip_url, plugin.problem) == ("tap-hub-it", "tap-hub==1", None)
    assert not plugin.installed


def test_partitions_of_a_tap_apply_to_its_pipelines(tmp_path: Path) -> None:
    """A tap's annotation partitions every pipeline of the tap; a wrong one is the pipeline's problem."""
    tap = "{name: tap-a, namespace: tap_a, executable: ./a, annotations: {flext: {partitions: %s}}}"
    text = DEV + (
        f"plugins:\n  extractors:\n  - {tap % '{kind: static, keys: [a, b], key_setting: region}'}\n"
        "  loaders:\n  - {name: target-a, namespace: target_a, executable: ./a}\n"
        "jobs:\n- {name: own, tasks: tap-a target-a, annotations: {flext: {partitions: {kind: hourly}}}}\n"
        "- {name: lent, tasks: tap-a target-a}\n"
    )
    catalogue = read_catalogue(written(tmp_path, text))

    own, lent = catalogue.pipelines

    assert lent.partitions == Partitions(kind="static", keys=("a", "b"), key_setting="region")
    assert own.problem == "annotation partitions.start: a hourly kind has a first day"


def test_a_cold_look_up_is_quicker_than_a_meltano_start(tmp_path: Path) -> None:
    """Reading in process costs far less than the 0.88 s of one Meltano command, once Meltano is imported."""
    project = written(tmp_path, SHOP, more__dbt_yml=DBT)
    read_catalogue(project)
    project.file.write_text(project.file.read_text() + "# changed\n")

    begun = time.process_time()
    read_catalogue(project)

    assert time.process_time() - begun < 0.8
