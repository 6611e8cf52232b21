"""What a child sees of our environment: an allow-list."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from flext_pipelines.meltano.environment import child_environment, variable
from flext_pipelines.meltano.project import MeltanoProject
from tests.meltano.projects import opened, write_project


@pytest.fixture
def project(tmp_path: Path) -> MeltanoProject:
    """A project with a plugin, a reference to a variable, a setting with one of its own, and an included file."""
    tap: dict[str, object] = {"name": "tap-shop", "config": {"token": "$SHOP_TOKEN", "url": "${SHOP_URL}/x"}}
    tap["settings"] = [{"name": "key", "env": "SHOPKEY"}]
    root = write_project(tmp_path / "project", plugins={"extractors": [tap]}, include_paths=["more/*.yml"])
    (root / "more").mkdir()
    (root / "more" / "x.meltano.yml").write_text("plugins:\n  loaders:\n  - name: target-lake\n")
    return opened(root, tmp_path / "home", pass_env=("AWS_*", "ONE"))


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
        *("TAP_SHOP_PASSWORD", "TAP_SHOP__SELECT_FILTER", "TARGET_LAKE_HOST", "SHOP_TOKEN", "SHOP_URL", "SHOPKEY"),
        *("AWS_REGION", "ONE", "MELTANO_STATE_BACKEND_S3_AWS_REGION"),
    ],
)
def test_what_a_plugin_needs_passes(project: MeltanoProject, name: str) -> None:
    """Places, proxies and certificates, its own variables, those that the project names, those that are allowed."""
    assert child_environment(project, {name: "value"})[name] == "value"


@pytest.mark.parametrize(
    "name",
    [
        *("DAGSTER_POSTGRES_PASSWORD", "DAGSTER_HOME", "FLEXT_CONTROL_URL", "MELTANO_RUN_FORCE", "VIRTUAL_ENV"),
        *("MELTANO_CLI_LOG_LEVEL", "PYTHONPATH", "AZURE_KEY", "ONE_MORE", "TAP_OTHER_PASSWORD", "SECRET"),
    ],
)
def test_everything_else_does_not(project: MeltanoProject, name: str) -> None:
    """Ours, Dagster's, what changes Python or Meltano, and what belongs to nobody in the project."""
    assert name not in child_environment(project, {name: "value"})


def test_a_run_gets_what_it_must_have(project: MeltanoProject) -> None:
    """No telemetry, no version check, a read-only project, the shared database, whatever our environment says."""
    found = child_environment(project, {"MELTANO_PROJECT_ROOT": "elsewhere", "MELTANO_ENVIRONMENT": "prod"})

    assert found["MELTANO_SEND_ANONYMOUS_USAGE_STATS"] == "false"
    assert found["MELTANO_CLI_DISABLE_VERSION_CHECK"] == "true"
    assert found["MELTANO_PROJECT_READONLY"] == "true"
    assert found["MELTANO_JOB_TRIGGER"] == "dagster"
    assert found["MELTANO_PROJECT_ROOT"] == str(project.root)
    assert found["MELTANO_ENVIRONMENT"] == "dev"
    assert found["MELTANO_DATABASE_URI"] == project.database_url.get_secret_value()


def test_an_installation_may_write_to_the_project(project: MeltanoProject) -> None:
    """Locks and definitions are files of the project."""
    assert "MELTANO_PROJECT_READONLY" not in child_environment(project, {}, writable=True)


def test_what_the_caller_gives_wins_and_is_plain_text(project: MeltanoProject) -> None:
    """The only way in for names that are scrubbed; secrets are opened here and nowhere else."""
    found = child_environment(project, {}, extra={"FLEXT_WAREHOUSE_URL": SecretStr("duckdb:///x"), "NO_COLOR": "0"})

    assert (found["FLEXT_WAREHOUSE_URL"], found["NO_COLOR"]) == ("duckdb:///x", "0")


def test_a_project_that_is_no_yaml_still_has_an_environment(tmp_path: Path) -> None:
    """Its fault is told by whoever reads it."""
    (tmp_path / "meltano.yml").write_text("plugins: [\n- name: tap-shop\n")
    project = opened(tmp_path, tmp_path)

    assert child_environment(project, {"TAP_SHOP_KEY": "x"})["TAP_SHOP_KEY"] == "x"


@pytest.mark.parametrize(
    ("parts", "name"),
    [(("tap-shop", "api.url"), "TAP_SHOP_API_URL"), (("tap-shop", "_select_filter"), "TAP_SHOP__SELECT_FILTER")],
)
def test_a_settings_variable_is_named_as_meltano_names_it(parts: tuple[str, ...], name: str) -> None:
    """Extras have two underscores."""
    assert variable(*parts) == name
