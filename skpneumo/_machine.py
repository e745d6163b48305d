"""The machine: its processor, its cores, and the memory that this process may use."""

import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

__all__ = [
    "free_memory",
    "load",
    "n_cores",
    "peak_memory",
    "processor",
    "require_memory",
    "reset_peak_memory",
    "total_memory",
]

_CPUINFO = Path("/proc/cpuinfo")
_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_OWN_GROUPS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")

# To look costs a millisecond.
_SMALL = 2**24


def processor() -> tuple[str, set[str]]:
    """Name the processor and the instructions that it has.

    Returns
    -------
    name : str
        "unknown" where the system does not say.
    flags : set of str
        As Linux writes them, "avx2" for instance; empty elsewhere.

    Examples
    --------
    >>> from skpneumo._machine import processor
    >>> name, flags = processor()
    """
    entries: dict[str, str] = {}
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text().splitlines():
            name, _, value = line.partition(":")
            entries.setdefault(name.strip(), value.strip())
    flags = entries.get("flags", entries.get("Features", ""))
    return entries.get("model name") or platform.processor() or "unknown", set(flags.split())


def n_cores() -> int:
    """Count the cores that this process may use, by affinity and the container's quota.

    Returns
    -------
    n_cores : int

    Examples
    --------
    >>> from skpneumo._machine import n_cores
    >>> n_cores() >= 1
    True
    """
    import joblib

    return joblib.cpu_count()


def load() -> float:
    """Give the number of processes that ran or waited to run, on average over a minute.

    Returns
    -------
    load : float

    Examples
    --------
    >>> from skpneumo._machine import load
    >>> load() >= 0
    True
    """
    return psutil.getloadavg()[0]


def total_memory() -> int:
    """Give the memory of the machine, or of the container if that is less.

    Returns
    -------
    n_bytes : int

    Examples
    --------
    >>> from skpneumo._machine import total_memory
    >>> total_memory() > 2**20
    True
    """
    return min([psutil.virtual_memory().total, *(limit for limit, _ in _limits())])


def free_memory() -> int:
    """Give the memory that this process can get before the system swaps or kills.

    Returns
    -------
    n_bytes : int

    Examples
    --------
    >>> from skpneumo._machine import free_memory, total_memory
    >>> 0 <= free_memory() <= total_memory()
    True
    """
    within = (max(limit - used, 0) for limit, used in _limits())
    return min([psutil.virtual_memory().available, *within])


def require_memory(n_bytes: int, what: str, remedy: str) -> None:
    """Refuse what does not fit in the free memory, before it is tried.

    Parameters
    ----------
    n_bytes : int
        What it takes.
    what : str
        What takes it, as the beginning of a sentence.
    remedy : str
        A sentence.

    Raises
    ------
    MemoryError
        If less is free.

    Examples
    --------
    >>> from skpneumo._machine import require_memory
    >>> require_memory(2**60, "A stack of images", "Load smaller ones.")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    MemoryError: A stack of images takes 1.2e+09 GB of memory, of which ... GB are free. Load ...
    """
    if n_bytes > _SMALL and n_bytes > (free := free_memory()):
        raise MemoryError(
            f"{what} takes {n_bytes / 1e9:.2g} GB of memory, of which {free / 1e9:.2g} GB are "
            f"free. {remedy}"
        )


def peak_memory() -> int:
    """Give the most memory that was resident in this process at a time.

    Returns
    -------
    n_bytes : int
        Since the last :func:`reset_peak_memory`, or since the process began.

    Examples
    --------
    >>> from skpneumo._machine import peak_memory
    >>> peak_memory() > 2**20
    True
    """
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 2**10
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 2**10


def reset_peak_memory() -> bool:
    """Let :func:`peak_memory` begin again, for all threads of this process.

    Returns
    -------
    done : bool
        False but on Linux.

    Examples
    --------
    >>> from skpneumo._machine import reset_peak_memory
    >>> reset_peak_memory() in (True, False)
    True
    """
    try:
        _RESET.write_text("5")
    except OSError:
        return False
    return True


def _limits() -> Iterator[tuple[int, int]]:
    """The limit and the use of each control group of Linux that this process is in, in bytes."""
    for group in _memory_groups():
        # In version 2 and version 1 of control groups. Cached pages of files are given back.
        for limit, used, cached in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            try:
                if (text := (group / limit).read_text().strip()).isdigit():
                    in_use = int((group / used).read_text())
                    statistics = (group / "memory.stat").read_text().split()
                    cache = dict(zip(statistics[::2], statistics[1::2], strict=True)).get(cached)
                    yield int(text), in_use - int(cache or 0)
            except (OSError, ValueError):  # of the other version, or of the whole machine
                continue


def _memory_groups() -> Iterator[Path]:
    """From the control group of this process up to those that it is in."""
    try:
        lines = _OWN_GROUPS.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, own = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top = _GROUPS / "memory" if controllers else _GROUPS
        # A container may see its own group as the top one.
        group = top / own.lstrip("/")
        while group != top:
            yield group
            group = group.parent
        yield top
