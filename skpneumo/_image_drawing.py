"""Get images and names from the input of a display, and draw them."""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._loader_of import resized
from skpneumo._paths import filenames_of
from skpneumo._plotting import plain, shortened
from skpneumo._typing import ArrayLike
from skpneumo.loading import ImageLoader

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

_SIDE = 256
_BEYOND_STANDARDISED = 16


def images_of(X: Any, rows: ArrayLike, loader: ImageLoader | None = None) -> NDArray[Any]:
    """Get rows of X as images (n, height, width, channels), reading only their files.

    The loader says what the values of the files mean.
    """
    # Padded, not stretched, because clinicians must see the chest with its proportions.
    reader = resized(loader, _SIDE, "pad")
    rows = np.asarray(rows, dtype=np.intp)
    if not len(rows):
        raise ValueError("X is empty. Pass at least one image to plot.")
    if getattr(X, "ndim", 1) == 4:
        return np.asarray(X[rows])
    paths = filenames_of(X)
    if paths is None:
        raise ValueError(
            f"Cannot draw X of shape {np.shape(X)}. Pass paths, or images of shape (n_images, "
            "height, width, channels)."
        )
    return np.asarray(reader.transform(paths[rows]))


def names_of(X: Any, rows: ArrayLike) -> list[str]:
    """Get the file names of rows of X without folders, or row numbers if unknown."""
    paths = filenames_of(X)
    if paths is None:
        return [f"image {row}" for row in np.asarray(rows)]
    return [os.path.basename(paths[row]) for row in np.asarray(rows)]


def black_and_white(images: Iterable[NDArray[Any]]) -> tuple[float, float]:
    """Choose the values of black and white, the same for all images of a figure.

    They are fixed where the kind of values is known, because an under-exposed image must look
    under-exposed. Floats are shares of white if none exceeds 1, and grey levels up to 255 if the
    greatest is beyond what standardised values reach.
    """
    images = list(images)
    if all(image.dtype == np.uint8 for image in images):
        return 0, 255
    low = min(float(image.min()) for image in images)
    high = max(float(image.max()) for image in images)
    if any(image.dtype.kind != "f" for image in images) or low < 0:
        return low, high
    if high <= 1:
        return 0, 1
    return (0, 255) if _BEYOND_STANDARDISED < high <= 255 else (low, high)


def draw_image(
    ax: "Axes", image: NDArray[Any], limits: tuple[float, float], lines: Sequence[str]
) -> "AxesImage":
    """Draw an X-ray in grey, from black to white at the limits, with a caption of short lines."""
    if image.shape[-1] == 1:
        image = image[..., 0]
    low, high = limits
    if image.ndim == 3 and image.dtype != np.uint8:  # matplotlib clips colours at 1
        image, low, high = np.clip((image - low) / max(high - low, 1e-9), 0, 1), 0, 1
    drawn = ax.imshow(image, cmap="gray", vmin=low, vmax=high)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_title("\n".join(plain(shortened(line, 26)) for line in lines), fontsize=8.5)
    return drawn
