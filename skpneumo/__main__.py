"""``python -m skpneumo``: the same as ``skpneumo``."""

import sys

from skpneumo.cli import main

if __name__ == "__main__":
    sys.exit(main())
