"""Let Ctrl-C end a command silently from its first moment, before its handler is there."""

import os
import signal
import sys
from threading import current_thread, main_thread

__all__ = ["end_silently_if_command"]

_NAME = "skpneumo"


def end_silently_if_command() -> None:
    """Let an interrupt end the process if it is the command, and not a program that imports us.

    Until :func:`skpneumo.cli.main` takes over, what is imported would be named in a traceback.
    """
    if (
        _is_command()
        and current_thread() is main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _is_command() -> bool:
    script = sys.argv[0] if getattr(sys, "argv", None) else ""
    if script == "-m":  # as long as Python looks for the module
        return bool({_NAME, f"-m{_NAME}"} & set(sys.orig_argv))
    return os.path.basename(script) in (_NAME, f"{_NAME}.exe")
