"""Measure the sharpness, local contrast and noise of an image."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

__all__ = ["image_statistics"]

_SIDE = 224  # the size that networks see
_BLUR = 6.0  # pixels at this size
_WINDOW = 512  # pixels in the middle of the file

# J. Immerkaer, Fast noise variance estimation, Computer Vision and Image Understanding 64, 1996:
# second differences in both directions remove edges, and this factor turns their mean absolute
# value into a standard deviation.
_TO_DEVIATION = float(np.sqrt(np.pi / 2) / 6)


def image_statistics(grey: Image.Image) -> dict[str, Any]:
    """Measure the middle of an image, where the chest is.

    Parameters
    ----------
    grey : Image of mode "L"
        At its original size.

    Returns
    -------
    numbers : dict of str to float
        ``sharpness``, the mean absolute Laplacian at 224 pixels a side; ``local_contrast``, the
        standard deviation there after a Gaussian blur of 6 pixels is subtracted; ``noise``, the
        standard deviation of the noise in the middle of the original pixels. All in grey levels.
    """
    small = grey.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    middle = (_SIDE // 4, _SIDE // 4, _SIDE - _SIDE // 4, _SIDE - _SIDE // 4)
    pixels, smooth = (
        np.asarray(image.crop(middle), np.float32)
        for image in (small, small.filter(ImageFilter.GaussianBlur(_BLUR)))
    )
    second = [np.diff(pixels, 2, axis) for axis in (0, 1)]
    laplacian = second[0][:, 1:-1] + second[1][1:-1]
    return {
        "sharpness": float(np.abs(laplacian).mean()),
        "local_contrast": float((pixels - smooth).std()),
        "noise": _noise(grey),
    }


def _noise(grey: Image.Image) -> float:
    wide, high = (min(_WINDOW, max(3, side // 2)) for side in grey.size)
    left, top = (grey.width - wide) // 2, (grey.height - high) // 2
    window: NDArray[Any] = np.asarray(grey.crop((left, top, left + wide, top + high)), np.float32)
    return _TO_DEVIATION * float(np.abs(np.diff(np.diff(window, 2, 0), 2, 1)).mean())
