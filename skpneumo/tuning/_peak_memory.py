"""Measure the peak memory of this process."""

from threading import Lock
from weakref import WeakSet

from skpneumo._machine import peak_memory, reset_peak_memory

__all__ = ["PeakMemory"]


class PeakMemory:
    """Measure the peak resident memory of this process since this object was created.

    It includes the whole process: the interpreter, libraries, images cached by earlier fits, and
    other threads. The peak can be reset only on Linux; on other systems it is that since the start
    of the process.
    """

    def __init__(self) -> None:
        self._before_a_reset = 0
        with _lock:
            peak = peak_memory()
            if reset_peak_memory():
                # A process has only one counter, so save the peak for other threads that measure.
                for other in _measuring:
                    other._before_a_reset = max(other._before_a_reset, peak)
                _measuring.add(self)

    def megabytes(self) -> float:
        """Return the peak in MiB."""
        with _lock:
            return max(self._before_a_reset, peak_memory()) / 2**20


_lock = Lock()
_measuring: WeakSet[PeakMemory] = WeakSet()
