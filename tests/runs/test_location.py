"""The names that runs and assets share."""

import re

import dagster as dg
from dagster._core.definitions.utils import DISALLOWED_NAMES
from hypothesis import example, given
from hypothesis import strategies as st

from flext_pipelines.runs.location import (
    FINISHED,
    RUN_STATUS,
    asset_path,
    job_name,
    job_names,
    message_run_config,
    run_options_config,
    tap_pool,
)

NAMES = st.text(min_size=1, max_size=30)


def test_every_status_of_dagster_has_one_of_ours() -> None:
    """No status of the installed Dagster is without a word of ours, and the finished ones agree with Dagster's."""
    assert set(RUN_STATUS) == {status.value for status in dg.DagsterRunStatus}
    assert {s.value for s in dg.DagsterRunStatus if RUN_STATUS[s.value] in {"completed", "failed", "cancelled"}} == set(
        FINISHED
    )


@given(NAMES | st.sampled_from(sorted(DISALLOWED_NAMES)))
@example("None")
def test_a_job_name_is_one_that_dagster_takes(pipeline: str) -> None:
    """Whatever a pipeline is called, Dagster accepts the name of its job."""
    name = job_name(pipeline)

    assert re.fullmatch(r"[A-Za-z0-9_]+", name)
    assert name not in DISALLOWED_NAMES


@given(st.sets(NAMES, max_size=20))
def test_no_two_pipelines_share_a_job(pipelines: set[str]) -> None:
    """Names that differ only in forbidden characters get different jobs, the same ones on every load."""
    names = job_names(pipelines)

    assert set(names) == pipelines
    assert len(set(names.values())) == len(pipelines)
    assert job_names(sorted(pipelines, reverse=True)) == names


def test_a_pipeline_called_like_a_job_of_ours_is_renamed() -> None:
    """A pipeline ``message`` or ``etl`` does not hide the jobs of those names."""
    assert job_name("message") == "message_"
    assert job_name("etl") == "etl_"
    assert job_name("input") == "input_"
    assert job_name("None") == "None_"


def test_a_slash_in_a_stream_does_not_make_another_asset() -> None:
    """Dagster joins key parts by a slash, so that a part holds none."""
    assert asset_path("raw/x", "a/b") == ("raw_x", "a_b")


def test_a_pool_is_named_after_its_tap() -> None:
    """Characters that Dagster refuses are replaced."""
    assert tap_pool("tap-shop") == "meltano_tap_shop"


def test_options_that_are_not_given_stay_out_of_the_run_config() -> None:
    """The resource's own defaults hold for them."""
    assert run_options_config(full_refresh=None) == {}
    assert run_options_config(full_refresh=True, environment=None) == {
        "resources": {"run_options": {"config": {"full_refresh": True}}}
    }


def test_a_message_is_run_config_of_the_message_job() -> None:
    """Name and payload stand where the job's op reads them."""
    assert message_run_config("plugins.InstallPlugin", {"name": "x"}) == {
        "ops": {"send": {"config": {"message": "plugins.InstallPlugin", "payload": {"name": "x"}}}}
    }
