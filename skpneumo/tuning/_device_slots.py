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

_PATIENCE = 0.2  # seconds at one slot before another one is tried

_of_this_thread = local()


def holds_slot() -> bool:
    """Say whether this thread is inside of :func:`device_slot`."""
    return getattr(_of_this_thread, "holds_slot", False)


@contextmanager
def device_slot(n_slots: int | None) -> Iterator[None]:
    """Wait for a slot of this machine's visible devices, and occupy it.

    A slot is the lock of a file, which the system releases when its process dies. Slots of one
    user have the same names in all searches, so that two searches share them.
    """
    if n_slots is None:
        yield
        return
    try:
        from filelock import FileLock, Timeout
    except ImportError as error:
        raise ImportError(
            'device_slots needs filelock: pip install "skpneumo[cache]". Or leave it None and '
            "choose n_jobs such that all fits fit on the device."
        ) from error
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    # Not thread-local: two locks of one file exclude each other, in one process too.
    slots = [FileLock(folder / f"{i}.lock", thread_local=False) for i in range(n_slots)]
    for attempt, slot in enumerate(cycle(slots)):
        try:
            # First a look at each; then patience.
            slot.acquire(timeout=0 if attempt < n_slots else _PATIENCE)
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
