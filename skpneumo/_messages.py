"""Word a message for its reader, who uses the package from Python or from the command line."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["by_interface", "command_line_messages"]

_on_command_line = False


def by_interface(*, python: str, shell: str) -> str:
    """Choose the words of a remedy, which names parameters in Python and options in the shell.

    Parameters
    ----------
    python, shell : str
        The same advice for a user of each.

    Returns
    -------
    words : str

    Examples
    --------
    >>> from skpneumo._messages import by_interface, command_line_messages
    >>> by_interface(python="Pass size=64.", shell="Add --size 64.")
    'Pass size=64.'
    >>> with command_line_messages():
    ...     by_interface(python="Pass size=64.", shell="Add --size 64.")
    'Add --size 64.'
    """
    return shell if _on_command_line else python


@contextmanager
def command_line_messages() -> Iterator[None]:
    """Word all messages of this process for the command line."""
    # Not a context variable, because messages come from threads as well.
    global _on_command_line
    before, _on_command_line = _on_command_line, True
    try:
        yield
    finally:
        _on_command_line = before
