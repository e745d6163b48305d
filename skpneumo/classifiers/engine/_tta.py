"""Test-time augmentation (TTA): augmented versions of the images to predict."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from skpneumo.augmentation import ImageAugmenter, augment


@dataclass
class AugmentedViews:
    """Yield the images, and then augmented versions with the same parameters for all images.

    Because the parameters are the same for all images, a prediction does not depend on other rows.
    """

    augmentation: ImageAugmenter
    n_augmented: int
    value_range: tuple[float, float]
    seed: int

    def __call__(self, images: NDArray[Any]) -> Iterator[NDArray[Any]]:
        yield images
        params = self.augmentation.sample_params(
            self.n_augmented, images.shape[1:], np.random.default_rng(self.seed)
        )
        arguments = self.augmentation.layer_arguments(self.value_range)
        geometry, intensity = arguments.pop("geometry"), arguments.pop("intensity")
        for affine, intensities in zip(params.affine, params.intensity, strict=True):
            version = augment(
                images,
                np.tile(affine, (len(images), 1)) if geometry else None,
                np.tile(intensities, (len(images), 1)) if intensity else None,
                **arguments,
            )
            yield keras.ops.convert_to_numpy(version)
