from ._decoding import image_size
from ._errors import MissingImagesError, UnreadableImagesError
from ._image_array import ImageArray
from ._loader import ImageLoader
from ._stream import ImageStream
from .cache import CacheInfo, DecodeCache, DecodeCacheError

__all__ = [
    "CacheInfo",
    "DecodeCache",
    "DecodeCacheError",
    "ImageArray",
    "ImageLoader",
    "ImageStream",
    "MissingImagesError",
    "UnreadableImagesError",
    "image_size",
]
