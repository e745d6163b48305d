"""Whether a JPEG, PNG or TIFF is whole, which their decoders do not ask.

libjpeg fills what is missing with grey and says so in warnings that Pillow does not hand on,
Pillow skips the checksums of a PNG's pixels, and libtiff those of a TIFF's.
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

# More than the pixels of the largest image that is decoded take uncompressed; what is behind
# them is no part of it.
_MOST_BYTES = 4 * 89_478_485

# The decoder is given the last bytes of a scan for themselves. One that has all pixels without
# them has lost its way before.
_LAST_BYTES = 4
# It reads ahead by as many bytes at most. They take the place of the end marker, behind which the
# decoder would invent pixels, and are codes that end no block.
_READ_AHEAD = b"\xfe" * 8

_BLOCK = 2**20
# Besides the critical chunks, whose names begin with a capital letter, it bears on the pixels.
_TRANSPARENCY = b"tRNS"


class CheckedJpegFile(JpegImagePlugin.JpegImageFile):
    """A JPEG that must have its end marker and as much data as its pixels take."""

    _data: bytes
    _layout: JpegLayout
    _parts: Iterator[bytes]
    _may_be_taller = True
    _all_read = True
    _spare: SpareRow | None = None
    _spare_says: bool | None = True

    def check_file(self) -> None:
        """Raise ValueError if it is not whole, as far as that is seen without decoding it."""
        self._data = _read_all(self.fp)
        self._layout = jpeg_layout(self._data)

    def load_prepare(self) -> None:
        """Make room for what is decoded; Pillow calls it."""
        # Of colours that are stored in less detail, a spare row would change those above it.
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
        """Hand the decoder the next part of the file; Pillow calls it."""
        return next(self._parts, b"")

    def load_end(self) -> None:
        """Look at what was decoded; Pillow calls it."""
        if self._spare is None:
            return
        width, height = self._real_size
        top = self._spare.top // self._scale
        row = self.crop((0, top, *self.size))
        self._spare_says = self._spare.says(self._data, row, self._scale, self._tolerance())
        self.im = self.im.crop((0, 0, width, height))
        self._size = width, height

    def check_pixels(self) -> None:
        """Raise ValueError if the pixels show that the decoder has lost its way."""
        if self._spare_says is None and self._layout.in_one_pass:
            self._decode_without_spare_row()
        if self._spare_says is False or not self._all_read:
            raise ValueError("there is more or less data than its pixels take")

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
        """How far its last bit, which comes in another scan, takes a grey level."""
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
        yield self._data[last : scan.end] + _READ_AHEAD

    def decode_for_check(self) -> None:
        """Decode no more than is needed to see whether the pixels are all there."""
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
    """A PNG whose checksums must be right."""

    def check_file(self) -> None:
        """Raise ValueError if it is not whole."""
        assert self.fp is not None
        position = self.fp.tell()
        self.fp.seek(len(b"\x89PNG\r\n\x1a\n"))
        _check_png_chunks(self.fp)
        self.fp.seek(position)

    def check_pixels(self) -> None:
        """Accept what the checksums have vouched for."""


class CheckedTiffFile(TiffImagePlugin.TiffImageFile):
    """A TIFF whose deflated pixels must have the right checksum, and whose JPEGs must be whole."""

    _file: IO[bytes]

    def check_file(self) -> None:
        """Leave it to libtiff, which names the row, to say what is missing."""
        assert self.fp is not None
        self._file = self.fp  # which Pillow forgets when it has loaded the pixels

    def check_pixels(self) -> None:
        """Raise ValueError if the pixels are not those that were written."""
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
    """Compute the checksum of every chunk that bears on the pixels, to the last one."""
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
        bears_on_pixels = name[:1].isupper() or name == _TRANSPARENCY
        if bears_on_pixels and checksum.to_bytes(4, "big") != stored:
            raise ValueError(f"wrong checksum of chunk {name!r}")
        if name == b"IEND":
            return
