"""The console script: one clear line for a fault, no traceback for a user's mistake."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the target."""
    from target_flext_sql.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()
