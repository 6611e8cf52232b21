"""A Dagster job with dagster-meltano's own op, for the Python that has it; see ``tiny``."""

import os

from dagster import in_process_executor, job
from dagster_meltano import meltano_resource, meltano_run_op

meltano = meltano_resource.configured({"project_dir": os.environ["MELTANO_PROJECT_ROOT"]})


@job(resource_defs={"meltano": meltano}, executor_def=in_process_executor)
def rival() -> None:
    """One op, which runs the pair that the environment names."""
    meltano_run_op(os.environ["BENCH_PAIR"])()


if __name__ == "__main__":
    assert rival.execute_in_process().success
