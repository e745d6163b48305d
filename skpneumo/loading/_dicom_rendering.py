"""Compute the table that maps each stored value of a DICOM image to a grey level.

The grey scale of DICOM (PS3.3 C.11 and C.7.6.3, PS3.4 N.2) depends only on the stored value, and
stored values have at most 16 bits. So the function is computed once for each value, in double
precision, and applied to the pixels as a lookup table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._dicom_files import UnusableDicomError
from skpneumo._messages import by_interface
from skpneumo.loading._dicom_pixels import code_string

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = [
    "RENDERING_TAGS",
    "StoredValues",
    "color_table",
    "grey_table",
    "linear_table",
    "values_beyond",
]

RENDERING_TAGS = (
    0x00280120,  # Pixel Padding Value
    0x00280121,  # Pixel Padding Range Limit
    0x00281050,  # Window Center
    0x00281051,  # Window Width
    0x00281052,  # Rescale Intercept
    0x00281053,  # Rescale Slope
    0x00281056,  # VOI LUT Function
    *range(0x00281101, 0x00281104),  # palette descriptors
    *range(0x00281201, 0x00281204),  # palettes
    *range(0x00281221, 0x00281224),  # segmented palettes
    0x00283000,  # Modality LUT Sequence
    0x00283010,  # VOI LUT Sequence
    0x20500010,  # Presentation LUT Sequence
    0x20500020,  # Presentation LUT Shape
)

# Stored values, modality units, or presented values from 0, black, to 1, white.
_Values = NDArray[np.float64]
_Table = NDArray[np.uint8]


@dataclass(frozen=True)
class StoredValues:
    """The values that the pixels can have.

    Attributes
    ----------
    bits : int
        Bits Stored, from 1 to 16.
    signed : bool
        Whether they are in two's complement.
    """

    bits: int
    signed: bool

    def all(self) -> _Values:
        """Return all values; the index of each is the unsigned number with the same bits."""
        values = np.arange(2**self.bits, dtype=np.float64)
        if self.signed:
            values[values >= 2 ** (self.bits - 1)] -= 2**self.bits
        return values


def grey_table(
    header: "Dataset", stored: StoredValues, window: int | None, white: float | None
) -> _Table:
    """Compute the grey level of each stored value of a MONOCHROME image.

    Parameters
    ----------
    header : Dataset
        Header of the file, with at least the ``RENDERING_TAGS``.
    stored : StoredValues
        Bits and signedness.
    window : int or None
        Number of the VOI LUT or window, LUTs first; None for none.
    white : float or None
        The stored value at which the full range ends, where :func:`values_beyond` applies it.
        None is the greatest value of the stored bits.

    Returns
    -------
    table : ndarray of uint8, shape (2 ** bits,)

    Raises
    ------
    UnusableDicomError
        If the file has no such window, or its width is invalid.
    ValueError
        If an element violates the standard.
    """
    values = stored.all()
    units, low, high = _modality_units(header, values)
    if white is not None and values_beyond(header, stored, window, white) is not None:
        low, high = sorted(float(np.interp(end, values, units)) for end in (0, white))
    presented = _apply_voi(header, units, low, high, window)
    presented = _apply_presentation(header, presented)
    presented[_is_padding(header, values, stored)] = 0.0
    return _to_levels(presented)


def values_beyond(
    header: "Dataset", stored: StoredValues, window: int | None, white: float | None
) -> NDArray[np.bool_] | None:
    """Which stored values are beyond white, and are no padding; None where white is not meant.

    It is for unsigned values of 16 bits, of which the file does not say how many are used, shown
    in their full range for want of a window or as asked for.
    """
    if white is None or stored.bits < 16 or stored.signed:
        return None
    has_window = bool(header.get("VOILUTSequence")) or bool(_windows(header))
    if window or (window == 0 and has_window):
        return None
    values = stored.all()
    return (values > white) & ~_is_padding(header, values, stored)


def linear_table(stored: StoredValues) -> _Table:
    """Compute the level of each stored value of a colour channel."""
    values = stored.all()
    return _to_levels((values - values.min()) / (values.max() - values.min()))


def color_table(header: "Dataset", stored: StoredValues) -> _Table:
    """Compute the colour of each stored value of a PALETTE COLOR image.

    Returns
    -------
    table : ndarray of uint8, shape (2 ** bits, 3)
    """
    values = stored.all()
    return np.stack([_to_levels(lut(values)) for lut in _read_palettes(header)], axis=1)


def _modality_units(header: "Dataset", values: _Values) -> tuple[_Values, float, float]:
    """Convert stored values to modality units; return these and the range of the stored bits."""
    if items := header.get("ModalityLUTSequence"):
        lut = _read_lut(items[0], "Modality LUT", negative=bool(values.min() < 0))
        return lut(values) * lut.highest, 0.0, lut.highest
    slope = _one_number(header, "RescaleSlope", default=1.0)
    units = values * slope + _one_number(header, "RescaleIntercept", default=0.0)
    if slope == 0:
        raise ValueError("a Rescale Slope of 0, which makes all pixels equal")
    return units, float(units.min()), float(units.max())


def _apply_voi(
    header: "Dataset", units: _Values, low: float, high: float, window: int | None
) -> _Values:
    if window is None:
        return _full_range(units, low, high)
    luts = list(header.get("VOILUTSequence") or ())
    windows = _windows(header)
    n_choices = len(luts) + len(windows)
    if window < len(luts):
        return _read_lut(luts[window], "VOI LUT", negative=low < 0)(units)
    if window < n_choices:
        function = code_string(header, "VOILUTFunction") or "LINEAR"
        return _apply_window(units, *windows[window - len(luts)], function)
    if window == 0:
        return _full_range(units, low, high)
    raise UnusableDicomError(
        f"dicom_window={window}, but it has {n_choices} VOI LUTs and windows, counted from 0; "
        f"{_without_window()}"
    )


def _full_range(units: _Values, low: float, high: float) -> _Values:
    if low == high:
        raise ValueError("a range in which all values are equal")
    return np.clip((units - low) / (high - low), 0.0, 1.0)


def _without_window() -> str:
    return by_interface(
        python="dicom_window=None uses the full range of the stored bits",
        shell="correct its header, or leave the file out",
    )


def _windows(header: "Dataset") -> list[tuple[float, float]]:
    centers, widths = _numbers(header, "WindowCenter"), _numbers(header, "WindowWidth")
    if len(centers) != len(widths):
        raise UnusableDicomError(
            f"{len(centers)} Window Centers but {len(widths)} Window Widths; {_without_window()}"
        )
    return list(zip(centers, widths, strict=True))


def _apply_window(units: _Values, center: float, width: float, function: str) -> _Values:
    """Apply a window (PS3.3 C.11.2.1.2 and C.11.2.1.3); the result is between 0 and 1."""
    if width <= 0 or (function == "LINEAR" and width < 1):
        raise UnusableDicomError(f"an invalid Window Width of {width:g}; {_without_window()}")
    if function == "SIGMOID":
        # Beyond this the result is 0 or 1 in double precision, and the exponential overflows.
        steps = np.clip(-4 * (units - center) / width, -700, 700)
        return 1 / (1 + np.exp(steps))
    if function == "LINEAR":
        center, width = center - 0.5, width - 1
    elif function != "LINEAR_EXACT":
        raise UnusableDicomError(
            f"an unknown VOI LUT Function {function!r}, expected LINEAR, LINEAR_EXACT or SIGMOID; "
            f"{_without_window()}"
        )
    if width == 0:
        return (units > center).astype(np.float64)
    return np.clip((units - center) / width + 0.5, 0.0, 1.0)


def _apply_presentation(header: "Dataset", presented: _Values) -> _Values:
    """Convert the output of the window to P-values, of which 0 is black."""
    if items := header.get("PresentationLUTSequence"):
        lut = _read_lut(items[0], "Presentation LUT", negative=False)
        return lut(presented * (len(lut.entries) - 1) + lut.first)
    # MONOCHROME1 and INVERSE mean the same inversion (PS3.3 C.8.11.1.1.2), which is applied once.
    inverse = code_string(header, "PhotometricInterpretation") == "MONOCHROME1"
    inverse |= code_string(header, "PresentationLUTShape") == "INVERSE"
    return 1 - presented if inverse else presented


def _is_padding(header: "Dataset", values: _Values, stored: StoredValues) -> NDArray[np.bool_]:
    """Mark the padding (PS3.3 C.7.5.1.1.2), which is black for either polarity."""
    value = header.get("PixelPaddingValue")
    if not isinstance(value, int):
        return np.zeros(len(values), dtype=bool)
    limit = header.get("PixelPaddingRangeLimit")
    ends = [_with_sign(end, stored) for end in (value, limit) if isinstance(end, int)]
    return (values >= min(ends)) & (values <= max(ends))


def _with_sign(value: int, stored: StoredValues) -> int:
    # Many devices write it as unsigned even if the pixels are signed.
    return value - 2**16 if stored.signed and value >= 2**15 else value


def _numbers(header: "Dataset", keyword: str) -> list[float]:
    value = header.get(keyword)
    if value is None or value == "":
        return []
    several = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    numbers = [float(number) for number in several]
    if not np.isfinite(numbers).all():
        raise ValueError(f"{keyword} {numbers} is not a finite number")
    return numbers


def _one_number(header: "Dataset", keyword: str, default: float) -> float:
    return (_numbers(header, keyword) or [default])[0]


def _to_levels(presented: _Values) -> _Table:
    return np.rint(presented * 255).astype(np.uint8)


@dataclass(frozen=True)
class _Lut:
    """Entries from 0 to 1 for inputs starting at ``first``; the outer entries apply beyond."""

    first: int
    entries: _Values
    highest: float

    def __call__(self, inputs: _Values) -> _Values:
        positions = np.rint(inputs).astype(np.int64) - self.first
        return self.entries[np.clip(positions, 0, len(self.entries) - 1)]


def _read_lut(item: "Dataset", name: str, negative: bool) -> _Lut:
    """Read an item of a LUT sequence (PS3.3 C.11.1.1 and C.11.2.1.1)."""
    n_entries, first, bits = _descriptor(item.get("LUTDescriptor"), name)
    data = item.get("LUTData")
    if isinstance(data, bytes):
        data = _unpack(data, n_entries, bits, item)
    return _make_lut(data, n_entries, first, bits, name, negative)


def _read_palettes(header: "Dataset") -> list[_Lut]:
    """Read the three palettes (PS3.3 C.7.6.3.1.5 and C.7.9)."""
    luts = []
    for channel, color in enumerate(("Red", "Green", "Blue")):
        keyword = f"{color}PaletteColorLookupTable"
        name = f"{color} Palette Color Lookup Table"
        n_entries, first, bits = _descriptor(header.get(f"{keyword}Descriptor"), name)
        data = header.get(f"{keyword}Data")
        if isinstance(data, bytes):
            entries = _unpack(data, n_entries, bits, header)
        else:
            entries = _expand_segments(header, n_entries, first)[:, channel]
        luts.append(_make_lut(entries, n_entries, first, bits, name, negative=False))
    return luts


def _expand_segments(header: "Dataset", n_entries: int, first: int) -> NDArray[Any]:
    from pydicom.pixels import apply_color_lut

    if n_entries > 256 and header.RedPaletteColorLookupTableDescriptor[2] == 8:
        # pydicom counts the entries of an 8-bit palette in 8 bits.
        raise UnusableDicomError(
            f"a segmented palette of {n_entries} entries of 8 bits; export it as RGB"
        )
    return apply_color_lut(np.arange(first, first + n_entries), header)


def _descriptor(value: Any, name: str) -> tuple[int, int, int]:
    if value is None or len(value) != 3:
        raise ValueError(f"a {name} without the three values of its descriptor")
    n_entries, first, bits = (int(number) for number in value)
    if not 8 <= bits <= 16:
        raise ValueError(f"a {name} of {bits} bits, where the standard allows 8 to 16")
    return n_entries or 2**16, first, bits


def _make_lut(
    entries: Any, n_entries: int, first: int, bits: int, name: str, negative: bool
) -> _Lut:
    if entries is None or np.size(entries) < n_entries:
        found = 0 if entries is None else np.size(entries)
        raise ValueError(f"a {name} of {found} entries, although its descriptor says {n_entries}")
    entries = np.atleast_1d(entries)[:n_entries].astype(np.float64)
    highest = 2.0**bits - 1
    if entries.max() > highest:
        raise ValueError(
            f"a {name} with entries up to {entries.max():g}, although it has {bits} bits"
        )
    if negative and first >= 2**15:
        first -= 2**16  # it was written as unsigned
    return _Lut(first, entries / highest, highest)


def _unpack(data: bytes, n_entries: int, bits: int, source: "Dataset") -> NDArray[Any]:
    """Unpack entries of 16 bits, or two entries of 8 bits per word, read from a data set."""
    big_endian = source.original_encoding[1] is False
    words = np.frombuffer(data[: len(data) // 2 * 2], ">u2" if big_endian else "<u2")
    if bits == 8 and len(words) < n_entries:
        return words.astype("<u2").view(np.uint8)
    return words
