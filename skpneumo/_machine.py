"""Measure the processor and the memory of this process, and find its packages."""

import platform
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

__all__ = [
    "free_memory",
    "installed_versions",
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

# Smaller amounts are not checked, because a check takes a millisecond.
_SMALL = 2**24


def processor() -> tuple[str, set[str]]:
    """Get the name of the processor and its instructions.

    Returns
    -------
    name : str
        "unknown" if the system does not tell.
    flags : set of str
        Names as in Linux, such as "avx2"; empty on other systems.
    """
    entries: dict[str, str] = {}
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text().splitlines():
            name, _, value = line.partition(":")
            entries.setdefault(name.strip(), value.strip())
    flags = entries.get("flags", entries.get("Features", ""))
    return entries.get("model name") or platform.processor() or "unknown", set(flags.split())


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Get the versions of those packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def total_memory() -> int:
    """Get the bytes of memory of the machine, or of the container if it is less."""
    return min([psutil.virtual_memory().total, *(limit for limit, _ in _memory_limits())])


def free_memory() -> int:
    """Get the bytes that this process can use before the system swaps or kills it."""
    within = (max(limit - used, 0) for limit, used in _memory_limits())
    return min([psutil.virtual_memory().available, *within])


def require_memory(n_bytes: int, what: str, remedy: str) -> None:
    """Raise if something does not fit in the free memory, before it is tried.

    Parameters
    ----------
    n_bytes : int
        Memory that is needed.
    what : str
        What needs it, as the beginning of a sentence.
    remedy : str
        Advice, as a sentence.

    Raises
    ------
    MemoryError
        If less memory is free.

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
    """Get the peak of the resident memory of this process, in bytes.

    Since the last :func:`reset_peak_memory`, or since the process began.
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
    """Reset :func:`peak_memory` for all threads of this process; return False except on Linux."""
    try:
        _RESET.write_text("5")
    except OSError:
        return False
    return True


def _memory_limits() -> Iterator[tuple[int, int]]:
    """Get the limit and use, in bytes, of each Linux control group of this process."""
    for group in _memory_groups():
        # For versions 2 and 1 of control groups. Cached pages of files can be freed, so they are
        # subtracted.
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
            except (OSError, ValueError):  # another version, or the whole machine
                continue


def _memory_groups() -> Iterator[Path]:
    """Get the control group of this process and its parents."""
    try:
        lines = _OWN_GROUPS.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, own = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top = _GROUPS / "memory" if controllers else _GROUPS
        # Inside a container, its own group may appear as the top one.
        group = top / own.lstrip("/")
        while group != top:
            yield group
            group = group.parent
        yield top
