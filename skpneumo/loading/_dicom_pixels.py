"""Check and decode the stored pixels of a DICOM file with pydicom and its plugins."""

import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from numpy.typing import NDArray

from skpneumo._dicom_files import DicomHeader, UnusableDicomError

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID

__all__ = ["PIXEL_TAGS", "PixelFormat", "code_string", "read_pixel_data", "several_images"]

PIXEL_TAGS = (
    0x00280002,  # Samples per Pixel
    0x00280004,  # Photometric Interpretation
    0x00280006,  # Planar Configuration
    0x00280008,  # Number of Frames
    0x00280010,  # Rows
    0x00280011,  # Columns
    0x00280100,  # Bits Allocated
    0x00280101,  # Bits Stored
    0x00280102,  # High Bit
    0x00280103,  # Pixel Representation
)
_PIXEL_DATA_TAGS = (0x7FE00001, 0x7FE00002, 0x7FE00010)

_UNDEFINED = 0xFFFFFFFF
_COLORS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_SAMPLES = {"MONOCHROME1": 1, "MONOCHROME2": 1, "PALETTE COLOR": 1} | dict.fromkeys(_COLORS, 3)

# Compressed data of a single image is at most this many times the size of its pixels, plus
# headers.
_MAX_ENCODED_RATIO, _ENCODED_OVERHEAD = 2, 2**20

_INSTALL = 'pip install "skpneumo[dicom]"'
_INSTALL_12_BIT_JPEG = 'pip install "pylibjpeg[libjpeg]" (under the GPL)'

# The plugin for each syntax that is fastest, and strictest about damage.
_PLUGINS = {
    "1.2.840.10008.1.2.4.50": "pillow",
    "1.2.840.10008.1.2.4.51": "pillow",
    "1.2.840.10008.1.2.4.90": "pylibjpeg",
    "1.2.840.10008.1.2.4.91": "pylibjpeg",
    "1.2.840.10008.1.2.5": "pylibjpeg",
}
# Padding may follow it: zeros or other bytes, in some files more than one.
_END_OF_IMAGE, _MAX_TAIL = b"\xff\xd9", 10  # bytes
_FRAME_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class PixelFormat:
    """The format of the pixels, as described in the header.

    Attributes
    ----------
    rows, columns : int
        Size of the image.
    samples : int
        Samples per pixel, 1 or 3.
    photometric : str
        Photometric interpretation.
    bits_allocated, bits_stored, high_bit : int
        Bits per sample in the file, bits that are used, and the position of the highest of these.
    signed : bool
        Whether samples are in two's complement.
    """

    rows: int
    columns: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool

    @classmethod
    def of(cls, header: "Dataset") -> "PixelFormat":
        """Read the format from a header; raise an error if it is incomplete or unsupported."""
        bits_stored = _integer(header, "BitsStored")
        found = cls(
            rows=_integer(header, "Rows"),
            columns=_integer(header, "Columns"),
            samples=_integer(header, "SamplesPerPixel"),
            photometric=code_string(header, "PhotometricInterpretation"),
            bits_allocated=_integer(header, "BitsAllocated"),
            bits_stored=bits_stored,
            high_bit=_integer(header, "HighBit", default=bits_stored - 1),
            signed=_integer(header, "PixelRepresentation") == 1,
        )
        found._check()
        return found

    @property
    def n_bytes(self) -> int:
        """Size of the uncompressed pixels."""
        # In YBR_FULL_422, two pixels share their colour.
        samples = 2 if self.photometric == "YBR_FULL_422" else self.samples
        return (self.rows * self.columns * samples * self.bits_allocated + 7) // 8

    def _check(self) -> None:
        if self.photometric not in _SAMPLES:
            raise UnusableDicomError(
                f"pixels of Photometric Interpretation {self.photometric!r}, which is not among "
                f"{', '.join(_SAMPLES)}; export it as one of them"
            )
        if self.samples != _SAMPLES[self.photometric]:
            raise ValueError(
                f"{self.samples} samples per pixel, but the header says {self.photometric}"
            )
        if not 1 <= self.bits_stored <= min(16, self.bits_allocated):
            raise UnusableDicomError(
                f"{self.bits_stored} of {self.bits_allocated} bits per sample; X-rays in DICOM "
                "have up to 16"
            )
        if not self.bits_stored - 1 <= self.high_bit < self.bits_allocated:
            raise ValueError(
                f"High Bit {self.high_bit}, which does not fit {self.bits_stored} stored of "
                f"{self.bits_allocated} bits"
            )
        if self.rows < 1 or self.columns < 1:
            raise ValueError(f"an image of {self.columns} x {self.rows} pixels")


@dataclass(frozen=True)
class PixelData:
    """The pixels of one image as stored in the file, checked but not decoded.

    Attributes
    ----------
    dataset : Dataset
        The pixel data and the elements that describe it.
    pixel_format : PixelFormat
        The format that these elements describe.
    syntax : UID
        Transfer syntax.
    plugin : str
        The plugin of pydicom to decode with, "" for any.
    frame : bytes or None
        The complete JPEG, JPEG-LS or JPEG 2000 stream in the file, if there is one.
    """

    dataset: "Dataset"
    pixel_format: PixelFormat
    syntax: "UID"
    plugin: str
    frame: bytes | None

    @property
    def is_grey_baseline_jpeg(self) -> bool:
        """Whether the pixels are an ordinary grey JPEG."""
        pixel_format = self.pixel_format
        return (
            self.syntax.name.startswith("JPEG Baseline")
            and (pixel_format.samples, pixel_format.bits_stored) == (1, 8)
            and not pixel_format.signed
        )

    def decode(self) -> NDArray[Any]:
        """Decode the pixels.

        Returns
        -------
        pixels : ndarray of unsigned integers, shape (rows, columns) or (rows, columns, 3)
            Grey and palette: the stored bits, negative numbers in two's complement of that many
            bits. Colour: RGB.
        """
        from pydicom.pixels import get_decoder

        # pydicom assumes that the lowest bits are stored; _stored_bits follows the header instead.
        options: dict[str, Any] = {} if self.frame else {"correct_unused_bits": False}
        pixels, found = get_decoder(self.syntax).as_array(
            self.dataset, index=0, decoding_plugin=self.plugin, **options
        )
        if self.pixel_format.samples == 3 and found["photometric_interpretation"] != "RGB":
            raise ValueError(
                f"its {found['photometric_interpretation']} cannot be converted to RGB"
            )
        return _stored_bits(pixels, self.pixel_format, is_jpeg=self.frame is not None)


def read_pixel_data(file: IO[bytes], header: DicomHeader, pixel_format: PixelFormat) -> PixelData:
    """Read the pixel data of a file with one image.

    Parameters
    ----------
    file : binary file
        An open file, at any position.
    header : DicomHeader
        Header with the ``PIXEL_TAGS``.
    pixel_format : PixelFormat
        Format of the pixels.

    Returns
    -------
    pixel_data : PixelData

    Raises
    ------
    UnusableDicomError
        If there is more than one image, or no decoder is installed.
    Exception
        Of many types, if the file is damaged in another way.
    """
    syntax = _transfer_syntax(header.dataset)
    plugin = _choose_plugin(syntax, pixel_format)
    _check_size(file, header, pixel_format, syntax.is_encapsulated)
    dataset = _read_elements(file)
    frame = None
    if syntax.is_encapsulated and not syntax.name.startswith("RLE"):
        frame = _whole_frame(dataset)
        _check_frame(frame, syntax, pixel_format)
    return PixelData(dataset, pixel_format, syntax, plugin, frame)


def _whole_frame(dataset: "Dataset") -> bytes:
    from pydicom.encaps import get_frame, parse_basic_offsets

    n_frames = len(parse_basic_offsets(dataset.PixelData))
    if n_frames > 1:
        raise UnusableDicomError(several_images(n_frames))
    return get_frame(dataset.PixelData, 0, number_of_frames=1)


def several_images(n_images: int | str) -> str:
    return (
        f"contains {n_images} images, and nothing says which is the X-ray; export that one as a "
        "separate file"
    )


def code_string(header: "Dataset", keyword: str) -> str:
    """Read one of the standard's terms, which some devices write in lower case; "" if missing."""
    return str(header.get(keyword) or "").strip().upper()


def _integer(header: "Dataset", keyword: str, default: int | None = None) -> int:
    value = header.get(keyword, default)
    if not isinstance(value, int):
        raise ValueError(f"no usable {keyword} ({value!r}) in its header")
    return value


def _check_size(
    file: IO[bytes], header: DicomHeader, pixel_format: PixelFormat, is_encapsulated: bool
) -> None:
    """Compare the size of the file with its header before memory is allocated."""
    length, n_bytes = header.pixel_length or 0, pixel_format.n_bytes
    file.seek(0, 2)
    left = file.tell() - header.pixel_start
    if is_encapsulated != (length == _UNDEFINED):
        raise ValueError(
            "pixel data that is compressed although its transfer syntax says it is not, or "
            "vice versa"
        )
    if is_encapsulated:
        if left > _MAX_ENCODED_RATIO * n_bytes + _ENCODED_OVERHEAD:
            raise UnusableDicomError(
                f"{left:,} bytes of compressed data for an image of {n_bytes:,} bytes; export it "
                "again, as a single image"
            )
    elif length >= 2 * n_bytes:
        raise UnusableDicomError(several_images(length // n_bytes))
    elif length < n_bytes:
        raise ValueError(f"{length:,} bytes of pixels for an image of {n_bytes:,} bytes")
    elif header.pixel_start and length > left:
        raise ValueError(f"truncated within its pixel data: {left:,} of {length:,} bytes")


def _transfer_syntax(header: "Dataset") -> "UID":
    """Read the encoding of the data set, or infer it if the file does not declare it."""
    from pydicom import uid

    if syntax := header.file_meta.get("TransferSyntaxUID"):
        return syntax
    is_implicit, is_little_endian = header.original_encoding
    if is_implicit:
        return uid.ImplicitVRLittleEndian
    return uid.ExplicitVRLittleEndian if is_little_endian else uid.ExplicitVRBigEndian


def _choose_plugin(syntax: "UID", pixel_format: PixelFormat) -> str:
    """Choose the plugin for a transfer syntax; "" if none is needed, or any will do."""
    from pydicom.pixels import get_decoder

    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise UnusableDicomError(
            f"{syntax.name}: not a transfer syntax of single images; export it in another"
        ) from None
    plugins = decoder.available_plugins
    if syntax.name.startswith("JPEG Extended") and pixel_format.bits_stored > 8:
        # Other plugins claim to support this syntax, but decode only its 8-bit variant.
        if "pylibjpeg" not in plugins:
            raise UnusableDicomError(
                f"12-bit JPEG, whose decoder is missing: {_INSTALL_12_BIT_JPEG}"
            )
        return "pylibjpeg"
    if syntax.is_encapsulated and not plugins:
        raise UnusableDicomError(f"{syntax.name}, whose decoder is missing: {_INSTALL}")
    preferred = _PLUGINS.get(syntax, "")
    return preferred if preferred in plugins else ""


def _read_elements(file: IO[bytes]) -> "Dataset":
    from pydicom import dcmread

    file.seek(0)
    dataset = dcmread(file, force=True, specific_tags=[*PIXEL_TAGS, *_PIXEL_DATA_TAGS])
    if "PixelData" not in dataset:
        raise ValueError("truncated within its pixel data")
    return dataset


def _check_frame(frame: bytes, syntax: "UID", pixel_format: PixelFormat) -> None:
    """Find damage that decoders ignore, or notice only after allocating memory."""
    if _END_OF_IMAGE not in frame[-_MAX_TAIL:]:
        raise ValueError(f"truncated: its {syntax.name} data has no end")
    found = (_jpeg_2000_shape if "JPEG 2000" in syntax.name else _jpeg_shape)(frame)
    expected = pixel_format.columns, pixel_format.rows, pixel_format.samples
    if found != expected:
        raise ValueError(
            f"columns, rows and samples are {expected} in its header and "
            f"{found or 'missing'} in its compressed data"
        )


def _jpeg_shape(frame: bytes) -> tuple[int, int, int] | None:
    """Read width, height and components from the frame header of JPEG or JPEG-LS."""
    position = 2
    while position + 10 <= len(frame) and frame[position] == 0xFF:
        marker = frame[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker in _FRAME_MARKERS:
            height, width, n_components = struct.unpack_from(">HHB", frame, position + 5)
            return width, height, n_components
        else:
            position += 2 + int.from_bytes(frame[position + 2 : position + 4], "big")
    return None


def _jpeg_2000_shape(frame: bytes) -> tuple[int, int, int] | None:
    """Read width, height and components from the SIZ segment, which begins a code stream."""
    start = frame.find(b"\xff\x4f\xff\x51")
    if start < 0 or start + 42 > len(frame):
        return None
    right, bottom, left, top = struct.unpack_from(">4I", frame, start + 8)
    (n_components,) = struct.unpack_from(">H", frame, start + 40)
    return right - left, bottom - top, n_components


def _stored_bits(pixels: NDArray[Any], pixel_format: PixelFormat, is_jpeg: bool) -> NDArray[Any]:
    """Extract the stored bits; the others may contain an overlay or arbitrary data."""
    bits = pixel_format.bits_stored
    if is_jpeg:  # it has no unused bits
        lowest = -(2 ** (bits - 1)) if pixel_format.signed else 0
        highest = lowest + 2**bits - 1
        if not (lowest <= pixels.min() and pixels.max() <= highest):
            raise ValueError(
                f"values from {pixels.min()} to {pixels.max()} in its compressed data, although "
                f"{bits} stored bits allow {lowest} to {highest}"
            )
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    unsigned = pixels.view(f"u{pixels.dtype.itemsize}")
    if not is_jpeg and (n_below := pixel_format.high_bit + 1 - bits):
        unsigned = unsigned >> n_below
    if bits < 8 * unsigned.dtype.itemsize:
        unsigned = unsigned & unsigned.dtype.type(2**bits - 1)
    return unsigned
