"""Apply sampled parameters: one interpolation, one pass over the intensities, on any backend.

In this stage, only this file has branches by backend, because each backend compiles differently.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from skpneumo.augmentation._cover import cover
from skpneumo.augmentation._cover_params import UNCOVERED
from skpneumo.augmentation._detail import scale_bands
from skpneumo.augmentation._params import DETAIL_GRIDS, IDENTITY_INTENSITY

FILL_MODES = ("constant", "nearest", "reflect", "wrap")


def augment(
    images: Any,
    affine: Any = None,
    intensity: Any = None,
    *,
    fill_mode: str = "nearest",
    fill_value: float = 0.0,
    value_range: tuple[float, float] = (0.0, 255.0),
    detail: bool = True,
    covers: bool = True,
) -> Any:
    """Apply sampled geometry and intensities to a batch of images.

    It is written with ``keras.ops`` and has no branches on values, so it can be called eagerly or
    traced in a model, on TensorFlow, JAX and torch. It runs on the device of its inputs.

    Parameters
    ----------
    images : tensor of shape (n, height, width, channels)
        Images of any numeric dtype, channels last.
    affine : tensor of shape (n, 8), default=None
        Maps from output to input pixels, see :class:`AugmentationParams`, applied with a single
        bilinear interpolation. None does not change the geometry, at no cost.
    intensity : tensor of shape (n, 37), default=None
        Changes of the grey levels, see :class:`AugmentationParams`. None does not change them,
        at no cost. With v in [0, 1] the value of a pixel within `value_range`, the changes are
        applied in this order: ``v ** gamma``; the bands of detail;
        ``mean + contrast * (v - mean)`` with the mean over the pixels and channels of the image;
        ``brightness * v``; noise, the same in all channels; one clip to the range; boxes and
        marks; black outside the collimator.
    fill_mode : {"nearest", "constant", "reflect", "wrap"}, default="nearest"
        How the input is extended beyond its border: the border pixel ``aa|abcd|dd``, `fill_value`,
        mirrored about the edge of the border pixel ``ba|abcd|dc``, or periodic ``cd|abcd|ab``.
        In SciPy these modes are named nearest, grid-constant, reflect and grid-wrap.
    fill_value : float, default=0.0
        The value beyond the border if `fill_mode` is "constant", in the units of `images`.
    value_range : tuple of two floats, default=(0.0, 255.0)
        Values of black and white in `images`.
    detail : bool, default=True
        Whether to apply the factors of the bands of detail; if False they cost nothing.
    covers : bool, default=True
        Whether to apply boxes and marks; if False they cost nothing.

    Returns
    -------
    augmented : tensor of shape (n, height, width, channels), dtype float32
        Values within `value_range` if `intensity` is given, else within the range of the input.
        An identity map with unit intensities returns the values unchanged.

    Notes
    -----
    ``keras.ops.image.affine_transform`` accepts the same maps. It is not used, because on JAX and
    torch it also interpolates across channels, on torch it processes one image after the other
    and overwrites the maps, and on TensorFlow it uses an op that XLA cannot compile; measured in
    ``benchmarks/augmentation.py``.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo.augmentation import ImageAugmenter, augment
    >>> images = np.full((2, 8, 8, 1), 100, dtype=np.uint8)
    >>> augmenter = ImageAugmenter(brightness=0.2)
    >>> params = augmenter.sample_params(2, images.shape[1:], np.random.default_rng(0))
    >>> brighter = np.asarray(augment(images, intensity=params.intensity))
    >>> bool(np.allclose(brighter[:, 0, 0, 0], 100 * params.intensity[:, 0]))
    True
    """
    if affine is None:
        images = ops.cast(images, "float32")
    else:
        images = _warp(images, ops.cast(affine, "float32"), fill_mode, fill_value)
    if intensity is not None:
        images = _change_intensity(
            images, ops.cast(intensity, "float32"), value_range, detail, covers
        )
    return images


@cache
def compiled_augment(
    image_shape: tuple[int, ...],
    fill_mode: str,
    fill_value: float,
    value_range: tuple[float, float],
    detail: bool = True,
    covers: bool = True,
    to_uint8: bool = False,
) -> Callable[..., Any]:
    """Return `augment` compiled by XLA if the backend has it; equal arguments share a program.

    Fused into one loop it is several times faster on a CPU than op by op, and than the op of
    TensorFlow. TensorFlow graphs that are not compiled as a whole can also call it.
    """
    # The shape is part of the cache key so that each program is general only over the batch size.
    del image_shape
    function = partial(
        _augment_to_uint8 if to_uint8 else augment,
        fill_mode=fill_mode,
        fill_value=fill_value,
        value_range=value_range,
        detail=detail,
        covers=covers,
    )
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True, reduce_retracing=True, autograph=False)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


def _augment_to_uint8(*args: Any, **kwargs: Any) -> Any:
    return ops.cast(ops.round(augment(*args, **kwargs)), "uint8")


def _warp(images: Any, affine: Any, fill_mode: str, fill_value: float) -> Any:
    """Interpolate each output pixel between four input pixels, at the position from `affine`."""
    n = ops.shape(images)[0]
    height, width, channels = images.shape[1:]
    a0, a1, a2, b0, b1, b2 = (affine[:, i, None, None] for i in range(6))
    x = ops.arange(width, dtype="float32")
    y = ops.arange(height, dtype="float32")[:, None]
    column, row = a0 * x + (a1 * y + a2), b0 * x + (b1 * y + b2)
    left, right, left_weight, right_weight = _neighbours(column, width, fill_mode)
    top, bottom, top_weight, bottom_weight = _neighbours(row, height, fill_mode)

    # One flat table of pixels for the whole batch, because every backend is fast at this gather.
    pixels = ops.reshape(images, (-1, channels))
    first_row = ops.reshape(ops.arange(n, dtype="int32") * height, (-1, 1, 1))

    def read(row: Any) -> Any:
        start = (first_row + row) * width
        at_left = ops.cast(ops.take(pixels, start + left, axis=0), "float32")
        at_right = ops.cast(ops.take(pixels, start + right, axis=0), "float32")
        return left_weight * at_left + right_weight * at_right

    warped = top_weight * read(top) + bottom_weight * read(bottom)
    if fill_mode == "constant":
        inside = (left_weight + right_weight) * (top_weight + bottom_weight)
        warped = warped + (1 - inside) * fill_value
    return warped


def _neighbours(position: Any, size: int, fill_mode: str) -> tuple[Any, Any, Any, Any]:
    """Find the two pixels around a position along one axis, and their weights.

    All have the shape (n, height, width), the weights with a channel axis.
    """
    if fill_mode == "nearest":
        position = ops.clip(position, 0, size - 1)
    elif fill_mode == "wrap":
        position = ops.mod(position, size)
    elif fill_mode == "reflect":
        folded = ops.mod(position + 0.5, 2 * size)
        position = ops.clip(ops.minimum(folded, 2 * size - folded) - 0.5, 0, size - 1)
    else:  # so that distant positions fit in an int32
        position = ops.clip(position, -1, size)
    floor = ops.floor(position)
    fraction = (position - floor)[..., None]
    weights = [1 - fraction, fraction]
    indices = [ops.cast(floor, "int32"), ops.cast(floor, "int32") + 1]
    if fill_mode == "wrap":
        # float32 may round a position just under a period up to the period itself
        indices = [ops.mod(index, size) for index in indices]
    else:
        if fill_mode == "constant":
            weights = [
                weight * ops.cast((index >= 0) & (index < size), "float32")[..., None]
                for index, weight in zip(indices, weights, strict=True)
            ]
        indices = [ops.clip(index, 0, size - 1) for index in indices]
    return indices[0], indices[1], weights[0], weights[1]


def _change_intensity(
    images: Any, intensity: Any, value_range: tuple[float, float], detail: bool, covers: bool
) -> Any:
    """Apply gamma, detail, contrast and brightness as one linear map, noise, clip and covers."""
    black, white = value_range
    span = white - black
    n_with_detail = len(IDENTITY_INTENSITY) - len(UNCOVERED)
    n_before = n_with_detail - len(DETAIL_GRIDS)
    columns = (ops.reshape(intensity[:, i], (-1, 1, 1, 1)) for i in range(n_before))
    brightness, contrast, gamma, left, top, right, bottom, noise, *entry = columns
    light = ops.cast(images - black, "float32")
    # light * relative ** (gamma - 1) rather than relative ** gamma: exact where gamma is 1.
    # exp and log are vectorised on CPUs where the power is not: four times faster.
    relative = ops.clip(light / span, 1e-6, 1)
    light = light * ops.exp((gamma - 1) * ops.log(relative))
    if detail:
        light = scale_bands(light, intensity[:, n_before:n_with_detail])
    mean = ops.mean(light, axis=(1, 2, 3), keepdims=True)
    light = (brightness * contrast) * light + (brightness * (1 - contrast)) * mean
    height, width = images.shape[1:3]
    light = light + (noise * span / 255) * _noise(height, width, *entry)
    light = ops.clip(light, 0, span)
    if covers:
        light = cover(light, intensity[:, n_with_detail:], span)
    across = _exposed(width, left, right)
    down = ops.transpose(_exposed(height, top, bottom), (0, 2, 1, 3))
    return light * across * down + black


def _exposed(size: int, before: Any, after: Any) -> Any:
    """Compute the share of each pixel that is between two blades; shape (n, 1, size, 1).

    An edge within a pixel dims it partly, as if the image had been reduced in size afterwards.
    Networks that are trained only on sharp edges misclassify images with others.
    """
    end = ops.arange(1, size + 1, dtype="float32")[:, None]
    beyond_first = ops.clip(end - before * size, 0, 1)
    before_second = ops.clip(size - after * size - (end - 1), 0, 1)
    return beyond_first * before_second


def _noise(height: int, width: int, row: Any, column: Any) -> Any:
    """Read an image-sized part of the noise field, starting at a random row and column."""
    y = ops.arange(height, dtype="int32")[:, None, None]
    x = ops.arange(width, dtype="int32")[:, None]
    side = len(_noise_field())
    rows = ops.mod(ops.cast(row * side, "int32") + y, side)
    columns = ops.mod(ops.cast(column * side, "int32") + x, side)
    return ops.take(ops.convert_to_tensor(_noise_field().ravel()), rows * side + columns)


@cache
def _noise_field() -> NDArray[np.float32]:
    """Return a field of standard normal numbers, the same for all images and backends."""
    return np.random.default_rng(0).standard_normal((256, 256), dtype=np.float32)
