"""Whether a JPEG or PNG is whole, which their decoders do not ask.

libjpeg fills what is missing with grey and says so in warnings that Pillow does not hand on, and
Pillow skips the checksums of a PNG's pixels.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import IO

import numpy as np
from PIL import JpegImagePlugin, PngImagePlugin

__all__ = ["CheckedJpegFile", "CheckedPngFile"]

# More than the pixels of the largest image that is decoded take uncompressed; what is behind
# them is no part of it.
_MOST_BYTES = 4 * 89_478_485

_RESTART = re.compile(rb"\xff([\xd0-\xd7])")

_BASELINE, _EXTENDED, _PROGRESSIVE, _LOSSLESS = 0xC0, 0xC1, 0xC2, 0xC3
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN, _END_OF_IMAGE, _RESTART_INTERVAL = 0xDA, 0xD9, 0xDD
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_PIXELS = -1  # no marker, but what follows the start of a scan

# The decoder is given the last bytes of a scan for themselves. One that has all pixels without
# them has lost its way before.
_LAST_BYTES = 4
# It reads ahead by as many bytes at most. They take the place of the end marker, behind which the
# decoder would invent pixels, and are codes that end no block.
_READ_AHEAD = b"\xfe" * 8

_BLOCK = 2**20
# Besides the critical chunks, whose names begin with a capital letter, it bears on the pixels.
_TRANSPARENCY = b"tRNS"


@dataclass(frozen=True)
class _Component:
    horizontal: int
    vertical: int


@dataclass
class _Frame:
    """What the start of a frame says, and which coefficients have come since."""

    kind: int
    height: int
    width: int
    components: dict[int, _Component]
    # Of each component, how many low bits of each of its 64 coefficients are still missing.
    missing_bits: dict[int, list[int]] = field(default_factory=dict)

    def n_units(self, scanned: list[int]) -> int:
        """How many units a scan of these components is made of."""
        side = 1 if self.kind == _LOSSLESS else 8
        most_h = max(c.horizontal for c in self.components.values())
        most_v = max(c.vertical for c in self.components.values())
        if len(scanned) > 1:
            across, down = self.width / (side * most_h), self.height / (side * most_v)
        else:
            only = self.components[scanned[0]]
            across = ceil(self.width * only.horizontal / most_h) / side
            down = ceil(self.height * only.vertical / most_v) / side
        return ceil(across) * ceil(down)


@dataclass(frozen=True)
class _Layout:
    """Where the pixels of a JPEG are, and whether they come in one pass from top to bottom."""

    kind: int
    scan: tuple[int, int]
    in_one_pass: bool


class CheckedJpegFile(JpegImagePlugin.JpegImageFile):
    """A JPEG that must have its end marker and as much data as its pixels take."""

    _layout: _Layout
    _parts: Iterator[bytes]
    _all_read = False

    def check_file(self) -> None:
        """Raise ValueError if it is not whole, as far as that is seen without decoding it."""
        data = _read_all(self.fp)
        self._layout = layout = _jpeg_layout(data)
        if not layout.in_one_pass:
            self._parts = iter([data])
            return
        begin, end = layout.scan
        last = max(begin, end - _LAST_BYTES)
        self._parts = iter([data[:last], data[last:end] + _READ_AHEAD])

    def load_read(self, read_bytes: int) -> bytes:
        """Hand the decoder the next part of the file; Pillow calls it."""
        part = next(self._parts, b"")
        self._all_read = part.endswith(_READ_AHEAD)
        return part

    def check_pixels(self) -> None:
        """Raise ValueError if the pixels show that the decoder has lost its way."""
        if self._layout.in_one_pass and not self._all_read:
            raise ValueError("there is more data than its pixels take")

    @property
    def is_lossless(self) -> bool:
        return self._layout.kind == _LOSSLESS


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


def _read_all(file: IO[bytes] | None) -> bytes:
    assert file is not None
    file.seek(0)
    return file.read(_MOST_BYTES)


def _jpeg_layout(data: bytes) -> _Layout:
    """Walk through the segments to the end marker."""
    frame: _Frame | None = None
    interval, scans = 0, []
    components: list[int] = []
    scanned: list[int] = []
    for marker, begin, end in _segments(data):
        segment = b"" if marker == _PIXELS else data[begin:end]
        if marker in _FRAMES:
            frame = _read_frame(marker, segment)
        elif marker == _RESTART_INTERVAL:
            interval = int.from_bytes(segment[:2], "big")
        elif marker == _START_OF_SCAN:
            if frame is None:
                raise ValueError("pixels without a frame")
            components = _read_scan(segment, frame)
            scanned += components
        elif marker == _PIXELS:
            scans.append((begin, end))
            if interval and frame is not None:
                _check_intervals(data[begin:end], frame.n_units(components), interval)
    if frame is None or not scans:
        raise ValueError("no pixels")
    _check_coefficients(frame, scanned)
    in_one_pass = len(scans) == 1 and frame.kind in (_BASELINE, _EXTENDED)
    return _Layout(frame.kind, scans[0], in_one_pass)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Markers up to that of the end, and pixels, each with where they begin and end."""
    position, in_intervals = 2, False
    while True:
        if data[position : position + 1] not in (b"\xff", b""):
            raise ValueError(f"no marker at byte {position}")
        while data[position : position + 1] == b"\xff":  # any number of them may lead
            position += 1
        marker = data[position : position + 1]
        if not marker:
            raise ValueError("image file is truncated: it has no end marker")
        position += 1
        if marker[0] == _END_OF_IMAGE:
            return
        if marker[0] in _WITHOUT_LENGTH:
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        if length < 2 or position + length > len(data):
            raise ValueError("image file is truncated: it ends within a segment")
        yield marker[0], position + 2, position + length
        if marker[0] == _RESTART_INTERVAL:
            in_intervals = any(data[position + 2 : position + 4])
        position += length
        if marker[0] == _START_OF_SCAN:
            end = _end_of_scan(data, position, in_intervals)
            yield _PIXELS, position, end
            position = end


def _end_of_scan(data: bytes, begin: int, in_intervals: bool) -> int:
    for block in range(begin, len(data), _BLOCK):
        values = np.frombuffer(data[block : block + _BLOCK + 1], np.uint8)
        marks = np.flatnonzero(values[:-1] == 0xFF)
        behind = values[marks + 1]
        # Any marker but stuffed bytes, fill bytes and, within intervals, those that count them.
        ends = (behind != 0) & (behind != 0xFF)
        if in_intervals:
            ends &= (behind & 0xF8) != 0xD0
        if ends.any():
            end = block + int(marks[ends.argmax()])
            while end > begin and data[end - 1] == 0xFF:  # any number of them may lead
                end -= 1
            return end
    raise ValueError("image file is truncated: it has no end marker")


def _read_frame(kind: int, segment: bytes) -> _Frame:
    _, height, width, n_components = (
        segment[0],
        int.from_bytes(segment[1:3], "big"),
        int.from_bytes(segment[3:5], "big"),
        segment[5],
    )
    components = {}
    for number, sampling, _ in zip(*[iter(segment[6 : 6 + 3 * n_components])] * 3, strict=True):
        components[number] = _Component(sampling >> 4 or 1, sampling & 15 or 1)
    if not components:
        raise ValueError("a frame without components")
    return _Frame(kind, height, width, components, {c: [1] * 64 for c in components})


def _read_scan(segment: bytes, frame: _Frame) -> list[int]:
    """Note what a scan brings; returns the components that it has."""
    n_components = segment[0]
    components = list(segment[1 : 1 + 2 * n_components : 2])
    first, last, bits = segment[1 + 2 * n_components : 4 + 2 * n_components]
    if not components or not set(components) <= set(frame.components):
        raise ValueError("a scan of components that its frame has not")
    if frame.kind == _PROGRESSIVE:
        for component in components:
            for coefficient in range(first, min(last, 63) + 1):
                frame.missing_bits[component][coefficient] = bits & 15
    return components


def _check_intervals(scan: bytes, n_units: int, interval: int) -> None:
    """Look for the numbered markers between intervals, all of them and in order."""
    expected = ceil(n_units / interval) - 1
    numbers = b"".join(_RESTART.findall(scan))
    ordered = bytes(0xD0 + i % 8 for i in range(len(numbers)))
    if numbers != ordered or len(numbers) not in (expected, expected + 1):
        raise ValueError("some of its intervals of pixels are missing or out of order")


def _check_coefficients(frame: _Frame, scanned: list[int]) -> None:
    if set(scanned) != set(frame.components):
        raise ValueError("image file is truncated: components are missing")
    if frame.kind == _PROGRESSIVE and any(map(any, frame.missing_bits.values())):
        raise ValueError("image file is truncated: some of its progressive scans are missing")


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
