"""Terminate a search with its workers on SIGTERM, as sent by a job scheduler or ``kill``."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

__all__ = ["ending_with_workers"]


class _Terminated(BaseException):
    """The search was terminated; not a KeyboardInterrupt, so that it is not handled as one."""


@contextmanager
def ending_with_workers(message: str) -> Iterator[None]:
    """On SIGTERM, end the code in this context in an orderly way, and then the process.

    By default, SIGTERM ends the process at once, and the workers of joblib continue to train,
    maybe for hours. Here it raises an exception, on which joblib ends the workers; then the
    message is printed, and the process exits with status 143. A handler set by other code is not
    replaced, and outside the main thread, which does not get signals, nothing is changed.
    """
    if current_thread() is not main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    owner, received = os.getpid(), False

    def terminate(number: int, frame: FrameType | None) -> None:
        nonlocal received
        if os.getpid() != owner:  # a worker, forked by the multiprocessing backend of joblib
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        received = True
        signal.signal(number, signal.SIG_IGN)  # once, because the workers are ending already
        raise _Terminated

    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except BaseException:
        if not received:  # a library may have converted our exception to another
            raise
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if received:
        print(message, file=sys.stderr, flush=True)
        # The status that a shell reports after this signal. Sending the signal again would leave
        # temporary files of joblib behind.
        sys.exit(128 + signal.SIGTERM)
