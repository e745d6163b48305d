"""Random parameters of each image: one affine map and its intensities, sampled with NumPy."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skpneumo._typing import ArrayLike
from skpneumo.augmentation._cover_draws import COVER_UNIFORMS, UNCOVERED

Floats = NDArray[np.float64]

# torchvision's RandomResizedCrop samples the same range of aspect ratios.
CROP_ASPECT_RATIO = (3 / 4, 4 / 3)

# Cells a side of the grids between which the bands of detail lie, finest first. Counted per image,
# not in pixels, so that a scale is the same part of a chest whatever the size of the images.
DETAIL_GRIDS = (64, 32, 16, 8, 4)

# One column of uniform numbers each, in an order that is part of what a seed means.
UNIFORMS = (
    "rotation",
    "width_shift",
    "height_shift",
    "shear",
    "zoom",
    "crop_area",
    "crop_aspect",
    "crop_x",
    "crop_y",
    "horizontal_flip",
    "vertical_flip",
    "brightness",
    "contrast",
    "gamma",
    "collimated",
    "left",
    "top",
    "right",
    "bottom",
    "noise",
    "noise_row",
    "noise_column",
    "fine",
    "middle",
    "coarse",
    "blurred",
    "blur",
    *COVER_UNIFORMS,
    "strength",
)

# Where a column that is weakened goes to: the number that leaves the image alone.
_NEUTRAL = {
    **dict.fromkeys(
        (
            "rotation",
            "width_shift",
            "height_shift",
            "shear",
            "zoom",
            "brightness",
            "contrast",
            "gamma",
            "fine",
            "middle",
            "coarse",
        ),
        0.5,
    ),
    **dict.fromkeys(("left", "top", "right", "bottom", "noise", "blur"), 0.0),
}

# Columns of `AugmentationParams.intensity`, and what leaves an image alone.
IDENTITY_INTENSITY = {
    "brightness": 1.0,
    "contrast": 1.0,
    "gamma": 1.0,
    "left": 0.0,
    "top": 0.0,
    "right": 0.0,
    "bottom": 0.0,
    "noise": 0.0,
    "noise_row": 0.0,
    "noise_column": 0.0,
    **{f"band{i}": 1.0 for i in range(1, len(DETAIL_GRIDS) + 1)},
    **UNCOVERED,
}


class AugmentationParams(NamedTuple):
    """Sampled parameters of n images; each row is independent of the others.

    Attributes
    ----------
    affine : ndarray of shape (n, 8), dtype float32
        ``(a0, a1, a2, b0, b1, b2, 0, 0)``: the output pixel (x, y) is read from the input at
        ``(a0 x + a1 y + a2, b0 x + b1 y + b2)``, pixel centres at whole numbers. It is the
        convention of ``keras.ops.image.affine_transform``.
    intensity : ndarray of shape (n, 37), dtype float32
        Brightness factor, contrast factor and gamma exponent, where 1 leaves the image alone;
        the shares of the width and height that are black at the left, top, right and bottom;
        the standard deviation of the noise, in grey levels of 255, and the row and column, as
        shares, at which the field of noise is entered; and the factor of each band of detail,
        the finest first; then what covers the image: two boxes (top, left, height and width as
        shares of the sides, and grey level as a share of white, below 0 for the image's mean)
        and two marks (number of the tile, row and column of its centre as shares, scale, 1 or 0
        for whether it is there, and grey level).
    """

    affine: NDArray[np.float32]
    intensity: NDArray[np.float32]


def sample_uniforms(n: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Draw n numbers from [0, 1) for every parameter, whether it is in use or not.

    Row by row, so that the first rows of a longer draw are the shorter draw, and so that
    turning one parameter on leaves what the others do unchanged: candidates of a search then
    differ in their parameters only.
    """
    return dict(zip(UNIFORMS, rng.random((n, len(UNIFORMS))).T, strict=True))


def weakened(uniforms: dict[str, Floats], strength: Floats) -> dict[str, Floats]:
    """Move what alters an image towards what leaves it alone, one strength of 0 to 1 a row.

    The aspect ratio and the flips stay as they are, and so do the chances of boxes and marks.
    """
    moved = {
        name: neutral + strength * (uniforms[name] - neutral) for name, neutral in _NEUTRAL.items()
    }
    return uniforms | moved


def symmetric(uniform: Floats, limit: float) -> Floats:
    """Spread numbers from [0, 1) over [-limit, limit)."""
    return (2 * uniform - 1) * limit


def crop_boxes(
    area: tuple[float, float],
    uniforms: dict[str, Floats],
    aspect: float | None = None,
    strength: Floats | None = None,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Draw boxes that lie in the image, or in which it lies, as shares of its width and height.

    The share of the area is uniform and the aspect ratio, relative to the image's own, is
    log-uniform over as much of `CROP_ASPECT_RATIO` as fits; torchvision rejects and redraws
    instead, which shifts its areas downwards. With `aspect` the ratio is log-uniform between
    ``1 / (1 + aspect)`` and ``1 + aspect`` whatever the area is, and a box that would reach
    beyond the image it should lie in is made smaller instead. The area's distance from that of
    the image is multiplied by `strength`, if it is given.

    Returns
    -------
    width, height, x, y : ndarrays of shape (n,)
        Size of the box, and its centre measured from the centre of the image.
    """
    share = area[0] + (area[1] - area[0]) * uniforms["crop_area"]
    if strength is not None:
        share = 1 + strength * (share - 1)
    if aspect is None:
        fits = np.abs(np.log(share))
        low = np.maximum(np.log(CROP_ASPECT_RATIO[0]), -fits)
        high = np.minimum(np.log(CROP_ASPECT_RATIO[1]), fits)
        ratio = np.exp(low + (high - low) * uniforms["crop_aspect"])
    else:
        ratio = (1 + aspect) ** symmetric(uniforms["crop_aspect"], 1)
    width, height = np.sqrt(share * ratio), np.sqrt(share / ratio)
    too_long = np.where(share <= 1, np.maximum(np.maximum(width, height), 1), 1)
    width, height = width / too_long, height / too_long
    x = symmetric(uniforms["crop_x"], 1) * (1 - width) / 2
    y = symmetric(uniforms["crop_y"], 1) * (1 - height) / 2
    return width, height, x, y


def band_gains(sharpness: float, local_contrast: float, uniforms: dict[str, Floats]) -> Floats:
    """Draw the factor of each band of detail, shape (n, len(DETAIL_GRIDS)).

    The contrast of neighbouring bands is alike: three factors are drawn, log-uniformly from
    ``1 / (1 + local_contrast)`` to ``1 + local_contrast``, and the two bands between them have
    the geometric mean. The finest band is also blurred or sharpened: every other image by a
    factor from 0 to 1, the others by one from 1 to ``1 + sharpness``.
    """
    fine, middle, coarse = (2 * uniforms[name] - 1 for name in ("fine", "middle", "coarse"))
    exponents = [fine, (fine + middle) / 2, middle, (middle + coarse) / 2, coarse]
    gains = (1 + local_contrast) ** np.column_stack(exponents)
    blurred = 1 - min(sharpness, 1.0) * uniforms["blur"]
    sharpened = 1 + sharpness * uniforms["blur"]
    gains[:, 0] *= np.where(uniforms["blurred"] < 0.5, blurred, sharpened)
    return gains


def affine_maps(
    image_shape: Sequence[int],
    *,
    rotation: ArrayLike = 0.0,
    width_shift: ArrayLike = 0.0,
    height_shift: ArrayLike = 0.0,
    shear: ArrayLike = 0.0,
    zoom: ArrayLike = 1.0,
    crop: tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike] = (1.0, 1.0, 0.0, 0.0),
    horizontal_flip: ArrayLike = False,
    vertical_flip: ArrayLike = False,
) -> NDArray[np.float32]:
    """Compose what happens to each image into one map from output to input pixels.

    The image is cropped, flipped, zoomed, sheared, rotated (counter-clockwise, in degrees) and
    shifted, in this order and about its centre. Cropping first and interpolating once means
    that what lies outside the crop still fills the corners a rotation opens.

    Returns
    -------
    affine : ndarray of shape (n, 8), dtype float32
        See :class:`AugmentationParams`.
    """
    image_height, image_width = image_shape[:2]
    angle = np.deg2rad(rotation)
    slope = np.tan(np.deg2rad(shear))
    crop_width, crop_height, crop_x, crop_y = map(np.asarray, crop)

    # Inverses of the steps, because the map goes from output to input.
    to_input = (
        _matrices(
            (crop_width, 0, crop_x * image_width),
            (0, crop_height, crop_y * image_height),
        )
        @ _matrices(
            (np.where(horizontal_flip, -1, 1), 0, 0),
            (0, np.where(vertical_flip, -1, 1), 0),
        )
        @ _matrices((1 / np.asarray(zoom), 0, 0), (0, 1 / np.asarray(zoom), 0))
        @ _matrices((1, -slope, 0), (0, 1, 0))
        @ _matrices((np.cos(angle), -np.sin(angle), 0), (np.sin(angle), np.cos(angle), 0))
        @ _matrices(
            (1, 0, -np.asarray(width_shift) * image_width),
            (0, 1, -np.asarray(height_shift) * image_height),
        )
    )
    centre = np.array([(image_width - 1) / 2, (image_height - 1) / 2])
    linear = to_input[:, :2, :2]
    offset = centre + to_input[:, :2, 2] - linear @ centre

    affine = np.zeros((len(to_input), 8), dtype=np.float32)
    affine[:, [0, 1, 3, 4]] = linear.reshape(-1, 4)
    affine[:, [2, 5]] = offset
    return affine


def _matrices(*rows: tuple[ArrayLike, ArrayLike, ArrayLike]) -> Floats:
    """Stack the first two rows of 3x3 matrices whose entries are numbers or (n,) arrays."""
    entries = np.broadcast_arrays(
        *(np.atleast_1d(entry) for row in (*rows, (0, 0, 1)) for entry in row)
    )
    return np.stack(entries, axis=-1).astype(np.float64).reshape(-1, 3, 3)
