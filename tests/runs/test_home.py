"""The generated Dagster home."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import yaml

from flext_pipelines.errors import ConfigError, DataDamagedError
from flext_pipelines.runs.home import home_state, prepare_home
from flext_pipelines.runs.instance import open_instance
from flext_pipelines.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home that nobody has made yet."""
    return Settings(home=tmp_path / "home", actor="tester")


def test_a_home_is_made_once_and_then_left_alone(settings: Settings) -> None:
    """Preparing twice writes once."""
    file = prepare_home(settings) / "dagster.yaml"
    before = file.stat().st_mtime_ns

    prepare_home(settings)

    assert home_state(settings) == "generated"
    assert file.stat().st_mtime_ns == before


def test_a_changed_setting_changes_the_file(settings: Settings) -> None:
    """A file of other settings is replaced."""
    file = prepare_home(settings) / "dagster.yaml"
    changed = settings.model_copy(update={"max_concurrent_runs": 3})
    assert home_state(changed) == "outdated"

    prepare_home(changed)

    assert yaml.safe_load(file.read_text())["concurrency"]["runs"]["max_concurrent_runs"] == 3


def test_an_edited_file_is_kept(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """What a person changed is not written over, and the log says so."""
    file = prepare_home(settings) / "dagster.yaml"
    file.write_text(file.read_text().replace("enabled: false", "enabled: true", 1))
    caplog.set_level("INFO", logger="flext.runs")

    prepare_home(settings.model_copy(update={"max_concurrent_runs": 3}))

    assert home_state(settings) == "edited"
    assert "enabled: true" in file.read_text()
    assert "edited by hand" in caplog.text


def test_an_edited_file_that_dagster_refuses_is_named(settings: Settings) -> None:
    """The error says which file to mend."""
    file = prepare_home(settings) / "dagster.yaml"
    file.write_text("storage: [nonsense]\n")

    with pytest.raises(ConfigError) as caught:
        open_instance(settings)
    assert str(file) in caught.value.reason


@pytest.mark.parametrize(("content", "place"), [(b"storage: {}\nx: [\n", ":3:1"), (b"x: 1\n\xff\xfe", ""), (b"\0", "")])
def test_a_file_that_is_no_yaml_is_named(settings: Settings, content: bytes, place: str) -> None:
    """A damaged file is told with its place before Dagster reads it, and a removed one is made anew."""
    file = prepare_home(settings) / "dagster.yaml"
    file.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        prepare_home(settings)

    assert caught.value.reason.startswith(f"{file}{place}: the file is not valid YAML: ")
    file.unlink()
    assert prepare_home(settings) == file.parent


def test_many_at_once_make_one_whole_file(settings: Settings) -> None:
    """Shells that start at the same moment see the file whole, and leave nothing beside it."""

    def prepare(_: int) -> object:
        return yaml.safe_load((prepare_home(settings) / "dagster.yaml").read_text())["telemetry"]

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(prepare, range(16)))

    assert seen == [{"enabled": False}] * 16
    assert [file.name for file in settings.dagster_home.iterdir()] == ["dagster.yaml"]


def test_a_folder_that_cannot_be_written_is_an_error_with_advice(tmp_path: Path) -> None:
    """A file where the folder should be: what, where, and what to do."""
    (tmp_path / "home").write_text("a file")

    with pytest.raises(ConfigError, match="cannot be written") as caught:
        prepare_home(Settings(home=tmp_path / "home"))
    assert "FLEXT_HOME" in caught.value.instruction


def test_no_password_is_written_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL is named by an environment variable."""
    monkeypatch.setenv("FLEXT_DAGSTER_POSTGRES_URL", "postgresql://me:pa55word@127.0.0.1:1/x")

    text = (prepare_home(Settings(home=tmp_path)) / "dagster.yaml").read_text()

    assert "pa55word" not in text
    assert yaml.safe_load(text)["storage"] == {"postgres": {"postgres_url": {"env": "FLEXT_DAGSTER_POSTGRES_URL"}}}


def test_a_url_that_processes_could_not_find_is_refused(tmp_path: Path) -> None:
    """Settings made in Python do not reach the processes that Dagster starts; the error says what does."""
    settings = Settings.model_validate({"home": tmp_path, "dagster_postgres_url": "postgresql://me:pa55word@h/x"})

    with pytest.raises(ConfigError, match="not in FLEXT_DAGSTER_POSTGRES_URL") as caught:
        prepare_home(settings)
    assert "pa55word" not in str(caught.value)


def test_dagster_takes_the_file_as_it_is_meant(settings: Settings) -> None:
    """Limits, pools and waits are those of the settings, and the cancel time-out is longer than the stop ladder."""
    with open_instance(settings) as instance:
        concurrency = instance.get_concurrency_config()

        assert concurrency.run_queue_config is not None
        assert concurrency.run_queue_config.max_concurrent_runs == settings.max_concurrent_runs
        assert concurrency.pool_config.default_pool_limit == 1
        assert str(concurrency.pool_config.pool_granularity) in {"op", "PoolGranularity.OP"}
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_cancel_timeout_seconds > (
            settings.stop_tap_grace_seconds + settings.stop_meltano_grace_seconds
        )
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled


def test_a_damaged_run_storage_is_named(settings: Settings) -> None:
    """Whoever launches is told which storage it is and what to restore; no second try mends it."""
    home = prepare_home(settings)
    (home / "history").mkdir()
    (home / "history" / "runs.db").write_bytes(b"no database" * 100)

    with pytest.raises(DataDamagedError, match=r"is damaged: file is not a database") as caught:
        open_instance(settings)

    assert str(home) in caught.value.reason
    assert "backup" in caught.value.instruction
