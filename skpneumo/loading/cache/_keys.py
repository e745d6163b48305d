"""What a decoded image is remembered under: the state of its file and how it was read."""

import os
import stat
import struct
import time
from functools import cache
from hashlib import blake2b
from typing import NamedTuple

import PIL
from PIL import features

__all__ = ["ImageKey", "image_key", "parameters_tag"]

# To be raised when this package makes other pixels of the same file, or keys of other things.
_FORMAT = 1

# A file written twice within one tick of its file system's clock keeps its time of change, so one
# that was just written is not remembered yet. The coarsest clock in use, FAT's, ticks in 2 s.
_TICK_NS = 2_000_000_000


class ImageKey(NamedTuple):
    """One state of one file, read in one way.

    Attributes
    ----------
    digest : bytes of length 16
        Of path, size, time of change, parameters and decoder.
    inode : int
        The file's number. Within a process it also tells a file from another one of the same
        size and time that has taken its place; over a network it need not last.
    """

    digest: bytes
    inode: int


def image_key(path: str, tag: bytes) -> ImageKey | None:
    """The key of a file as it is now; None for what must not be remembered."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None  # decoding it will say why
    age = time.time_ns() - status.st_mtime_ns
    if not stat.S_ISREG(status.st_mode) or abs(age) < _TICK_NS:
        return None
    state = struct.pack("<qq", status.st_size, status.st_mtime_ns)
    name = os.fsencode(os.path.abspath(path))
    return ImageKey(blake2b(tag + state + name, digest_size=16).digest(), status.st_ino)


@cache
def parameters_tag(size: tuple[int, int], color_mode: str, resize: str) -> bytes:
    """The part of a key that all files of a loader share."""
    decoder = (PIL.__version__, features.version("jpg"), features.version("libjpeg_turbo"))
    parameters = repr((_FORMAT, decoder, size, color_mode, resize)).encode()
    return blake2b(parameters, digest_size=16).digest()
