from ._apply import augment
from ._augmenter import ImageAugmenter
from ._layer import AugmentationLayer
from ._params import AugmentationParams

__all__ = [
    "AugmentationLayer",
    "AugmentationParams",
    "ImageAugmenter",
    "augment",
]
