"""Running the tap."""

from __future__ import annotations

from singer_columnar.testing import TapRunner

from tap_oracle_wms.tap import TapOracleWMS

_TAP = TapRunner(TapOracleWMS)
sync, discover, start, run = _TAP.sync, _TAP.discover, _TAP.start, _TAP.run
