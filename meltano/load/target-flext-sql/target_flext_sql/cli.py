"""The command line: the SDK's options, our errors.

Exit codes: 0 done (also after SIGTERM: what was received is loaded), 1 a fault named in one line on stderr.
"""

from __future__ import annotations

import logging
import os
import sys

from singer_sdk.exceptions import InvalidInputLine, SingerSDKError

from target_flext_sql.errors import StateNotWrittenError, TargetError
from target_flext_sql.target import TargetFlextSQL


def run() -> int:
    """Run the command line and return its exit code."""
    logger = logging.getLogger(TargetFlextSQL.name)
    try:
        TargetFlextSQL.cli()
    except StateNotWrittenError as error:
        logger.error("%s", error)
        # Python would try to flush the broken pipe once more on its way out, and print a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (TargetError, SingerSDKError, InvalidInputLine) as error:
        logger.error("%s", error)
        return 1
    return 0
