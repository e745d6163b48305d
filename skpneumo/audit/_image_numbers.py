"""Single numbers of an image: how sharp, how rich in local contrast, and how noisy it is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

__all__ = ["image_numbers"]

_SIDE = 224  # as networks see it
_BLUR = 6.0  # pixels of that
_WINDOW = 512  # pixels of the file, in its middle

# J. Immerkaer, Fast noise variance estimation, Computer Vision and Image Understanding 64, 1996:
# second differences along both sides leave nothing of edges; and the factor that makes a
# deviation of their mean.
_TO_DEVIATION = float(np.sqrt(np.pi / 2) / 6)


def image_numbers(grey: Image.Image) -> dict[str, Any]:
    """Measure the middle of an image, where the chest is, whatever surrounds it.

    Parameters
    ----------
    grey : Image of mode "L"
        At its own size.

    Returns
    -------
    numbers : dict of str to float
        ``sharpness``, the mean absolute Laplacian at 224 pixels a side; ``local_contrast``, the
        standard deviation of what a Gaussian of 6 pixels leaves there; ``noise``, the standard
        deviation of the noise in the middle of the file's own pixels. All in grey levels.
    """
    small = grey.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    middle = (_SIDE // 4, _SIDE // 4, _SIDE - _SIDE // 4, _SIDE - _SIDE // 4)
    pixels, smooth = (
        np.asarray(image.crop(middle), np.float32)
        for image in (small, small.filter(ImageFilter.GaussianBlur(_BLUR)))
    )
    bends = [np.diff(pixels, 2, axis) for axis in (0, 1)]
    laplacian = bends[0][:, 1:-1] + bends[1][1:-1]
    return {
        "sharpness": float(np.abs(laplacian).mean()),
        "local_contrast": float((pixels - smooth).std()),
        "noise": _noise(grey),
    }


def _noise(grey: Image.Image) -> float:
    wide, high = (min(_WINDOW, max(3, side // 2)) for side in grey.size)
    left, top = (grey.width - wide) // 2, (grey.height - high) // 2
    window: NDArray[Any] = np.asarray(grey.crop((left, top, left + wide, top + high)), np.float32)
    return float(_TO_DEVIATION * np.abs(np.diff(np.diff(window, 2, 0), 2, 1)).mean())
