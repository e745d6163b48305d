"""End a command by a signal, with the exit status that a shell expects."""

import signal
import sys
from collections.abc import Callable
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

from skpneumo.cli._terminal import say

__all__ = ["received_signal", "run_until_signal"]

# Ctrl-C needs no message; SIGTERM was sent by another process.
_WORDS = {signal.SIGINT: "", signal.SIGTERM: "terminated"}

_received: list[int] = []


def received_signal() -> bool:
    """Tell whether a signal ended the command, even if a library turned it into an error."""
    return bool(_received)


def run_until_signal(run: Callable[[], int]) -> int:
    """Run a command and return its status, or that of the signal that ended it.

    SIGTERM raises ``KeyboardInterrupt`` as an interrupt does, so that temporary files are removed
    and workers ended. During an import it may turn into another error: NumPy and TensorFlow raise
    ``ImportError`` if it occurs in their compiled parts.
    """
    _received.clear()
    previous = _listen()
    try:
        status = run()
    except KeyboardInterrupt:
        _received.append(signal.SIGINT)  # if no signal raised it
    except BaseException:
        if not _received:
            raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if not _received:
        return status
    # If the interrupt was in a string of code, as of dataclasses, ``python -m`` would end by
    # SIGINT instead of with our status. Python forgets it when it runs the next string.
    exec("")
    number = _received[0]
    _received.clear()
    if word := _WORDS[signal.Signals(number)]:
        say(f"skpneumo: {word}", file=sys.stderr)
    return 128 + number


def _listen() -> dict[int, Any]:
    """Replace default signal handlers by ours; return the replaced ones."""
    if current_thread() is not main_thread():
        return {}
    defaults = (signal.SIG_DFL, signal.default_int_handler)
    replaced: dict[int, Any] = {
        number: handler
        for number in _WORDS
        # Other handlers are those of a shell's background job, or of a program that calls this
        # one.
        if (handler := signal.getsignal(number)) in defaults
    }
    for number in replaced:
        signal.signal(number, _interrupt)
    return replaced


def _interrupt(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    raise KeyboardInterrupt
