"""Where a decoder is when the pixels of a JPEG end, which libjpeg does not say.

A damaged byte makes it lose its way among codes of different lengths. It finds back into step
after a while, but then has made more or fewer blocks of the bytes in between, and what is short
it fills in, and what is left over it drops, in silence. So it is given a row of blocks more to
decode than there are. Behind the pixels come ones, which are no code: each block takes a fixed
number of them and repeats the level of the last. Behind them is the end marker, and what libjpeg
finds nothing for is mid-grey. How many blocks of the spare row are not grey tells to the block
whether the pixels ended where the last real block did.
"""

from functools import cache
from io import BytesIO
from math import ceil
from typing import NamedTuple

from PIL import Image

from skpneumo.loading._jpeg_layout import JpegLayout, jpeg_layout

__all__ = ["SpareRow", "spare_row"]

# Of one code that is none, after which libjpeg takes the value 0: the same level, no detail.
_BITS = 17
_ONES = b"\xff\0"  # a byte of them, with the zero that tells it from a marker
_END = b"\xff\xd9"
_GREY = 128
_TALLEST = 65500 - 64  # libjpeg decodes no more
# Bytes in which zeros may have been added: some devices write whole words.
_LAST_BYTES = 4


class _Ones(NamedTuple):
    """What is put behind the pixels: ones for some units, and not for another.

    The pixels end within a byte, which up to seven ones fill up. Together with them those beyond
    must be too few for another block.
    """

    bits_of_block: int
    n_units: int
    bits_beyond: int
    n_unsure: int
    shortest_block: int


# A block takes a code for its level, and one where its detail begins. What is beyond is enough for
# a level, so that the next unit is not grey.
_OF_WHOLE_BLOCKS = _Ones(2 * _BITS, 1, 18, 0, 2)
# The level that is made of what is beyond may be grey.
_OF_LEVELS = _Ones(_BITS, 8, 2, 1, 1)


class SpareRow(NamedTuple):
    """One more row of units below an image.

    Attributes
    ----------
    layout : JpegLayout
        Of the file.
    ones : _Ones
        What it is made of.
    unit_width : int
        Of the units in which its blocks are stored, in pixels.
    n_blocks : int
        In each of them.
    top : int
        Where the row begins, below units that reach beyond the edge of the image.
    """

    layout: JpegLayout
    ones: _Ones
    unit_width: int
    n_blocks: int
    top: int

    @property
    def height(self) -> int:
        """Of the image with the upper blocks of this row; no more is decoded."""
        return self.top + 8

    def add_to(self, data: bytes) -> bytes:
        """The file with this row."""
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
        # What is behind the pixels need not be read again.
        return b"".join((*parts, data[begin:] if others else _END))

    def _no_detail(self) -> bytes:
        """Ones for all blocks below the image, which say there that a block ends."""
        frame = self.layout.frame
        n_rows = self.height // 8 - ceil(frame.height / 8)
        return _ONES * ceil(_BITS * n_rows * ceil(frame.width / 8) / 8)

    def says(self, data: bytes, row: Image.Image, scale: int, tolerance: int) -> bool | None:
        """Whether the decoder was at the last block when the pixels ended.

        Parameters
        ----------
        data : bytes
            The file as it is.
        row : Image of mode "L"
            The row as decoded.
        scale : int
            How many pixels of the file one of them is, along each side.
        tolerance : int
            How far mid-grey may be from itself.

        Returns
        -------
        right : bool or None
            None if the last block is mid-grey itself.
        """
        pixels, width = row.tobytes(), row.width
        grey = bytes(range(_GREY - tolerance, _GREY + tolerance + 1))
        lines = (pixels[i : i + width] for i in range(0, len(pixels), width))
        right = max(len(line.rstrip(grey)) for line in lines)
        if not right:
            return None
        # Those that have taken the ones, and the next, which began with what was left of them.
        too_many = ceil(right * scale / self.unit_width) - (self.ones.n_units + 1)
        if too_many <= 0:
            return too_many >= -self.ones.n_unsure
        return too_many <= self._n_in_padding(data)

    def _n_in_padding(self, data: bytes) -> int:
        """How many units may be made of what was added to fill up the last byte or word."""
        scan = self.layout.scans[0]
        last = data[max(scan.begin, scan.end - _LAST_BYTES) : scan.end].replace(_ONES, b"\xff")
        if last.endswith(b"\xff"):
            return 1
        value = int.from_bytes(b"\1" + last, "big")
        n_zeros = (value & -value).bit_length() - 1
        return n_zeros // (self.ones.shortest_block * self.n_blocks)


def spare_row(layout: JpegLayout) -> SpareRow | None:
    """The row that can be added to a file; None where it would not tell."""
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
    """Whether this libjpeg treats what is missing as all known ones do."""
    file = BytesIO()
    Image.new("L", (64, 8), 40).save(file, "JPEG")
    data = file.getvalue()
    row = SpareRow(jpeg_layout(data), _OF_WHOLE_BLOCKS, 8, 1, 8)
    with Image.open(BytesIO(row.add_to(data)), formats=["JPEG"]) as image:
        return row.says(data, image.crop((0, row.top, *image.size)), 1, 0) is True
