"""How much memory this process has held at most, lately."""

import sys
from pathlib import Path
from threading import Lock
from weakref import WeakSet

__all__ = ["PeakMemory"]

_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class PeakMemory:
    """The most memory that was resident in this process since this object was made, in MiB.

    It is all of the process: the interpreter, the libraries, images of earlier fits, and
    what other threads do meanwhile. Only Linux can begin to count again; elsewhere it counts from
    the start of the process, and on Windows not at all.
    """

    def __init__(self) -> None:
        self._before_a_reset = 0.0
        with _lock:
            peak = _peak()
            self._counts_again = _reset()
            if self._counts_again:
                # The process has one counter; those of other threads must not lose theirs.
                for other in _measuring:
                    other._before_a_reset = max(other._before_a_reset, peak)
                _measuring.add(self)

    def megabytes(self) -> float:
        """Read it; NaN where the system does not say."""
        with _lock:
            if self._counts_again:
                return max(self._before_a_reset, _peak())
        try:
            import resource
        except ImportError:
            return float("nan")
        in_bytes = sys.platform == "darwin"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if in_bytes else peak / 2**10


_lock = Lock()
_measuring: WeakSet[PeakMemory] = WeakSet()


def _peak() -> float:
    """Read the counter of Linux; 0 where there is none."""
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    return 0.0


def _reset() -> bool:
    try:
        _RESET.write_text("5")
    except OSError:
        return False
    return True
