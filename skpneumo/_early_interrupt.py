"""Let Ctrl-C end a command silently, even before its handler is installed."""

import os
import signal
import sys
from threading import current_thread, main_thread

__all__ = ["end_silently_if_command"]

_NAME = "skpneumo"


def end_silently_if_command() -> None:
    """Let an interrupt end the process silently if it is the command, not another program.

    Otherwise, an interrupt during imports, before :func:`skpneumo.cli.main` handles it, would show
    a traceback.
    """
    if (
        _is_command()
        and current_thread() is main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _is_command() -> bool:
    script = sys.argv[0] if getattr(sys, "argv", None) else ""
    if script == "-m":  # while Python looks for the module
        return bool({_NAME, f"-m{_NAME}"} & set(sys.orig_argv))
    return os.path.basename(script) in (_NAME, f"{_NAME}.exe")
