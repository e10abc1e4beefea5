#!/usr/bin/env python3
"""From labels to a served model; arguments.py has what --help says of it."""
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
# First of all: it refuses a Python that is too old.
import needs  # noqa: F401
import run

if __name__ == "__main__":
    sys.exit(run.main())
