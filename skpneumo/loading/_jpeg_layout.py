"""Find the segments and scans of a JPEG without decoding any pixels."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from operator import mul
from typing import NamedTuple

__all__ = ["Frame", "JpegLayout", "Scan", "jpeg_layout"]

# Among codes, 0xff is followed by a zero unless it begins a marker.
_MARKER = re.compile(rb"\xff[^\0\xff]")
_MARKER_AFTER_INTERVALS = re.compile(rb"\xff[^\0\xff\xd0-\xd7]")
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")

_BASELINE, _EXTENDED, _PROGRESSIVE, _LOSSLESS = 0xC0, 0xC1, 0xC2, 0xC3
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_HUFFMAN_TABLES, _RESTART_INTERVAL = 0xC4, 0xDD
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_PIXELS = -1  # not a marker, but the codes after the start of a scan

# How many codes of 16 bits begin with a given code of 1 to 16 bits.
_CODES_OF_LENGTH = [1 << (16 - length) for length in range(1, 17)]


class _Component(NamedTuple):
    horizontal: int
    vertical: int


@dataclass
class Frame:
    """The parameters of a frame, and which coefficients its scans have not yet provided.

    Attributes
    ----------
    kind : int
        Marker of the frame.
    begin : int
        Position of the parameters in the file: a byte for the precision, then two for the height.
    height, width : int
        In pixels.
    components : dict
        Sampling factors of the components, by number, in order.
    """

    kind: int
    begin: int
    height: int
    width: int
    components: dict[int, _Component]
    # For each component, how many low bits of each of its 64 coefficients are still missing.
    missing_bits: dict[int, list[int]] = field(default_factory=dict)

    @property
    def most_horizontal(self) -> int:
        return max(component.horizontal for component in self.components.values())

    @property
    def most_vertical(self) -> int:
        return max(component.vertical for component in self.components.values())

    def n_units(self, scanned: list[int]) -> int:
        """Return the number of units in a scan of these components."""
        side = 1 if self.kind == _LOSSLESS else 8
        if len(scanned) > 1:
            across = self.width / (side * self.most_horizontal)
            down = self.height / (side * self.most_vertical)
        else:
            only = self.components[scanned[0]]
            across = ceil(self.width * only.horizontal / self.most_horizontal) / side
            down = ceil(self.height * only.vertical / self.most_vertical) / side
        return ceil(across) * ceil(down)


class Scan(NamedTuple):
    """One pass over the pixels.

    Attributes
    ----------
    components : list of int
        Numbers of the components.
    coefficients : tuple of (first, last)
        Coefficients in a progressive scan; 0 is the level.
    begin, end : int
        Position of the codes in the file.
    """

    components: list[int]
    coefficients: tuple[int, int]
    begin: int
    end: int


@dataclass(frozen=True)
class JpegLayout:
    """The layout of the pixels in a JPEG file.

    Attributes
    ----------
    frame : Frame
        Size and components.
    scans : list of Scan
        Scans in order.
    in_intervals : bool
        Whether restart markers divide the codes.
    all_ones_is_a_code : bool
        Whether a Huffman table uses a code that consists only of ones, which the standard
        forbids (ITU-T T.81, C.2).
    """

    frame: Frame
    scans: list[Scan]
    in_intervals: bool
    all_ones_is_a_code: bool

    @property
    def is_lossless(self) -> bool:
        return self.frame.kind == _LOSSLESS

    @property
    def in_one_pass(self) -> bool:
        """Whether there is a single scan of sequential Huffman codes."""
        return len(self.scans) == 1 and self.frame.kind in (_BASELINE, _EXTENDED)

    @property
    def is_progressive(self) -> bool:
        return self.frame.kind == _PROGRESSIVE


def jpeg_layout(data: bytes) -> JpegLayout:
    """Read the segments of a file up to the end marker.

    Raises
    ------
    ValueError
        If the file is incomplete, as far as can be seen without decoding.
    """
    frame: Frame | None = None
    header: tuple[list[int], tuple[int, int]] | None = None
    interval, scans = 0, []
    all_ones_is_a_code = in_intervals = False
    for marker, begin, end in _segments(data):
        segment = b"" if marker == _PIXELS else data[begin:end]
        if marker in _FRAMES:
            frame = _read_frame(marker, begin, segment)
        elif marker == _HUFFMAN_TABLES:
            all_ones_is_a_code |= _has_code_of_ones(segment)
        elif marker == _RESTART_INTERVAL:
            interval = int.from_bytes(segment[:2], "big")
        elif marker == _START_OF_SCAN:
            if frame is None:
                raise ValueError("pixels without a frame")
            header = _read_scan(segment, frame)
        elif marker == _PIXELS and frame is not None and header is not None:
            scans.append(Scan(*header, begin, end))
            in_intervals |= bool(interval)
            if interval:
                _check_intervals(data[begin:end], frame.n_units(header[0]), interval)
    if frame is None or not scans:
        raise ValueError("no pixels")
    _check_coefficients(frame, scans)
    return JpegLayout(frame, scans, in_intervals, all_ones_is_a_code)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield markers and scans up to the end marker, each with its begin and end."""
    position, in_intervals = 2, False
    while True:
        if data[position : position + 1] not in (b"\xff", b""):
            raise ValueError(f"no marker at byte {position}")
        while data[position : position + 1] == b"\xff":  # fill bytes may precede a marker
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
    found = (_MARKER_AFTER_INTERVALS if in_intervals else _MARKER).search(data, begin)
    if found is None:
        raise ValueError("image file is truncated: it has no end marker")
    end = found.start()
    while end > begin and data[end - 1] == 0xFF:  # fill bytes may precede a marker
        end -= 1
    return end


def _read_frame(kind: int, begin: int, segment: bytes) -> Frame:
    if len(segment) < 6:
        raise ValueError("a frame without components")
    height, width, n_components = struct.unpack_from(">xHHB", segment)
    components = {}
    for number, sampling, _ in zip(*[iter(segment[6 : 6 + 3 * n_components])] * 3, strict=True):
        components[number] = _Component(sampling >> 4 or 1, sampling & 15 or 1)
    if not components:
        raise ValueError("a frame without components")
    missing = {component: [1] * 64 for component in components}
    return Frame(kind, begin, height, width, components, missing)


def _read_scan(segment: bytes, frame: Frame) -> tuple[list[int], tuple[int, int]]:
    """Read the components and coefficients of a scan, and record them in the frame."""
    n_components = segment[0]
    components = list(segment[1 : 1 + 2 * n_components : 2])
    first, last, bits = segment[1 + 2 * n_components : 4 + 2 * n_components]
    if not components or not set(components) <= set(frame.components):
        raise ValueError("a scan of components that its frame lacks")
    if frame.kind == _PROGRESSIVE:
        for component in components:
            for coefficient in range(first, min(last, 63) + 1):
                frame.missing_bits[component][coefficient] = bits & 15
    return components, (first, last)


def _check_intervals(scan: bytes, n_units: int, interval: int) -> None:
    """Check that the numbered markers between intervals are complete and in order."""
    expected = ceil(n_units / interval) - 1
    numbers = b"".join(_RESTART.findall(scan))
    ordered = bytes(0xD0 + i % 8 for i in range(len(numbers)))
    if numbers != ordered or len(numbers) not in (expected, expected + 1):
        raise ValueError("some of its intervals of pixels are missing or out of order")


def _check_coefficients(frame: Frame, scans: list[Scan]) -> None:
    if {component for scan in scans for component in scan.components} != set(frame.components):
        raise ValueError("image file is truncated: components are missing")
    if frame.kind == _PROGRESSIVE and any(map(any, frame.missing_bits.values())):
        raise ValueError("image file is truncated: some of its progressive scans are missing")


def _has_code_of_ones(segment: bytes) -> bool:
    """Return whether one of these Huffman tables uses all possible codes."""
    while segment:
        counts = segment[1:17]
        if sum(map(mul, counts, _CODES_OF_LENGTH)) >= 1 << 16:
            return True
        segment = segment[17 + sum(counts) :]
    return False
