"""Compute histograms of oriented gradients, as features for a linear classifier."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._images import check_images
from skpneumo._messages import by_interface

__all__ = ["hog_features"]

_PIXELS_PER_CELL = 8
_CELLS_PER_BLOCK = 2


def hog_features(images: Any) -> NDArray[np.float32]:
    """Compute the strength of edges in nine directions for each cell of images.

    These are histograms of oriented gradients [1]_.

    Parameters
    ----------
    images : ndarray of uint8 of shape (n_samples, height, width, channels)
        Images of at least 16 pixels per side.

    Returns
    -------
    features : ndarray of shape (n_samples, n_features)
        Histograms of cells of 8 x 8 pixels, normalised over blocks of 2 x 2 cells.

    Raises
    ------
    ImportError
        If scikit-image is not installed.
    ValueError
        If the images are smaller than one block.

    See Also
    --------
    make_recipe : Makes the recipe ``"hog-svm"``, which classifies these features.

    References
    ----------
    .. [1] Dalal, Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo.recipes import hog_features
    >>> hog_features(np.zeros((2, 64, 64, 1), dtype=np.uint8)).shape
    (2, 1764)
    """
    try:
        from skimage.feature import hog
    except ImportError as error:
        raise ImportError(
            "Histograms of oriented gradients are computed by scikit-image, which is not "
            'installed. Run `pip install "skpneumo[hog]"`.'
        ) from error
    images = check_images(images)
    side = _PIXELS_PER_CELL * _CELLS_PER_BLOCK
    if min(images.shape[1:3]) < side:
        raise ValueError(
            f"The images have {images.shape[1]} x {images.shape[2]} pixels, but histograms of "
            f"oriented gradients need {side} per side. "
            + by_interface(
                python="Set a larger size in ImageLoader.", shell="Choose a larger --size."
            )
        )
    rows = [
        hog(
            image,
            orientations=9,
            pixels_per_cell=(_PIXELS_PER_CELL, _PIXELS_PER_CELL),
            cells_per_block=(_CELLS_PER_BLOCK, _CELLS_PER_BLOCK),
            channel_axis=-1,
        )
        for image in images
    ]
    return np.array(rows, dtype=np.float32)
