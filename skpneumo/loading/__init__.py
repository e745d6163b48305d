"""Loading: paths become one uint8 stack of images of one size, in memory or on demand."""

from skpneumo.loading._errors import MissingImagesError, UnreadableImagesError
from skpneumo.loading._image_array import ImageArray
from skpneumo.loading._loader import ImageLoader
from skpneumo.loading._stream import ImageStream
from skpneumo.loading.cache import CacheInfo, DecodeCache, DecodeCacheError

__all__ = [
    "CacheInfo",
    "DecodeCache",
    "DecodeCacheError",
    "ImageArray",
    "ImageLoader",
    "ImageStream",
    "MissingImagesError",
    "UnreadableImagesError",
]
