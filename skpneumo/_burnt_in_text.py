"""Find burnt-in letters and lead markers, and remove them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["find_text", "without_text"]

# A letter or lead marker is smaller than this share of a side, not as elongated as a bone, and
# brighter than its surroundings by this share of the image's range of grey.
_MARK = 0.18
_ELONGATION = 3
_CONTRAST = 0.35

# Text to paint over must be more certain. Strokes are thin, have less contrast on bright tissue,
# are almost as bright as the brightest pixel, and have steeper edges than almost all bones: this
# share of the range of grey per pixel in an image of 224 pixels a side.
_STROKE = 0.06
_STROKE_CONTRAST = 0.2
_BRIGHTNESS = 0.92
_STEEPNESS = 0.13
_TEXT_ELONGATION = 8  # letters can touch each other
_REFERENCE_SIDE = 224


def find_text(grey: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Find small parts that are much brighter than their surroundings.

    Parameters
    ----------
    grey : ndarray of shape (height, width)
        Grey levels from 0 to 1.

    Returns
    -------
    text : ndarray of bool of shape (height, width)
        True at strokes, including their soft edges.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo._burnt_in_text import find_text
    >>> grey = np.full((40, 40), 0.3, dtype=np.float32)
    >>> grey[2:6, 3:8] = 1
    >>> np.argwhere(find_text(grey)).min(axis=0)
    array([1, 2])
    """
    side = min(grey.shape)
    strokes = ndimage.white_tophat(grey, size=max(3, round(_MARK * side)), mode="nearest")
    components, _ = ndimage.label(strokes > _CONTRAST, structure=np.ones((3, 3)))
    text = np.zeros(grey.shape, dtype=bool)
    for code, place in enumerate(ndimage.find_objects(components), start=1):
        shorter, longer = sorted(extent.stop - extent.start for extent in place)
        if longer <= min(_MARK * side, _ELONGATION * shorter):
            text[place] |= components[place] == code
    # Include the soft edges of letters.
    return ndimage.binary_dilation(text, iterations=max(1, round(0.01 * side)))


def without_text(image: NDArray[np.uint8], margin: float = 0.17) -> NDArray[np.uint8]:
    """Replace text near the edges of an image by its surroundings.

    Parameters
    ----------
    image : ndarray of uint8 of shape (height, width, channels)
        An image. It is not changed.
    margin : float, default=0.17
        Largest distance of the centre of text from an edge, as a share of the sides.

    Returns
    -------
    painted : ndarray of uint8 of the same shape
        The image itself if no text is found.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo._burnt_in_text import without_text
    >>> image = np.full((40, 40, 1), 80, dtype=np.uint8)
    >>> image[2:6, 3:8] = 255
    >>> int(without_text(image).max())
    80
    """
    pixels: Any = image.astype(np.float32)
    grey = pixels.mean(axis=-1)
    low, high = grey.min(), grey.max()
    if high <= low:
        return image
    relative = (grey - low) / (high - low)
    text = _sure_text(relative, margin)
    if not text.any():
        return image
    sigma = max(1.0, 0.02 * min(grey.shape))
    known = (~text).astype(np.float32)
    weight = ndimage.gaussian_filter(known, sigma, mode="nearest")
    painted, whole = image.copy(), image.dtype.kind in "iu"
    for k in range(image.shape[-1]):
        blurred = ndimage.gaussian_filter(pixels[..., k] * known, sigma, mode="nearest")
        # Where text fills the whole neighbourhood, use the darkest level.
        fill = np.where(weight > 1e-3, blurred / np.maximum(weight, 1e-3), low)
        painted[..., k][text] = (np.rint(fill) if whole else fill)[text]
    return painted


def _sure_text(grey: NDArray[np.float32], margin: float) -> NDArray[np.bool_]:
    """Find small, bright components with steep edges, near the edges of the image."""
    side = min(grey.shape)
    wide, thin = (
        ndimage.white_tophat(grey, size=max(3, round(share * side)), mode="nearest")
        for share in (_MARK, _STROKE)
    )
    strokes = (wide > _CONTRAST) | (thin > _STROKE_CONTRAST)
    components, n = ndimage.label(strokes, structure=np.ones((3, 3)))
    gradient = np.hypot(*(ndimage.sobel(grey, axis, mode="nearest") / 8 for axis in (0, 1)))
    codes = np.arange(1, n + 1)
    steepest, brightest = (
        np.asarray(ndimage.maximum(values, components, codes)) for values in (gradient, grey)
    )
    (shorter, longer), from_edge = _boxes(components)
    sure = (
        (longer <= np.minimum(_MARK * side, _TEXT_ELONGATION * np.maximum(shorter, 3)))
        & (steepest > _STEEPNESS * min(1.0, _REFERENCE_SIDE / side))
        & (brightest > _BRIGHTNESS)
        & (from_edge < margin)
    )
    text = np.isin(components, codes[sure])
    return ndimage.binary_dilation(text, iterations=max(1, round(0.01 * side)))


def _boxes(components: NDArray[np.integer]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Measure the bounding box of each component.

    Returns
    -------
    extents : ndarray of shape (2, n_components)
        The shorter and the longer side, in pixels.
    from_edge : ndarray of shape (n_components,)
        Distance of the centre from the nearest edge of the image, as a share of the side.
    """
    places = ndimage.find_objects(components)
    ends = np.array([[(each.start, each.stop) for each in place] for place in places])
    ends = ends.reshape(-1, 2, 2)  # component, axis, start and stop
    centre = ends.mean(axis=2) / components.shape
    from_edge = np.minimum(centre, 1 - centre).min(axis=1)
    return np.sort(ends[..., 1] - ends[..., 0], axis=1).T, from_edge
