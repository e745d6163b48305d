"""The error of decode caches."""

__all__ = ["DecodeCacheError"]


class DecodeCacheError(OSError):
    """A decode cache cannot be opened, read or written.

    The message names its folder and the remedy.
    """
