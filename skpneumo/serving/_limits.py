"""How much a server accepts."""

from dataclasses import dataclass, fields

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """How much a server accepts, and how much it computes at once.

    Parameters
    ----------
    max_bytes : int, default=40 * 2**20
        Bytes of one file. The largest radiographs, uncompressed DICOM, have about 30 MB.
    max_pixels : int, default=40_000_000
        Pixels of one image. A file may claim many in a few bytes.
    max_images : int, default=500
        Images that the page accepts in one list.
    max_waiting : int, default=32
        Requests with an image that are received, waiting or computed at a time; 503 beyond. With
        ``max_bytes`` it bounds the memory that files take.
    batch_size : int, default=16
        Most images given to the model at once.
    timeout : float, default=60.0
        Seconds in which a file has to arrive.

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
                raise ValueError(f"{field.name}={value!r} is not a limit; expected more than 0.")
