"""Command line: one module per command, each a plain typed function.

Nothing heavy is imported before a command runs, so ``skpneumo --help`` answers at once.
"""

from collections.abc import Sequence

from skpneumo.cli._signals import run_until_signal

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, default=None
        The command and its options; ``None`` takes those of the process.

    Returns
    -------
    status : int
        0 done, 1 failed, 2 wrong usage, 130 interrupted, 141 the reader of the output left, 143
        terminated.
    """

    def run() -> int:
        # Imported here, where a signal is heard: it takes a part of a second.
        from skpneumo.cli.entrypoint import run_program

        return run_program(arguments)

    return run_until_signal(run)
