"""Keys of decoded images, from the state of the file and the parameters of the loader."""

import os
import stat
import time
from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version

import PIL
from PIL import features

from skpneumo._file_state import state_in

__all__ = ["image_key", "parameters_tag"]

# Increase it when this package decodes the same file to other pixels, or keys have other contents.
_FORMAT = 4

# Packages that decode DICOM files, if installed.
_DICOM_DECODERS = (
    "pydicom",
    "pylibjpeg-openjpeg",
    "pylibjpeg-rle",
    "pylibjpeg-libjpeg",
    "pyjpegls",
    "python-gdcm",
)

_SECOND = 1_000_000_000  # ns

# Two changes within a tick of the clock of a file system leave the same times, so an image of a
# file that has just changed is not saved. Modification times may come from archives or from FAT,
# with its ticks of 2 s; the time of change is set by the system itself.
_MODIFICATION_TICK = 2 * _SECOND
_CHANGE_TICK = _SECOND // 50


def image_key(path: str, tag: bytes) -> bytes | None:
    """Compute the key of a file in its current state; None if its image must not be saved.

    The inode number and the time of change distinguish a file from another of the same size and
    modification time that has replaced it or was written into it. The tag is from
    :func:`parameters_tag`.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None  # decoding it raises the error
    if not stat.S_ISREG(status.st_mode) or _has_just_changed(status):
        return None
    state = repr(state_in(status)).encode()  # times of any size
    name = os.fsencode(os.path.abspath(path))
    return blake2b(tag + state + name, digest_size=16).digest()


def _has_just_changed(status: os.stat_result) -> bool:
    now = time.time_ns()
    whole_seconds = status.st_ctime_ns % _SECOND == 0
    tick = _MODIFICATION_TICK if whole_seconds else _CHANGE_TICK
    return (
        abs(now - status.st_mtime_ns) < _MODIFICATION_TICK or abs(now - status.st_ctime_ns) < tick
    )


@cache
def parameters_tag(
    size: tuple[int, int],
    color_mode: str,
    resize: str,
    dicom_window: int | None,
    white: float | None,
) -> bytes:
    """Compute the part of a key that all files of a loader share."""
    decoder = (
        PIL.__version__,
        features.version("jpg"),
        features.version("libjpeg_turbo"),
        *(_installed_version(name) for name in _DICOM_DECODERS),
    )
    parameters = repr((_FORMAT, decoder, size, color_mode, resize, dicom_window, white)).encode()
    return blake2b(parameters, digest_size=16).digest()


@cache
def _installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
