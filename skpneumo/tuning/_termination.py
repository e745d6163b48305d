"""The end of a search by SIGTERM, as a job scheduler or ``kill`` sends it, with its workers."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

__all__ = ["ending_with_workers"]


class _Terminated(BaseException):
    """Leaves the search as an interrupt from the keyboard does, and is never caught as one."""


@contextmanager
def ending_with_workers(message: str) -> Iterator[None]:
    """Let SIGTERM end what runs inside in order, and then this process.

    By default it ends this process at once, and joblib's workers train on without it, for hours
    perhaps. Here it becomes an exception, at which joblib ends them; then come the message and
    the exit, with status 143. A handler that somebody else has set stays, and so does the rule of
    Python that only the main thread hears of signals.
    """
    if current_thread() is not main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    owner, received = os.getpid(), False

    def terminate(number: int, frame: FrameType | None) -> None:
        nonlocal received
        if os.getpid() != owner:  # a worker, forked by joblib's multiprocessing
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        received = True
        signal.signal(number, signal.SIG_IGN)  # once is enough: the workers are being ended
        raise _Terminated

    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except BaseException:
        if not received:  # a library may have made another exception of ours
            raise
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if received:
        print(message, file=sys.stderr, flush=True)
        # What a shell reports of a process that the signal has ended. Ended by it indeed, it
        # would leave joblib's temporary files behind.
        sys.exit(128 + signal.SIGTERM)
