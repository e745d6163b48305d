"""Decode one file to one image of 8 bits."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np
from numpy.typing import NDArray

from skpneumo._dicom_files import DICOM_START, is_dicom
from skpneumo._image_files import UNKNOWN_KIND, format_of, kind_of_file
from skpneumo._memory_files import opened_from_memory
from skpneumo.loading._dicom import read_dicom, render_dicom, size_of_dicom
from skpneumo.loading._integrity import (
    CheckedFile,
    CheckedJpegFile,
    CheckedPngFile,
    CheckedTiffFile,
)
from skpneumo.loading._pillow import read_with_pillow, size_with_pillow
from skpneumo.loading._resizing import DecodedImage, resize_image

__all__ = ["CHANNELS", "check_regular_file", "decode_image", "decode_whole", "image_size"]

CHANNELS = {"grayscale": 1, "rgb": 3}

# The format is recognised by the first bytes of a file, never by its name.
_IMAGE_CLASSES: dict[str | None, type[CheckedFile]] = {
    "JPEG": CheckedJpegFile,
    "PNG": CheckedPngFile,
    "TIFF": CheckedTiffFile,
}
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_UNTELLING = ("text", UNKNOWN_KIND)
_MOST_SHOWN = 16  # bytes of such a file
_REMEDIES = {
    "a web page": "download the image itself, for which you may have to log in",
    "a pointer of Git LFS instead of the file": "fetch the file with `git lfs pull`",
}


def decode_image(
    path: str,
    size: tuple[int, int],
    color_mode: str,
    resize: str,
    dicom_window: int | None,
    white: float | None,
) -> NDArray[np.uint8]:
    """Read one file, resize it and convert it to a color mode.

    Parameters
    ----------
    path : str
        A JPEG, PNG, TIFF or DICOM file.
    size : (height, width)
        In pixels.
    color_mode, resize, dicom_window, white
        See :class:`~skpneumo.loading.ImageLoader`.

    Returns
    -------
    pixels : ndarray of uint8, shape (height, width, channels)

    Raises
    ------
    OSError
        If the file is missing, not a regular file, not permitted, or fails while being read.
    ValueError
        If the file is not a usable image.
    ImportError
        If the file is DICOM, and pydicom is not installed.
    """
    with _opened(path) as (file, image_class):
        if image_class is None:
            decoded = read_dicom(file, size, color_mode, resize, dicom_window, white)
        else:
            decoded = read_with_pillow(image_class, file, size, color_mode, resize, white)
    pixels = resize_image(decoded, size, resize)
    if pixels.ndim == 3:
        return pixels
    grey = pixels[:, :, np.newaxis]
    return grey if color_mode == "grayscale" else grey.repeat(CHANNELS[color_mode], axis=2)


def decode_whole(path: str) -> DecodedImage:
    """Read one file as :func:`decode_image` does, in colour and at its original size."""
    with _opened(path) as (file, image_class):
        if image_class is not None:
            return read_with_pillow(image_class, file, None, "rgb", "stretch")
        image, bits = render_dicom(file)
        return DecodedImage(
            image, image.width, image.height, format="DICOM", mode=image.mode, bits=bits
        )


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Read the size of an image without decoding it.

    Parameters
    ----------
    path : str or path-like
        A JPEG, PNG, TIFF or DICOM file.

    Returns
    -------
    size : (height, width)
        In pixels, after the EXIF orientation is applied.

    Raises
    ------
    OSError
        If the file is missing, not a regular file, not permitted, or fails while being read.
    ValueError
        If the file has another format, or its header is damaged.
    ImportError
        If the file is DICOM, and pydicom is not installed.

    Examples
    --------
    >>> from skpneumo import make_chest_xray
    >>> from skpneumo.loading import image_size
    >>> xrays = make_chest_xray(n_patients=6, size=64, random_state=0)
    >>> height, width = image_size(xrays.filenames[0])
    >>> height <= width
    True
    """
    with _opened(os.fspath(path)) as (file, image_class):
        if image_class is None:
            width, height = size_of_dicom(file)
        else:
            width, height = size_with_pillow(image_class, file)
    return height, width


def check_regular_file(path: str) -> None:
    """Raise an OSError if a path is not a regular file, without opening it."""
    if opened_from_memory(path) is not None:
        return
    with _access_explained(path):
        mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "a folder; list the files in it instead")
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "a pipe, socket or device; save it as a regular file")


@contextmanager
def _opened(path: str) -> Iterator[tuple[IO[bytes], type[CheckedFile] | None]]:
    """Open a file, and find the class that reads it with Pillow; None for DICOM."""
    with _open_regular_file(path) as file:
        start = file.read(DICOM_START)
        file.seek(0)
        # DICOM first, because a file may be both: DICOM after a preamble that contains a TIFF.
        yield file, None if is_dicom(start) else _class_for(start)


def _open_regular_file(path: str) -> IO[bytes]:
    in_memory = opened_from_memory(path)
    if in_memory is not None:
        return in_memory
    # Checked first, because opening a FIFO waits until another process writes into it.
    check_regular_file(path)
    with _access_explained(path):
        return open(path, "rb")


@contextmanager
def _access_explained(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        if _ADDRESS.match(path):
            raise FileNotFoundError(
                errno.ENOENT, "an address, not the path of a file; download the file"
            ) from None
        hint = "" if os.path.isabs(path) else f" in {os.getcwd()!r}, where relative paths start"
        raise FileNotFoundError(errno.ENOENT, f"no such file{hint}") from None
    except PermissionError:
        raise PermissionError(errno.EACCES, "permission denied; allow reading it") from None


def _class_for(start: bytes) -> type[CheckedFile]:
    if image_class := _IMAGE_CLASSES.get(format_of(start)):
        return image_class
    if not start:
        raise ValueError("an empty file; copy or download it again")
    kind = kind_of_file(start)
    if kind in _UNTELLING:
        shown = start[:_MOST_SHOWN]
        said = shown.decode("utf-8", errors="ignore") if kind == "text" else shown
        kind = f"{kind} that begins with {said!r}"
    remedy = _REMEDIES.get(kind, "convert it to PNG" if kind.endswith("image") else "leave it out")
    raise ValueError(f"not a JPEG, PNG, TIFF or DICOM file, but {kind}; {remedy}")
