"""How much memory this process has held at most, lately."""

import sys
from pathlib import Path

__all__ = ["PeakMemory"]

_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class PeakMemory:
    """The most memory that was resident in this process since this object was made, in MiB.

    It is all of the process: the interpreter, the libraries, images kept from earlier fits, and
    what other threads do meanwhile. Only Linux can begin to count anew; elsewhere it counts from
    the start of the process, and on Windows not at all.
    """

    def __init__(self) -> None:
        self._counts_anew = _reset()

    def megabytes(self) -> float:
        """Read it; NaN where the system does not say."""
        if self._counts_anew:
            for line in _STATUS.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) / 2**10
        try:
            import resource
        except ImportError:
            return float("nan")
        in_bytes = sys.platform == "darwin"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if in_bytes else peak / 2**10


def _reset() -> bool:
    try:
        _RESET.write_text("5")
    except OSError:
        return False
    return True
