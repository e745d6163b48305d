"""Render a DICOM file as a viewing workstation does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.utils import gen_batches

from skpneumo._dicom_files import UnusableDicomError, quiet_pydicom, read_dicom_header
from skpneumo._messages import by_interface
from skpneumo.loading._dicom_pixels import (
    PIXEL_TAGS,
    PixelData,
    PixelFormat,
    code_string,
    read_pixel_data,
    several_images,
)
from skpneumo.loading._dicom_rendering import (
    RENDERING_TAGS,
    StoredValues,
    color_table,
    grey_table,
    linear_table,
    values_beyond,
)
from skpneumo.loading._dicom_spacing import SPACING_TAGS, size_in_square_pixels
from skpneumo.loading._integrity import CheckedJpegFile
from skpneumo.loading._pillow import MAX_PIXELS, read_with_pillow, refuse_truncated_images
from skpneumo.loading._resizing import DecodedImage

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["read_dicom", "render_dicom", "size_of_dicom"]

_CLASS_AND_MODALITY = (0x00080016, 0x00080060)
_TAGS = (*_CLASS_AND_MODALITY, *PIXEL_TAGS, *RENDERING_TAGS, *SPACING_TAGS)

_PIXELS_AT_ONCE = 2**16

# SOP classes that chest X-rays are stored as. Some are meant for X-rays of other organs.
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_RADIOGRAPHS = {
    _STORAGE + suffix
    for suffix in (
        *("1", "1.1", "1.1.1"),  # computed, digital
        *("1.2", "1.2.1", "1.3", "1.3.1"),  # mammography, intra-oral
        *("7", "7.1", "7.2", "7.3", "7.4"),  # secondary capture: film scanners, public data
        *("12.1", "12.1.1", "12.2", "12.2.1"),  # angiography, fluoroscopy
    )
}
# "DR" is not a defined term, but widely used.
_MODALITIES = {"CR", "DX", "DR", "RG", "RF", "XA", "MG", "IO", "PX", "OT", "SC"}


def read_dicom(
    file: IO[bytes],
    size: tuple[int, int],
    color_mode: str,
    resize: str,
    window: int | None,
    white: float | None,
) -> DecodedImage:
    """Render the image of an open file as 8-bit grey or colour.

    Parameters
    ----------
    file : binary file
        A DICOM file.
    size : (height, width)
        Size after resizing, so that a JPEG need not be decoded at full size.
    color_mode : {"grayscale", "rgb"}
        Whether to return grey or, if the image has it, colour.
    resize : {"stretch", "pad", "crop"}
        How it will be resized.
    window : int or None
        Which of the VOI LUTs and windows of the file; None for the full range of the stored bits.
    white : float, default=None
        The end of that range, for files that do not use all their bits.

    Returns
    -------
    decoded : DecodedImage
        Of mode "L", or "RGB" for a coloured image.

    Raises
    ------
    ValueError
        If the file is damaged or not a single radiograph, or its decoder is missing.
    OSError
        If the file system fails.
    ImportError
        If pydicom is not installed.
    """
    with _damage_explained():
        # Stretched to any size, pixels need not be square.
        square = resize != "stretch"
        opened = _open(file, window, white, square)
        fits_as_stored = not square or opened.has_square_pixels
        if opened.pixel_data.is_grey_baseline_jpeg and _is_affine(opened.table) and fits_as_stored:
            return _read_scaled(opened.pixel_data, opened.table, size, resize)
        image = _render(opened, white)
    if not fits_as_stored:
        image = image.resize(opened.size, Image.Resampling.BILINEAR)
    if color_mode == "grayscale" and image.mode == "RGB":
        image = image.convert("L")
    return DecodedImage(image, image.width, image.height)


def render_dicom(file: IO[bytes]) -> tuple[Image.Image, int]:
    """Render the whole image of an open file; return it with the bits per sample in the file."""
    with _damage_explained():
        opened = _open(file, window=0)
        image = _render(opened)
    if not opened.has_square_pixels:
        image = image.resize(opened.size, Image.Resampling.BILINEAR)
    return image, opened.pixel_data.pixel_format.bits_stored


def size_of_dicom(file: IO[bytes]) -> tuple[int, int]:
    """Read the width and height of the image in an open file without decoding it."""
    with _damage_explained():
        header = read_dicom_header(file, _TAGS).dataset
        pixel_format = PixelFormat.of(header)
        return size_in_square_pixels(header, pixel_format.columns, pixel_format.rows)


class _Opened(NamedTuple):
    """The encoded pixels, and how to show them.

    ``table`` has the level or colour of each stored value, ``beyond`` is a mask of the stored
    values above white, or None where ``white`` does not apply, and ``size`` is the width and
    height in square pixels.
    """

    pixel_data: PixelData
    table: NDArray[np.uint8]
    beyond: NDArray[np.bool_] | None
    size: tuple[int, int]

    @property
    def has_square_pixels(self) -> bool:
        pixel_format = self.pixel_data.pixel_format
        return self.size == (pixel_format.columns, pixel_format.rows)


def _open(
    file: IO[bytes], window: int | None, white: float | None = None, square: bool = True
) -> _Opened:
    """Read header and encoded pixels, and refuse what is no radiograph.

    ``square`` says that the pixels will be made square, which may take more of them.
    """
    header = read_dicom_header(file, _TAGS)
    _refuse_other_modalities(header.dataset)
    if header.pixel_length is None:
        raise ValueError(
            "truncated before its pixel data" if header.truncated else "no pixel data"
        )
    pixel_format = PixelFormat.of(header.dataset)
    _refuse_stacks(header.dataset)
    _refuse_bombs(pixel_format.columns, pixel_format.rows, "pixels")
    size = size_in_square_pixels(header.dataset, pixel_format.columns, pixel_format.rows)
    if square:
        _refuse_bombs(*size, "square pixels")
    table, beyond = _table(header.dataset, pixel_format, window, white)
    return _Opened(read_pixel_data(file, header, pixel_format), table, beyond, size)


def _render(opened: _Opened, white: float | None = None) -> Image.Image:
    """Decode and show the stored pixels, and refuse those that cannot be shown as meant."""
    pixels, table = opened.pixel_data.decode(), opened.table
    _refuse_beyond_white(pixels, opened.beyond, white)
    shown = np.empty(pixels.shape + table.shape[1:], dtype=np.uint8)
    # A few rows at a time, because NumPy converts them to indices of 8 bytes each.
    for rows in gen_batches(len(pixels), max(1, _PIXELS_AT_ONCE // pixels[0].size)):
        table.take(pixels[rows], axis=0, out=shown[rows], mode="clip")
    image = Image.fromarray(shown)
    _refuse_one_level(pixels, image)
    return image


def _refuse_beyond_white(
    pixels: NDArray[Any], beyond: NDArray[np.bool_] | None, white: float | None
) -> None:
    if beyond is not None and beyond[pixels].any():
        raise UnusableDicomError(
            f"values up to {pixels[beyond[pixels]].max()}, beyond the white of {white:g}; "
            + by_interface(
                python="pass a greater one with ImageLoader(white=)",
                shell="train with a greater one, as with `skpneumo fit --white`",
            )
            + ", or leave the file out"
        )


def _refuse_one_level(pixels: NDArray[Any], image: Image.Image) -> None:
    """Raise if different values become one grey level, as with a window in other units."""
    if image.mode != "L" or pixels.size == 1:
        return
    lowest, highest = image.getextrema()
    if lowest == highest and pixels.min() != pixels.max():
        raise UnusableDicomError(
            f"stored values from {pixels.min()} to {pixels.max()} that are all shown as the grey "
            f"level {lowest}, by its window or for want of one; "
            + by_interface(
                python="choose another with dicom_window=, or pass the value of white with white=",
                shell="train with the value of white, as with `skpneumo fit --white`",
            )
            + ", or leave the file out"
        )


def _is_affine(table: NDArray[np.uint8]) -> bool:
    """Return whether an 8-bit image can be scaled before the table is applied."""
    levels = np.arange(256)
    return np.array_equal(table, levels) or np.array_equal(table, levels[::-1])


def _read_scaled(
    pixel_data: PixelData, table: NDArray[np.uint8], size: tuple[int, int], resize: str
) -> DecodedImage:
    frame = BytesIO(pixel_data.frame or b"")
    decoded = read_with_pillow(CheckedJpegFile, frame, size, "grayscale", resize)
    # EXIF does not apply, because the rows of a DICOM image are stored as they are displayed.
    return replace(decoded, black=float(table[0]), white=float(table[-1]), orientation=1)


@contextmanager
def _damage_explained() -> Iterator[None]:
    refuse_truncated_images()
    # A broken file can make pydicom and its plugins raise almost any exception.
    try:
        with quiet_pydicom():
            yield
    except (MemoryError, ImportError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk or the network, not the file
        if isinstance(error, UnusableDicomError):
            raise UnusableDicomError(f"DICOM: {error}") from None
        text = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"damaged or unsupported DICOM ({text}); copy or export it again"
        ) from error


def _refuse_other_modalities(header: "Dataset") -> None:
    """Refuse files whose SOP class or modality is not that of a radiograph."""
    from pydicom.uid import UID

    found = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID") or ""
    sop_class = UID(str(found))
    modality = code_string(header, "Modality")
    standard = sop_class.startswith("1.2.840.10008.")
    if standard and sop_class not in _RADIOGRAPHS:
        raise UnusableDicomError(f"{sop_class.name}, not a radiograph; leave it out")
    if modality and modality not in _MODALITIES:
        raise UnusableDicomError(f"of modality {modality}, not a radiograph; leave it out")


def _refuse_stacks(header: "Dataset") -> None:
    n_images = header.get("NumberOfFrames")
    if n_images not in (None, "", 0, 1):
        raise UnusableDicomError(several_images(int(n_images)))


def _refuse_bombs(columns: int, rows: int, things: str) -> None:
    if rows * columns > MAX_PIXELS:
        raise UnusableDicomError(
            f"claims {columns} x {rows} {things}, more than the limit of {MAX_PIXELS:,} that "
            "guards against decompression bombs; export it at a lower resolution"
        )


def _table(
    header: "Dataset", pixel_format: PixelFormat, window: int | None, white: float | None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    stored = StoredValues(pixel_format.bits_stored, pixel_format.signed)
    if pixel_format.photometric == "PALETTE COLOR":
        return color_table(header, stored), None
    if pixel_format.samples == 3:
        return linear_table(StoredValues(pixel_format.bits_stored, signed=False)), None
    beyond = values_beyond(header, stored, window, white)
    return grey_table(header, stored, window, white), beyond
