"""Loading: paths become one uint8 stack of images of one size."""

from skpneumo.loading._errors import MissingImagesError, UnreadableImagesError
from skpneumo.loading._image_array import ImageArray
from skpneumo.loading._loader import ImageLoader

__all__ = ["ImageArray", "ImageLoader", "MissingImagesError", "UnreadableImagesError"]
