"""A Singer mapper that drops every second record."""

import json
import sys
from pathlib import Path

CONFIG = json.loads(Path(sys.argv[sys.argv.index("--config") + 1]).read_text())

if __name__ == "__main__":
    for number, line in enumerate(sys.stdin):
        if CONFIG.get("fail"):
            print("ERROR the mapping is wrong", file=sys.stderr, flush=True)
            sys.exit(3)
        if json.loads(line)["type"] != "RECORD" or number % 2:
            sys.stdout.write(line)
            sys.stdout.flush()
