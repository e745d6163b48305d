"""One file to one image: the only way from a path to pixels."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from skpneumo._dicom_files import DICOM_START, is_dicom
from skpneumo.loading._dicom import read_dicom
from skpneumo.loading._integrity import CheckedJpegFile, CheckedPngFile
from skpneumo.loading._pillow import read_with_pillow
from skpneumo.loading._resizing import DecodedImage, resize_image

__all__ = ["CHANNELS", "check_regular_file", "decode_image"]

CHANNELS = {"grayscale": 1, "rgb": 3}

_Reader = Callable[[IO[bytes], tuple[int, int], str, str], DecodedImage]

# What a file is, is told by how it begins and never by its name.
_READERS: dict[tuple[bytes, ...], _Reader] = {
    (b"\xff\xd8\xff",): partial(read_with_pillow, CheckedJpegFile),
    (b"\x89PNG\r\n\x1a\n",): partial(read_with_pillow, CheckedPngFile),
    (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"): partial(
        read_with_pillow, TiffImagePlugin.TiffImageFile
    ),
}
_SHOWN = 16


def decode_image(
    path: str,
    size: tuple[int, int],
    color_mode: str,
    resize: str,
    dicom_window: int | None = 0,
) -> NDArray[np.uint8]:
    """Read one file and bring it to one size and color mode.

    Parameters
    ----------
    path : str
        A JPEG, PNG, TIFF or DICOM file.
    size : (height, width)
        In pixels.
    color_mode : {"grayscale", "rgb"}
        One channel or three.
    resize : {"stretch", "pad", "crop"}
        See :class:`~skpneumo.loading.ImageLoader`.
    dicom_window : int or None, default=0
        See there.

    Returns
    -------
    pixels : ndarray of uint8, shape (height, width, channels)

    Raises
    ------
    OSError
        If the file is missing, no regular file, not permitted, or fails while being read.
    ValueError
        If what it holds is not a usable image.
    ImportError
        If it is DICOM, and pydicom is not installed.
    """
    with _open_regular_file(path) as file:
        start = file.read(DICOM_START)
        file.seek(0)
        # DICOM first: a file may be both, DICOM behind the preamble and TIFF within it.
        if is_dicom(start):
            picture = read_dicom(file, size, color_mode, resize, dicom_window)
        else:
            picture = _reader_for(start)(file, size, color_mode, resize)
    pixels = resize_image(picture, size, resize)
    if pixels.ndim == 3:
        return pixels
    grey = pixels[:, :, np.newaxis]
    return grey if color_mode == "grayscale" else grey.repeat(CHANNELS[color_mode], axis=2)


def check_regular_file(path: str) -> None:
    """Raise what decoding this path would raise because of what it is, without opening it.

    Parameters
    ----------
    path : str
        Any path.

    Raises
    ------
    OSError
        If there is no regular file of that name.
    """
    with _access_explained(path):
        mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "a folder; list the files in it instead")
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "a pipe, socket or device; save it as a regular file")


def _open_regular_file(path: str) -> IO[bytes]:
    # Looked at first, because opening a FIFO waits for somebody to write into it.
    check_regular_file(path)
    with _access_explained(path):
        return open(path, "rb")


@contextmanager
def _access_explained(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        hint = "" if os.path.isabs(path) else f" in {os.getcwd()!r}, where relative paths start"
        raise FileNotFoundError(errno.ENOENT, f"no such file{hint}") from None
    except PermissionError:
        raise PermissionError(errno.EACCES, "permission denied; allow reading it") from None


def _reader_for(start: bytes) -> _Reader:
    for signatures, reader in _READERS.items():
        if start.startswith(signatures):
            return reader
    if not start:
        raise ValueError("an empty file; copy or download it again")
    raise ValueError(
        f"not a JPEG, PNG, TIFF or DICOM file: it begins with {start[:_SHOWN]!r}; convert it"
    )
