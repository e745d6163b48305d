"""Random preprocessing of images, in training only.

:class:`ImageAugmenter` says what may happen to an image and samples what does; it is a sampler
step and a parameter of the classifiers alike. Drawing is NumPy's, applying is Keras's, so
that importing this stage does not import Keras: the two names that need it come on demand.
"""

from typing import TYPE_CHECKING, Any

from skpneumo.augmentation._augmenter import ImageAugmenter
from skpneumo.augmentation._params import AugmentationParams

if TYPE_CHECKING:
    from skpneumo.augmentation._apply import augment
    from skpneumo.augmentation._layer import AugmentationLayer

__all__ = ["AugmentationLayer", "AugmentationParams", "ImageAugmenter", "augment"]


def __getattr__(name: str) -> Any:
    if name == "AugmentationLayer":
        from skpneumo.augmentation._layer import AugmentationLayer

        return AugmentationLayer
    if name == "augment":
        from skpneumo.augmentation._apply import augment

        return augment
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
