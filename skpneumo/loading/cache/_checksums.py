"""Pixels with a checksum, which detects bytes that changed on the disk."""

import struct
from typing import Any
from zlib import crc32

__all__ = ["CHECKSUM_BYTES", "copy_if_sound", "with_checksum"]

# Copying and checking an image takes a hundredth of the time of decoding it.
_CHECKSUM = struct.Struct("<I")
CHECKSUM_BYTES = _CHECKSUM.size


def with_checksum(key: bytes, pixels: memoryview) -> bytes:
    """Put a checksum of key and pixels before the pixels."""
    return _CHECKSUM.pack(crc32(pixels, crc32(key))) + pixels


def copy_if_sound(key: bytes, saved: Any, into: memoryview) -> bool:
    """Copy pixels from the database; return False if they differ from those saved."""
    if len(saved) != CHECKSUM_BYTES + len(into):
        return False
    into[:] = saved[CHECKSUM_BYTES:]
    # The copy is checked, because mapped memory may change at any moment.
    return crc32(into, crc32(key)) == _CHECKSUM.unpack(saved[:CHECKSUM_BYTES])[0]
