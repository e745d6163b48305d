"""Detect by a spare row whether the codes of a JPEG end with its last block.

A damaged byte makes the decoder lose synchronisation among codes of different lengths. It recovers
after a while, but by then it has decoded more or fewer blocks than there were. libjpeg fills in
missing blocks and drops extra ones without an error. So the decoder is given one more row of
blocks than the image has. The pixels are followed by ones, which are not a valid code: each block
consumes a fixed number of them and repeats the level of the previous block. After the ones comes
the end marker, and blocks without data are mid-grey. The number of blocks in the spare row that
are not grey tells, exact to one block, whether the codes ended with the last real block.
"""

from functools import cache
from io import BytesIO
from math import ceil
from typing import NamedTuple

from PIL import Image

from skpneumo.loading._jpeg_layout import JpegLayout, jpeg_layout

__all__ = ["SpareRow", "spare_row"]

# Bits of an invalid code, for which libjpeg assumes the value 0: the same level, no detail.
_BITS = 17
_ONES = b"\xff\0"  # a byte of ones, and the zero that distinguishes it from a marker
_END = b"\xff\xd9"
_GREY = 128
_TALLEST = 65500 - 64  # pixels; libjpeg decodes at most 65500
# Bytes that may contain added zeros, because some devices write whole words.
_LAST_BYTES = 4


class _Ones(NamedTuple):
    """The ones that are inserted after the pixels, enough for some units but not for another.

    The last byte of the pixels is filled up with up to seven ones. Together with these, the bits
    beyond the last unit must be too few for another block.
    """

    bits_of_block: int
    n_units: int
    bits_beyond: int
    n_unsure: int
    shortest_block: int


# A block consumes a code for its level and one for its detail. The bits beyond are enough for a
# level, so that the next unit is not grey.
_OF_WHOLE_BLOCKS = _Ones(2 * _BITS, 1, 18, 0, 2)
# The level decoded from the bits beyond may be grey.
_OF_LEVELS = _Ones(_BITS, 8, 2, 1, 1)


class SpareRow(NamedTuple):
    """An additional row of units below an image.

    Attributes
    ----------
    layout : JpegLayout
        Layout of the file.
    ones : _Ones
        The ones that the row consists of.
    unit_width : int
        Width of a unit in pixels; a unit has one or several blocks.
    n_blocks : int
        Number of blocks per unit.
    top : int
        First line of the row, below units that extend beyond the edge of the image.
    """

    layout: JpegLayout
    ones: _Ones
    unit_width: int
    n_blocks: int
    top: int

    @property
    def height(self) -> int:
        """The height of the image with the upper blocks of this row, which is what is decoded."""
        return self.top + 8

    def add_to(self, data: bytes) -> bytes:
        """Return the file with this row inserted."""
        frame, (first, *others) = self.layout.frame, self.layout.scans
        n_bits = self.ones.n_units * self.ones.bits_of_block * self.n_blocks
        ones = _ONES * ceil((n_bits + self.ones.bits_beyond) / 8)
        tall = self.height.to_bytes(2, "big")
        parts = [data[: frame.begin + 1], tall, data[frame.begin + 3 : first.end], ones]
        begin = first.end
        for scan in others:
            if scan.coefficients[0]:
                parts += data[begin : scan.end], self._no_detail()
                begin = scan.end
        # The rest of the file is not needed.
        return b"".join((*parts, data[begin:] if others else _END))

    def _no_detail(self) -> bytes:
        """Return ones for all blocks below the image, which end these blocks without detail."""
        frame = self.layout.frame
        n_rows = self.height // 8 - ceil(frame.height / 8)
        return _ONES * ceil(_BITS * n_rows * ceil(frame.width / 8) / 8)

    def ends_with_pixels(
        self, data: bytes, row: Image.Image, scale: int, tolerance: int
    ) -> bool | None:
        """Return whether the decoder was at the last block when the codes ended.

        Parameters
        ----------
        data : bytes
            The original file.
        row : Image of mode "L"
            The decoded row.
        scale : int
            Pixels of the file per decoded pixel, along each side.
        tolerance : int
            Largest deviation from mid-grey.

        Returns
        -------
        complete : bool or None
            None if it cannot be decided, because the last block is mid-grey.
        """
        pixels, width = row.tobytes(), row.width
        grey = bytes(range(_GREY - tolerance, _GREY + tolerance + 1))
        lines = (pixels[i : i + width] for i in range(0, len(pixels), width))
        right = max(len(line.rstrip(grey)) for line in lines)
        if not right:
            return None
        # Without the units that consumed the ones, and the next, which began with the rest of
        # them.
        too_many = ceil(right * scale / self.unit_width) - (self.ones.n_units + 1)
        if too_many <= 0:
            return too_many >= -self.ones.n_unsure
        return too_many <= self._n_in_padding(data)

    def _n_in_padding(self, data: bytes) -> int:
        """Return how many units may be decoded from the padding of the last byte or word."""
        scan = self.layout.scans[0]
        last = data[max(scan.begin, scan.end - _LAST_BYTES) : scan.end].replace(_ONES, b"\xff")
        if last.endswith(b"\xff"):
            return 1
        value = int.from_bytes(b"\1" + last, "big")
        n_zeros = (value & -value).bit_length() - 1
        return n_zeros // (self.ones.shortest_block * self.n_blocks)


def spare_row(layout: JpegLayout) -> SpareRow | None:
    """Return the row that can be added to a file; None if it would not detect damage."""
    frame, first = layout.frame, layout.scans[0]
    if layout.in_intervals or layout.all_ones_is_a_code or not 0 < frame.height <= _TALLEST:
        return None
    components = list(frame.components.values())
    if layout.in_one_pass:
        ones = _OF_WHOLE_BLOCKS
    elif layout.is_progressive and first.coefficients == (0, 0):
        ones = _OF_LEVELS
    else:
        return None
    if len(components) == 1:
        across = down = n_blocks = 1
    else:
        across, down = frame.most_horizontal, frame.most_vertical
        n_blocks = sum(c.horizontal * c.vertical for c in components)
        if components[0] != (across, down) or len(first.components) < len(components):
            return None
    if ceil(frame.width / (8 * across)) < ones.n_units + 2 or not _decoder_leaves_grey():
        return None
    top = ceil(frame.height / (8 * down)) * 8 * down
    return SpareRow(layout, ones, 8 * across, n_blocks, top)


@cache
def _decoder_leaves_grey() -> bool:
    """Return whether this libjpeg handles missing data as all known versions do."""
    file = BytesIO()
    Image.new("L", (64, 8), 40).save(file, "JPEG")
    data = file.getvalue()
    row = SpareRow(jpeg_layout(data), _OF_WHOLE_BLOCKS, 8, 1, 8)
    with Image.open(BytesIO(row.add_to(data)), formats=["JPEG"]) as image:
        return row.ends_with_pixels(data, image.crop((0, row.top, *image.size)), 1, 0) is True
