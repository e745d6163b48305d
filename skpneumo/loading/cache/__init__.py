"""Caches of decoded images, in memory or in a folder that processes share."""

from skpneumo.loading.cache._cache import DecodeCache, store_at
from skpneumo.loading.cache._errors import DecodeCacheError
from skpneumo.loading.cache._info import CacheInfo
from skpneumo.loading.cache._keys import image_key, parameters_tag
from skpneumo.loading.cache._memory import MemoryVisit, memory_cache

__all__ = [
    "CacheInfo",
    "DecodeCache",
    "DecodeCacheError",
    "MemoryVisit",
    "image_key",
    "memory_cache",
    "parameters_tag",
    "store_at",
]
