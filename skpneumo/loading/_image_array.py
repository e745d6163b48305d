"""A stack of images that remembers which file each one came from."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ImageArray"]


class ImageArray(np.ndarray):
    """Images that carry the names of their files through row indexing.

    An ordinary array in every other respect. Selecting rows (``X[mask]``, ``X[indices]``,
    ``X[2:5]``, ``X[indices, ...]``, :func:`numpy.take` along axis 0, and so scikit-learn's
    splitters and imbalanced-learn's samplers) selects the file names as well, and so do
    copying and pickling. Every other derived array (arithmetic, ``reshape``, ``astype``,
    :func:`numpy.concatenate`) has ``filenames`` None, because nothing says that its rows are
    still those images; a step that knows better attaches them anew with
    ``ImageArray(images, filenames)``. One row, ``X[0]``, is a plain array.

    Writing into rows in place does not move the names.

    Parameters
    ----------
    images : array-like of shape (n_images, ...)
        The images; an array is viewed, not copied.
    filenames : array-like of shape (n_images,) of str, default=None
        The file of each image.

    Attributes
    ----------
    filenames : ndarray of shape (n_images,), dtype object, or None
        The file of each image, where known.

    Raises
    ------
    ValueError
        If there are not as many file names as images.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo.loading import ImageArray
    >>> X = ImageArray(np.zeros((3, 2, 2, 1), dtype=np.uint8), ["a.png", "b.png", "c.png"])
    >>> X[[2, 0]].filenames
    array(['c.png', 'a.png'], dtype=object)
    >>> (X / 255).filenames is None
    True
    """

    filenames: NDArray[np.object_] | None

    def __new__(cls, images: ArrayLike, filenames: ArrayLike | None = None) -> "ImageArray":
        array = np.asarray(images).view(cls)
        if filenames is not None:
            names = np.asarray(filenames, dtype=object)
            if array.ndim == 0 or names.shape != array.shape[:1]:
                raise ValueError(
                    f"Expected one file name for each image, got filenames of shape "
                    f"{names.shape} for images of shape {array.shape}."
                )
            array.filenames = names
        return array

    def __array_finalize__(self, source: Any) -> None:
        # Reached for every view, copy and result of arithmetic alike. Only the methods below
        # know that rows are kept, and set the names again.
        self.filenames = None

    def __getitem__(self, key: Any) -> Any:
        selected = super().__getitem__(key)
        if not isinstance(selected, ImageArray):
            return selected
        rows = _selected_rows(key, self.ndim)
        if rows is None:
            return selected
        if not isinstance(rows, slice) and np.ndim(rows) == 0:
            return selected.view(np.ndarray)
        if self.filenames is not None:
            selected.filenames = self.filenames[rows]
        return selected

    def take(self, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
        """Take elements along an axis; see :meth:`numpy.ndarray.take`."""
        taken: Any = super().take(indices, axis=axis, out=out, mode=mode)
        if axis == 0 and out is None and np.ndim(indices) == 1 and self.filenames is not None:
            taken.filenames = self.filenames.take(indices, mode=mode)
        return taken

    def copy(self, order: Any = "C") -> "ImageArray":
        """Copy the images and the list of their names."""
        copied = super().copy(order)
        copied.filenames = None if self.filenames is None else self.filenames.copy()
        return copied

    def __copy__(self) -> "ImageArray":
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any] | None) -> "ImageArray":
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        # The pixels travel as a plain array, which joblib shares between processes as a
        # memory map; it would send a subclass through a pipe, pixel by pixel.
        return ImageArray, (self.view(np.ndarray), self.filenames)


def _selected_rows(key: Any, ndim: int) -> Any:
    """The part of an index that selects rows; None if the result's first axis is not rows.

    Whole axes and single positions after it leave the rows alone. Further arrays may not: numpy
    moves or pairs up the axes that several arrays select.
    """
    parts = key if isinstance(key, tuple) else (key,)
    rows, others = (parts[0], parts[1:]) if parts else (slice(None), ())
    if not all(part is Ellipsis or isinstance(part, (slice, int, np.integer)) for part in others):
        return None
    if rows is Ellipsis:
        return slice(None) if len(others) < ndim else None
    if isinstance(rows, slice):
        return rows
    if rows is None or isinstance(rows, (bool, np.bool_)) or np.ndim(rows) > 1:
        return None
    return rows
