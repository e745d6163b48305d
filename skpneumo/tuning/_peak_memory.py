"""Peak memory of this process."""

from threading import Lock
from weakref import WeakSet

from skpneumo._machine import peak_memory, reset_peak_memory

__all__ = ["PeakMemory"]


class PeakMemory:
    """The most memory that was resident in this process since this object was made, in MiB.

    It is all of the process: the interpreter, the libraries, images kept from earlier fits, and
    what other threads do meanwhile. Only Linux can begin to count again; elsewhere it counts
    from the start of the process.
    """

    def __init__(self) -> None:
        self._before_a_reset = 0
        with _lock:
            peak = peak_memory()
            if reset_peak_memory():
                # The process has one counter; those of other threads must not lose theirs.
                for other in _measuring:
                    other._before_a_reset = max(other._before_a_reset, peak)
                _measuring.add(self)

    def megabytes(self) -> float:
        """Read it."""
        with _lock:
            return max(self._before_a_reset, peak_memory()) / 2**20


_lock = Lock()
_measuring: WeakSet[PeakMemory] = WeakSet()
