"""Read the strips or tiles of a TIFF, and verify the checksums of deflated ones."""

import zlib
from collections.abc import Iterator, Mapping
from math import ceil
from typing import IO, Any

__all__ = ["check_deflated", "parts_deflated", "parts_in_jpeg"]

# TIFF tags and values.
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _PLANES = 256, 257, 258, 259, 277, 284
_FILL_ORDER, _LOWEST_BIT_FIRST = 266, 2
_ROWS_PER_STRIP, _STRIPS, _STRIP_BYTES = 278, 273, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 322, 323, 324, 325
_JPEG_TABLES = 347
_DEFLATE, _JPEG = {8, 32946}, 7
_PLANE_BY_PLANE = 2

_HEADER, _CHECKSUM, _JPEG_MARKER = 2, 4, 2  # bytes
_BLOCK = 2**20
# More data than a whole strip or tile is damage, although some writers pad the last one; and
# incompressible pixels become a little larger.
_MAX_RATIO, _MAX_OVERHEAD = 2, 2**16

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def parts_deflated(file: IO[bytes], tags: Mapping[int, Any]) -> Iterator[bytes]:
    """Yield the strips or tiles of a deflated TIFF, and nothing for other images."""
    if tags.get(_COMPRESSION) not in _DEFLATE:
        return
    for part in _parts(file, tags):
        yield part.translate(_REVERSED) if tags.get(_FILL_ORDER) == _LOWEST_BIT_FIRST else part


def parts_in_jpeg(file: IO[bytes], tags: Mapping[int, Any]) -> Iterator[bytes]:
    """Yield the strips or tiles of a JPEG-compressed TIFF as complete JPEG files."""
    if tags.get(_COMPRESSION) != _JPEG:
        return
    # Each begins with the shared tables, without their end marker.
    shared = tags.get(_JPEG_TABLES, b"")[:-_JPEG_MARKER]
    for part in _parts(file, tags):
        yield shared + part[_JPEG_MARKER:] if shared else part


def check_deflated(part: bytes, tags: Mapping[int, Any]) -> None:
    """Raise ValueError if a part does not inflate completely, or differs from its checksum."""
    # Inflated without the check of zlib, because a file may end before the last checksum.
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    checksum, left, room = 1, part[_HEADER:], _MAX_RATIO * _bytes_of_part(tags)
    while not inflater.eof:
        block = inflater.decompress(left, _BLOCK)
        left = inflater.unconsumed_tail
        room -= len(block)
        if room < 0 or not (block or left):
            raise ValueError("deflated pixels without an end")
        checksum = zlib.adler32(block, checksum)
    stored = inflater.unused_data[:_CHECKSUM]
    if len(stored) == _CHECKSUM and checksum != int.from_bytes(stored, "big"):
        raise ValueError("wrong checksum of deflated pixels")


def _parts(file: IO[bytes], tags: Mapping[int, Any]) -> Iterator[bytes]:
    in_tiles = _TILES in tags
    offsets, counts = (_TILES, _TILE_BYTES) if in_tiles else (_STRIPS, _STRIP_BYTES)
    most = _MAX_RATIO * _bytes_of_part(tags) + _MAX_OVERHEAD
    # Without lengths there is a single part, up to the end of the file.
    places = zip(tags[offsets], tags.get(counts, (most,)), strict=False)
    for (place, count), _ in zip(places, range(_number_of_parts(tags)), strict=False):
        file.seek(place)
        if part := file.read(min(count, most)):
            yield part


def _number_of_parts(tags: Mapping[int, Any]) -> int:
    width, height = _size_of_part(tags)
    in_plane = ceil(tags[_WIDTH] / width) * ceil(tags[_HEIGHT] / height)
    return in_plane * (tags.get(_SAMPLES, 1) if _by_plane(tags) else 1)


def _size_of_part(tags: Mapping[int, Any]) -> tuple[int, int]:
    if _TILES in tags:
        return tags[_TILE_WIDTH], tags[_TILE_HEIGHT]
    height = tags[_HEIGHT]
    return tags[_WIDTH], min(tags.get(_ROWS_PER_STRIP, height), height)


def _bytes_of_part(tags: Mapping[int, Any]) -> int:
    width, height = _size_of_part(tags)
    n_samples = 1 if _by_plane(tags) else tags.get(_SAMPLES, 1)
    bits: int = max(tags.get(_BITS, (1,)))
    return ceil(width * n_samples * bits / 8) * height


def _by_plane(tags: Mapping[int, Any]) -> bool:
    return bool(tags.get(_PLANES) == _PLANE_BY_PLANE)
