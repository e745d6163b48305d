"""Files in memory, under names that all readers of images can open.

So uploaded images are read by the same code as files, but never written to disk. The decode cache
does not store them, because their names are not files on disk.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from secrets import token_hex

__all__ = ["files_in_memory", "opened_from_memory"]

# No path on disk begins like this by chance, and the names of other images cannot be guessed.
_PREFIX = "memory:"

# Shared by the whole process, because images are decoded in other threads.
_contents: dict[str, bytes] = {}


@contextmanager
def files_in_memory(contents: Sequence[bytes]) -> Iterator[list[str]]:
    """Make contents available under names that can be opened as paths, in a ``with`` block.

    Examples
    --------
    >>> from skpneumo._memory_files import files_in_memory, opened_from_memory
    >>> with files_in_memory([b"one", b"two"]) as names:
    ...     opened_from_memory(names[1]).read()
    b'two'
    >>> opened_from_memory(names[1]) is None
    True
    """
    names = [f"{_PREFIX}{token_hex(16)}" for _ in contents]
    _contents.update(zip(names, contents, strict=True))
    try:
        yield names
    finally:
        for name in names:
            del _contents[name]


def opened_from_memory(path: str) -> BytesIO | None:
    """Open a file in memory; None if the path is not from :func:`files_in_memory`."""
    content = _contents.get(path)
    return None if content is None else BytesIO(content)
