"""Keras layer that augments images within a model in training."""

from typing import Any

import keras
from keras import ops

from skpneumo.augmentation._apply import compiled_augment


@keras.saving.register_keras_serializable(package="skpneumo")
class AugmentationLayer(keras.layers.Layer):
    """Apply sampled maps and intensities to a batch of images in training.

    The layer has no state and samples nothing. The parameters are inputs, so that a seed has the
    same result on every backend and no row depends on its batch. The arguments of the layer come
    from :meth:`ImageAugmenter.layer_arguments`.

    Parameters
    ----------
    geometry : bool, default=True
        Whether to apply the affine maps; if False, the input `affine` is ignored at no cost.
    intensity : bool, default=True
        Whether to change grey levels; if False, the input `intensity` is ignored.
    detail : bool, default=True
        Whether to change sharpness and local contrast; if False they cost nothing.
    covers : bool, default=True
        Whether to add boxes and marks; if False they cost nothing.
    fill_mode : {"nearest", "constant", "reflect", "wrap"}, default="nearest"
        See :func:`augment`.
    fill_value : float, default=0.0
        See :func:`augment`; in the units of the images.
    value_range : tuple of two floats, default=(0.0, 255.0)
        Values of black and white in the images.
    **kwargs : dict
        Passed to :class:`keras.layers.Layer`.

    Notes
    -----
    The input is a list: images (n, height, width, channels), `affine` (n, 8) and `intensity`
    (n, 37), see :class:`AugmentationParams`. The output is float32 for any dtype policy, because
    pixel positions do not fit in 16 bits. With ``training=False``, which ``evaluate`` and
    ``predict`` pass, the images are only converted to float32.

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> from skpneumo.augmentation import AugmentationLayer, ImageAugmenter
    >>> augmenter = ImageAugmenter(rotation=10, gamma=0.2)
    >>> images = np.zeros((4, 16, 16, 1), dtype=np.uint8)
    >>> params = augmenter.sample_params(4, images.shape[1:], np.random.default_rng(0))
    >>> layer = AugmentationLayer(**augmenter.layer_arguments())
    >>> tuple(layer([images, *params]).shape)
    (4, 16, 16, 1)
    """

    def __init__(
        self,
        geometry: bool = True,
        intensity: bool = True,
        detail: bool = True,
        covers: bool = True,
        fill_mode: str = "nearest",
        fill_value: float = 0.0,
        value_range: tuple[float, float] = (0.0, 255.0),
        **kwargs: Any,
    ):
        # Autocasting under a 16-bit policy would make the maps inaccurate.
        super().__init__(**{"dtype": "float32", **kwargs, "autocast": False})
        self.geometry = geometry
        self.intensity = intensity
        self.detail = detail
        self.covers = covers
        self.fill_mode = fill_mode
        self.fill_value = float(fill_value)
        self.value_range = (float(value_range[0]), float(value_range[1]))

    def call(self, inputs: Any, training: bool = True) -> Any:
        images, affine, intensity = inputs
        if not training or not (self.geometry or self.intensity):
            return ops.cast(images, "float32")
        apply = compiled_augment(
            tuple(images.shape[1:]),
            self.fill_mode,
            self.fill_value,
            self.value_range,
            detail=self.detail,
            covers=self.covers,
        )
        return apply(
            images, affine if self.geometry else None, intensity if self.intensity else None
        )

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape[0])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "geometry": self.geometry,
            "intensity": self.intensity,
            "detail": self.detail,
            "covers": self.covers,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "value_range": self.value_range,
        }
