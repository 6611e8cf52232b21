"""Run the tap as ``python -m tap_flext_sql``."""

from tap_flext_sql.tap import TapFlextSQL

if __name__ == "__main__":
    TapFlextSQL.cli()
