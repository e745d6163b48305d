"""The flow for the shell: one module per command, a plain typed function each.

Nothing heavy is imported before a command runs, so ``skpneumo --help`` answers at once.
"""

from skpneumo.cli.entrypoint import main

__all__ = ["main"]
