"""Command line: one module per command, each a plain typed function.

Nothing heavy is imported before a command runs, so ``skpneumo --help`` answers at once.
"""

from collections.abc import Sequence

from skpneumo.cli._signals import run_until_signal
from skpneumo.cli._terminal import standard_streams

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, default=None
        The command and its options; by default those of the process.

    Returns
    -------
    status : int
        0 for success, 1 for failure, 2 for wrong usage, 130 for an interrupt, 141 if the reader
        closed the output, 143 for SIGTERM.
    """

    def run() -> int:
        # Imported under the signal handlers, because the import takes a fraction of a second.
        from skpneumo.cli.entrypoint import run_program

        return run_program(arguments)

    with standard_streams():
        return run_until_signal(run)
