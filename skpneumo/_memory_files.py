"""Files in memory only, under names that every reader of images can open.

What arrives over a network is read by the same code as a file on disk, without being written to
one. The decode cache does not save such images: their names lead to nothing on disk.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from secrets import token_hex

__all__ = ["files_in_memory", "opened_from_memory"]

# No path on disk has such a name by chance, and nobody can guess that of another's image.
_PREFIX = "memory:"

# Of the whole process, because images are decoded in threads of their own.
_contents: dict[str, bytes] = {}


@contextmanager
def files_in_memory(contents: Sequence[bytes]) -> Iterator[list[str]]:
    """Name contents of files so that they can be opened as paths, within a ``with`` block.

    Parameters
    ----------
    contents : sequence of bytes
        What the files would hold.

    Yields
    ------
    names : list of str
        One for each, for steps that take paths. Forgotten at the end of the block.

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
    """Open a file by the name it has in memory.

    Parameters
    ----------
    path : str
        Any path.

    Returns
    -------
    file : BytesIO or None
        None of a path that is not one of :func:`files_in_memory`.
    """
    content = _contents.get(path)
    return None if content is None else BytesIO(content)
