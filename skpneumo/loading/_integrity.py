"""Check that a JPEG, PNG or TIFF is complete, which decoders do not.

libjpeg fills missing parts with grey, with a warning that Pillow does not pass on. Pillow ignores
the checksums of the pixels of a PNG, and libtiff those of a TIFF.
"""

import zlib
from collections.abc import Iterator
from io import BytesIO
from math import ceil
from typing import IO

from PIL import JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from skpneumo.loading._jpeg_layout import JpegLayout, jpeg_layout
from skpneumo.loading._spare_row import SpareRow, spare_row
from skpneumo.loading._tiff_parts import check_deflated, parts_deflated, parts_in_jpeg

__all__ = ["CheckedFile", "CheckedJpegFile", "CheckedPngFile", "CheckedTiffFile"]

# The size of the largest image that is decoded, uncompressed; anything beyond does not belong to
# it.
_MOST_BYTES = 4 * 89_478_485

# The decoder gets the last bytes of a scan separately. If it has all pixels without them, it has
# lost synchronisation before.
_LAST_BYTES = 4
# The decoder reads at most this many bytes ahead. They replace the end marker, after which it
# would invent pixels, and are codes that do not end a block.
_LOOKAHEAD = b"\xfe" * 8

_BLOCK = 2**20
# Apart from the critical chunks, whose names begin with a capital letter, it affects the pixels.
_TRANSPARENCY = b"tRNS"


class CheckedJpegFile(JpegImagePlugin.JpegImageFile):
    """A JPEG that must have an end marker and exactly as much data as its pixels need."""

    _data: bytes
    _layout: JpegLayout
    _parts: Iterator[bytes]
    _may_be_taller = True
    _all_read = True
    _spare: SpareRow | None = None
    _ends_with_pixels: bool | None = True

    def check_file(self) -> None:
        """Raise ValueError if the file is incomplete, as far as can be seen without decoding."""
        self._data = _read_all(self.fp)
        self._layout = jpeg_layout(self._data)

    def load_prepare(self) -> None:
        """Prepare decoding; called by Pillow."""
        # With subsampled colours, a spare row would change the colours of the row above it.
        if self.mode == "L" and self._may_be_taller:
            self._spare = spare_row(self._layout)
        if self._spare is not None:
            self._parts = iter([self._spare.add_to(self._data)])
            self._add_spare_row(self._spare)
        elif self._layout.in_one_pass:
            self._parts = self._without_end_marker()
        else:
            self._parts = iter([self._data])
        super().load_prepare()

    def load_read(self, read_bytes: int) -> bytes:
        """Return the next part of the file to the decoder; called by Pillow."""
        return next(self._parts, b"")

    def load_end(self) -> None:
        """Check the spare row and remove it; called by Pillow."""
        if self._spare is None:
            return
        width, height = self._real_size
        top = self._spare.top // self._scale
        row = self.crop((0, top, *self.size))
        self._ends_with_pixels = self._spare.ends_with_pixels(
            self._data, row, self._scale, self._tolerance()
        )
        self.im = self.im.crop((0, 0, width, height))
        self._size = width, height

    def check_pixels(self) -> None:
        """Raise ValueError if the decoder has lost synchronisation."""
        if self._ends_with_pixels is None and self._layout.in_one_pass:
            self._decode_without_spare_row()
        if self._ends_with_pixels is False or not self._all_read:
            raise ValueError("there is more or less data than its pixels need")

    @property
    def is_lossless(self) -> bool:
        return self._layout.is_lossless

    @property
    def _scale(self) -> int:
        return self.decoderconfig[0] if self.decoderconfig else 1

    def _add_spare_row(self, spare: SpareRow) -> None:
        self._real_size = width, _ = self.size
        self._size = width, spare.height // self._scale
        (tile,) = self.tile
        self.tile = [tile._replace(extents=(0, 0, *self._size))]

    def _tolerance(self) -> int:
        """Return how much the last bit, which is in another scan, can change a grey level."""
        if not self._layout.is_progressive:
            return 0
        step = self.quantization[self.layer[0][3]][0]
        return ceil(step / 8)

    def _without_end_marker(self) -> Iterator[bytes]:
        (scan,) = self._layout.scans
        last = max(scan.begin, scan.end - _LAST_BYTES)
        self._all_read = False
        yield self._data[:last]
        self._all_read = True
        yield self._data[last : scan.end] + _LOOKAHEAD

    def decode_for_check(self) -> None:
        """Decode as little as is needed to check that the pixels are complete."""
        self.check_file()
        self.draft("L", (1, 1))
        self.load()
        self.check_pixels()

    def _decode_without_spare_row(self) -> None:
        again = type(self)(BytesIO(self._data))
        again._data, again._layout, again._may_be_taller = self._data, self._layout, False
        again.draft("L", (1, 1))
        again.load()
        self._all_read = again._all_read


class CheckedPngFile(PngImagePlugin.PngImageFile):
    """A PNG whose checksums must be correct."""

    def check_file(self) -> None:
        """Raise ValueError if the file is incomplete or damaged."""
        assert self.fp is not None
        position = self.fp.tell()
        self.fp.seek(len(b"\x89PNG\r\n\x1a\n"))
        _check_png_chunks(self.fp)
        self.fp.seek(position)

    def check_pixels(self) -> None:
        """Accept the pixels, whose checksums have been verified."""


class CheckedTiffFile(TiffImagePlugin.TiffImageFile):
    """A TIFF whose deflated pixels must match their checksum, and whose JPEGs must be complete."""

    _file: IO[bytes]

    def check_file(self) -> None:
        """Keep the file open; libtiff reports missing rows itself."""
        assert self.fp is not None
        self._file = self.fp  # Pillow drops it after loading the pixels

    def check_pixels(self) -> None:
        """Raise ValueError if the pixels differ from those that were written."""
        for part in parts_deflated(self._file, self.tag_v2):
            check_deflated(part, self.tag_v2)
        for jpeg in parts_in_jpeg(self._file, self.tag_v2):
            CheckedJpegFile(BytesIO(jpeg)).decode_for_check()


CheckedFile = CheckedJpegFile | CheckedPngFile | CheckedTiffFile


def _read_all(file: IO[bytes] | None) -> bytes:
    assert file is not None
    file.seek(0)
    return file.read(_MOST_BYTES)


def _check_png_chunks(file: IO[bytes]) -> None:
    """Verify the checksum of every chunk that affects the pixels, up to the end chunk."""
    while True:
        head = file.read(8)
        if len(head) < 8:
            raise ValueError("image file is truncated: it has no end chunk")
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        checksum, left = zlib.crc32(name), length
        while left:
            block = file.read(min(left, _BLOCK))
            if not block:
                raise ValueError("image file is truncated: it ends within a chunk")
            checksum = zlib.crc32(block, checksum)
            left -= len(block)
        stored = file.read(4)
        affects_pixels = name[:1].isupper() or name == _TRANSPARENCY
        if affects_pixels and checksum.to_bytes(4, "big") != stored:
            raise ValueError(f"wrong checksum of chunk {name!r}")
        if name == b"IEND":
            return
