"""A command like dbt: says something, and fails when told to."""

import sys
import time

if __name__ == "__main__":
    print("building models", flush=True)
    if "--slow" in sys.argv:
        time.sleep(60)
    if "--fail" in sys.argv:
        print("Compilation Error in model orders_daily: column 'amount' does not exist")
        sys.exit(2)
