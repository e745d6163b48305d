"""Sample the affine map and the intensities of each image with NumPy."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skpneumo._typing import ArrayLike
from skpneumo.augmentation._cover_params import COVER_UNIFORMS, UNCOVERED

Floats = NDArray[np.float64]

# torchvision's RandomResizedCrop samples the same range of aspect ratios.
CROP_ASPECT_RATIO = (3 / 4, 4 / 3)

# Cells per side of the grids between which the bands of detail lie, finest first. They are
# relative to the image, not in pixels, so that a band is the same part of a chest at any image
# size.
DETAIL_GRIDS = (64, 32, 16, 8, 4)

# One column of uniform numbers each; changing the order changes the result of a seed.
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

# Uniform numbers that leave the image unchanged, to which a lower strength moves the columns.
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

# Columns of `AugmentationParams.intensity`, and the values that leave an image unchanged.
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
        Brightness factor, contrast factor and gamma exponent, where 1 means no change; the shares
        of the width and height that are black at the left, top, right and bottom; the standard
        deviation of the noise, in grey levels of 255, and the row and column, as shares, where
        reading of the noise field starts; the factor of each band of detail, the finest first;
        two boxes (top, left, height and width as shares of the sides, and grey level as a share
        of white, below 0 for the mean of the image); and two marks (number of the tile, row and
        column of its centre as shares, scale, 1 or 0 for whether it is present, and grey level).

    See Also
    --------
    ImageAugmenter.sample_params : Samples them.
    augment : Applies them.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo.augmentation import ImageAugmenter
    >>> augmenter = ImageAugmenter(brightness=0.2)
    >>> params = augmenter.sample_params(5, (64, 64), np.random.default_rng(0))
    >>> brightness = params.intensity[:, 0]
    >>> bool((brightness >= 0.8).all() and (brightness <= 1.2).all())
    True
    """

    affine: NDArray[np.float32]
    intensity: NDArray[np.float32]


def sample_uniforms(n: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Sample n numbers from [0, 1) for every parameter, whether it is used or not.

    Numbers are sampled row by row, so that the first rows do not depend on n, and for all
    parameters, so that enabling one does not change the others: candidates of a search then
    differ only in their parameters.
    """
    return dict(zip(UNIFORMS, rng.random((n, len(UNIFORMS))).T, strict=True))


def scale_by_strength(uniforms: dict[str, Floats], strength: Floats) -> dict[str, Floats]:
    """Move the numbers of each row towards no change, by a strength from 0 to 1 per row.

    The aspect ratio, the flips and the probabilities of boxes and marks do not change.
    """
    moved = {
        name: neutral + strength * (uniforms[name] - neutral) for name, neutral in _NEUTRAL.items()
    }
    return uniforms | moved


def symmetric(uniform: Floats, limit: float) -> Floats:
    """Scale numbers from [0, 1) to [-limit, limit)."""
    return (2 * uniform - 1) * limit


def crop_boxes(
    area: tuple[float, float],
    uniforms: dict[str, Floats],
    aspect: float | None,
    strength: Floats | None,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Sample boxes inside or around the image, as shares of its width and height.

    The share of the area is uniform. The aspect ratio, relative to that of the image, is
    log-uniform over as much of `CROP_ASPECT_RATIO` as fits; torchvision rejects and samples again
    instead, which makes its areas smaller on average. With `aspect` the ratio is log-uniform
    between ``1 / (1 + aspect)`` and ``1 + aspect`` for any area, and a box of a share up to 1 that
    would extend beyond the image is made smaller. If `strength` is given, it multiplies the
    difference between the area and that of the image.

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
    """Sample the factor of each band of detail, shape (n, len(DETAIL_GRIDS)).

    Neighbouring bands have similar factors: three are sampled log-uniformly from
    ``1 / (1 + local_contrast)`` to ``1 + local_contrast``, and the two bands between them have
    the geometric mean. The finest band is also blurred or sharpened: half of the images, at
    random, by a factor from 0 to 1, the others by one from 1 to ``1 + sharpness``.
    """
    fine, middle, coarse = (symmetric(uniforms[n], 1) for n in ("fine", "middle", "coarse"))
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
    """Compose the geometric changes of each image into one map from output to input pixels.

    The image is cropped, flipped, zoomed, sheared, rotated (counter-clockwise, in degrees) and
    shifted, in this order and about its centre. Because it is interpolated only once, pixels
    outside the crop still fill the corners of a rotated image.

    Returns
    -------
    affine : ndarray of shape (n, 8), dtype float32
        See :class:`AugmentationParams`.
    """
    image_height, image_width = image_shape[:2]
    angle = np.deg2rad(rotation)
    slope = np.tan(np.deg2rad(shear))
    crop_width, crop_height, crop_x, crop_y = map(np.asarray, crop)

    # The inverses of the steps, because the map is from output to input.
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
