"""Limits of a server."""

from dataclasses import dataclass, fields

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """Limits of what a server accepts and computes at once.

    Attributes
    ----------
    max_bytes : int, default=40 * 2**20
        Largest size of a file in bytes. The largest uncompressed DICOM images have about 30 MB.
    max_pixels : int, default=40_000_000
        Largest number of pixels of an image; a small file can contain a very large image.
    max_images : int, default=500
        Largest number of images in one list of the page.
    max_waiting : int, default=32
        Largest number of requests with an image that are received, waiting or computed at a time;
        others get status 503. With ``max_bytes`` this bounds the memory for files.
    batch_size : int, default=16
        Largest number of images to predict at once.
    timeout : float, default=60.0
        Time limit for receiving a file, in seconds.

    Raises
    ------
    ValueError
        If a limit is not positive.

    Examples
    --------
    >>> from skpneumo.serving import Limits
    >>> Limits(max_waiting=8).max_waiting
    8
    """

    max_bytes: int = 40 * 2**20
    max_pixels: int = 40_000_000
    max_images: int = 500
    max_waiting: int = 32
    batch_size: int = 16
    timeout: float = 60.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise ValueError(
                    f"{field.name}={value!r} is not a valid limit. Pass a value greater than 0."
                )
