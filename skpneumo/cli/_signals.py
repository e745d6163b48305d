"""Handle signals that end a command, and return the status that a shell expects."""

import signal
import sys
from collections.abc import Callable
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

from skpneumo.cli._terminal import say

__all__ = ["received_signal", "run_until_signal"]

# Whoever presses Ctrl-C knows it; SIGTERM comes from elsewhere.
_WORDS = {signal.SIGINT: "", signal.SIGTERM: "terminated"}

_received: list[int] = []


def received_signal() -> bool:
    """Tell whether a signal ended the command, whatever error a library made of it."""
    return bool(_received)


def run_until_signal(run: Callable[[], int]) -> int:
    """Run a command and return its status, or that of the signal that ended it.

    An interrupt becomes ``KeyboardInterrupt``, as ever, and SIGTERM too, so that files are
    removed and workers ended. During an import that may turn into any error: NumPy and
    TensorFlow raise ``ImportError`` where it meets their compiled parts.
    """
    _received.clear()
    previous = _listen()
    try:
        status = run()
    except KeyboardInterrupt:
        _received.append(signal.SIGINT)  # if it was not by a signal
    except BaseException:
        if not _received:
            raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if not _received:
        return status
    if word := _WORDS[signal.Signals(_received[0])]:
        say(f"skpneumo: {word}", file=sys.stderr)
    return 128 + _received[0]


def _listen() -> dict[int, Any]:
    """Set our handler where there is the default one; return those that it replaces."""
    if current_thread() is not main_thread():
        return {}
    defaults = (signal.SIG_DFL, signal.default_int_handler)
    replaced: dict[int, Any] = {
        number: handler
        for number in _WORDS
        # Ignored by a shell in the background, or handled by a program that calls this one.
        if (handler := signal.getsignal(number)) in defaults
    }
    for number in replaced:
        signal.signal(number, _interrupt)
    return replaced


def _interrupt(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    raise KeyboardInterrupt
