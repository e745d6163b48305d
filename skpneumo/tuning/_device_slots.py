"""Limit the number of fits that use a device at the same time, across processes."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from threading import local

__all__ = ["device_slot", "holds_slot"]

_WAIT_PER_SLOT = 0.2  # seconds before the next slot is tried

_of_this_thread = local()


def holds_slot() -> bool:
    """Return whether this thread is inside :func:`device_slot`."""
    return getattr(_of_this_thread, "holds_slot", False)


@contextmanager
def device_slot(n_slots: int | None) -> Iterator[None]:
    """Wait for a slot of the visible devices of this machine, and occupy it.

    A slot is a file lock, which the system releases when its process dies. The slots of a user
    have the same names in all searches, so that several searches share them.
    """
    if n_slots is None:
        yield
        return
    try:
        from filelock import FileLock, Timeout
    except ImportError as error:
        raise ImportError(
            'device_slots needs filelock: pip install "skpneumo[cache]". Or set it to None, and '
            "choose n_jobs such that all fits have room on the device."
        ) from error
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    # Not thread-local, so that two locks of a file exclude each other within a process as well.
    slots = [FileLock(folder / f"{i}.lock", thread_local=False) for i in range(n_slots)]
    for attempt, slot in enumerate(cycle(slots)):
        try:
            # Try each slot without waiting first.
            slot.acquire(timeout=0 if attempt < n_slots else _WAIT_PER_SLOT)
        except Timeout:
            continue
        _of_this_thread.holds_slot = True
        try:
            yield
        finally:
            _of_this_thread.holds_slot = False
            slot.release()
        return


def _folder() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    devices = re.sub(r"\W+", "-", os.environ.get("CUDA_VISIBLE_DEVICES", "all"))
    return Path(tempfile.gettempdir()) / f"skpneumo-device-slots-{user}-{devices}"
