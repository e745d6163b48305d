"""Run the command with ``python -m skpneumo``."""

import sys

from skpneumo.cli import main

if __name__ == "__main__":
    sys.exit(main())
