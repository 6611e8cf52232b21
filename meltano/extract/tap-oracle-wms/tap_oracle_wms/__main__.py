"""Run the tap as ``python -m tap_oracle_wms``."""

from tap_oracle_wms.tap import TapOracleWMS

if __name__ == "__main__":
    TapOracleWMS.cli()
