"""singer-sdk's own test suite for taps, against the mock server."""

from __future__ import annotations

import atexit
import contextlib

from singer_sdk.testing import get_tap_test_class
from tap_wms_server import running_server

from tap_oracle_wms.tap import TapOracleWMS

# The suite asks for the streams while the tests are collected, so the server must be there at import.
_STACK = contextlib.ExitStack()
_SERVER = _STACK.enter_context(running_server("--orders", "60"))
atexit.register(_STACK.close)
_ENTITIES = ("order_hdr", "order_dtl", "item", "location", "inventory", "allocation", "ib_shipment", "facility")

TestIncremental = get_tap_test_class(TapOracleWMS, config=_SERVER.config(*_ENTITIES))
TestFull = get_tap_test_class(TapOracleWMS, config=_SERVER.config(*_ENTITIES, enable_incremental=False))
