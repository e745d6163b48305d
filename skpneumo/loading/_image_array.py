"""Array of images with the file name and the patient of each."""

from collections.abc import Callable, Sequence, Sized
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._typing import ArrayLike

__all__ = ["ImageArray"]

_CARRIED = ("filenames", "patients")


class ImageArray(np.ndarray):
    """Array of images that carries the file name and the patient of each row.

    It is an ordinary array in every other respect. Selecting rows (``X[mask]``, ``X[indices]``,
    ``X[2:5]``, :func:`numpy.take` and :func:`numpy.repeat` along axis 0, and therefore
    scikit-learn's splitters and imbalanced-learn's samplers) selects file names and patients as
    well. Operations that do not change the rows preserve them: copying, pickling, ``astype``,
    ``reshape``, element-wise arithmetic, and :func:`numpy.repeat` and :func:`numpy.concatenate`
    along another axis. :func:`numpy.concatenate` along axis 0 concatenates them. In any other
    derived array they are None, because its rows may no longer be these images. A single row,
    ``X[0]``, is a plain array.

    Assigning to rows in place does not change their file names and patients. Shuffle rows with
    ``X[permutation]``, therefore, not in place. Sorting the values of rows makes both None.

    Parameters
    ----------
    images : array-like of shape (n_images, ...)
        The images; an array is viewed, not copied.
    filenames : array-like of shape (n_images,) of str, default=None
        The file of each image.
    patients : array-like of shape (n_images,), default=None
        The patient of each image: text, a number, or None if unknown. A tuple has the patients of
        all images that an image was made from.

    Attributes
    ----------
    filenames : ndarray of shape (n_images,), dtype object, or None
        The file of each image, if known.
    patients : ndarray of shape (n_images,), dtype object, or None
        The patient of each image, if given. None means that file names tell the patients.

    Raises
    ------
    ValueError
        If the number of file names or patients differs from the number of images.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo.loading import ImageArray
    >>> X = ImageArray(np.zeros((3, 2, 2, 1), dtype=np.uint8), ["a.png", "b.png", "c.png"])
    >>> X[[2, 0]].filenames
    array(['c.png', 'a.png'], dtype=object)
    >>> (X / 255).filenames
    array(['a.png', 'b.png', 'c.png'], dtype=object)
    >>> X.mean(axis=0).filenames is None
    True
    """

    filenames: NDArray[np.object_] | None
    patients: NDArray[np.object_] | None

    def __new__(
        cls,
        images: ArrayLike,
        filenames: ArrayLike | None = None,
        patients: ArrayLike | None = None,
    ) -> "ImageArray":
        array = np.asarray(images).view(cls)
        array.filenames = _column(filenames, array.shape, "file name", "filenames")
        array.patients = _column(patients, array.shape, "patient", "patients")
        return array

    @classmethod
    def carrying(cls, images: NDArray[Any], source: Any) -> NDArray[Any]:
        """Copy file names and patients to images derived from others row by row.

        Parameters
        ----------
        images : ndarray of shape (n_images, ...)
            The images.
        source : array-like of shape (n_images, ...)
            What they were derived from: images, or anything else, which carries nothing.

        Returns
        -------
        images : ndarray or ImageArray
            Unchanged if ``source`` carries nothing.

        Examples
        --------
        >>> import numpy as np
        >>> from skpneumo.loading import ImageArray
        >>> X = ImageArray(np.zeros((2, 4, 4, 1), dtype=np.uint8), ["a.png", "b.png"])
        >>> ImageArray.carrying(np.ones((2, 3, 3, 1)), X).filenames
        array(['a.png', 'b.png'], dtype=object)
        """
        carried = [getattr(source, name, None) for name in _CARRIED]
        return images if all(each is None for each in carried) else cls(images, *carried)

    def __array_finalize__(self, source: Any) -> None:
        # Called for every view, copy and result of arithmetic. Only the methods below know
        # whether the rows are preserved, and set both again.
        self.filenames = None
        self.patients = None

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [
            each.view(np.ndarray) if isinstance(each, ImageArray) else each for each in inputs
        ]
        if out := options.get("out"):
            options["out"] = tuple(
                each.view(np.ndarray) if isinstance(each, ImageArray) else each for each in out
            )
        result = getattr(ufunc, method)(*plain, **options)
        carriers = [each for each in inputs if isinstance(each, ImageArray)]
        if out:
            for each in out:
                if carriers and isinstance(each, ImageArray):
                    _name_rows(each, carriers)
            return out[0] if len(out) == 1 else out
        if method != "__call__":
            return result.view(ImageArray) if isinstance(result, np.ndarray) else result
        if isinstance(result, tuple):
            return tuple(_carrying(each, carriers) for each in result)
        return _carrying(result, carriers)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        result = super().__array_function__(function, types, args, kwargs)
        if function is np.concatenate and kwargs.get("out") is None:
            return _after_concatenate(result.view(ImageArray), *args, **kwargs)
        if function is np.repeat and isinstance(result, ImageArray):
            return _after_repeat(result, *args, **kwargs)
        return result

    def __getitem__(self, key: Any) -> Any:
        selected = super().__getitem__(key)
        if not isinstance(selected, ImageArray):
            return selected
        rows = _selected_rows(key, self.ndim)
        if rows is None:
            return selected
        if not isinstance(rows, slice) and np.ndim(rows) == 0:
            return selected.view(np.ndarray)
        return self._carry_to(selected, lambda column: column[rows])

    def sort(self, axis: Any = -1, *args: Any, **options: Any) -> None:
        """Sort in place; see :meth:`numpy.ndarray.sort`."""
        super().sort(axis, *args, **options)
        self._lose_order(axis)

    def partition(self, kth: Any, axis: Any = -1, *args: Any, **options: Any) -> None:
        """Sort partly in place; see :meth:`numpy.ndarray.partition`."""
        super().partition(kth, axis, *args, **options)
        self._lose_order(axis)

    def take(self, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
        """Take elements along an axis; see :meth:`numpy.ndarray.take`."""
        taken: Any = super().take(indices, axis=axis, out=out, mode=mode)
        if axis == 0 and out is None and np.ndim(indices) == 1:
            self._carry_to(taken, lambda column: column.take(indices, mode=mode))
        return taken

    def copy(self, order: Any = "C") -> "ImageArray":
        """Copy the images with their file names and patients."""
        return self._carry_to(super().copy(order), np.copy)

    def astype(self, dtype: Any, *args: Any, **options: Any) -> Any:
        """Change the type of the pixels; see :meth:`numpy.ndarray.astype`."""
        return self._carry_to(super().astype(dtype, *args, **options))

    def reshape(self, *shape: Any, **options: Any) -> Any:
        """Change the shape; see :meth:`numpy.ndarray.reshape`."""
        reshaped: Any = super().reshape(*shape, **options)
        in_order = options.get("order", "C") == "C"
        same_rows = reshaped.shape[:1] == self.shape[:1] != ()
        return self._carry_to(reshaped) if in_order and same_rows else reshaped

    def __copy__(self) -> "ImageArray":
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any] | None) -> "ImageArray":
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        # The pixels are pickled as a plain array, which joblib shares between processes as a
        # memory map; it would copy a subclass through a pipe.
        return ImageArray, (self.view(np.ndarray), self.filenames, self.patients)

    def _lose_order(self, axis: int) -> None:
        if axis in (0, -self.ndim):
            self.filenames = self.patients = None

    def _carry_to(self, derived: Any, select: Callable[[Any], Any] = lambda column: column) -> Any:
        """Give a derived array the file names and patients of the selected rows."""
        for name in _CARRIED:
            column = getattr(self, name)
            setattr(derived, name, None if column is None else select(column))
        return derived


def _column(
    values: ArrayLike | None, shape: tuple[int, ...], what: str, name: str
) -> NDArray[np.object_] | None:
    if values is None:
        return None
    entries: Any = values
    found = getattr(entries, "shape", None)
    if found is None:
        found = (len(entries),) if isinstance(entries, Sized) else ()
    if not shape or found != shape[:1]:
        raise ValueError(
            f"Expected one {what} for each image, got {name} of shape {found} for images of "
            f"shape {shape}."
        )
    # Not an array of a list, because NumPy would turn a list of tuples into a 2-D array.
    return np.fromiter(entries, dtype=object)


def _carrying(result: Any, carriers: Sequence[ImageArray]) -> Any:
    """Give the result of element-wise arithmetic what its inputs carry, where they agree."""
    if not isinstance(result, np.ndarray):
        return result
    derived = result.view(ImageArray)
    _name_rows(derived, carriers)
    return derived


def _name_rows(derived: ImageArray, carriers: Sequence[ImageArray]) -> None:
    """Name the rows of a result of element-wise arithmetic."""
    aligned = [
        each for each in carriers if each.ndim == derived.ndim and len(each) == len(derived)
    ]
    for name in _CARRIED:
        setattr(derived, name, _agreed([getattr(each, name) for each in aligned]))


def _agreed(columns: list[Any]) -> Any:
    """Return the column of those that have one, or None if they differ."""
    given = [column for column in columns if column is not None]
    agree = all(np.array_equal(given[0], each) for each in given[1:])
    return given[0] if given and agree else None


def _after_concatenate(
    result: ImageArray, arrays: Any, axis: Any = 0, **options: Any
) -> ImageArray:
    arrays = list(arrays)
    for name in _CARRIED:
        columns: list[Any] = [getattr(each, name, None) for each in arrays]
        if axis in (0, -result.ndim):
            if all(column is not None for column in columns):
                setattr(result, name, np.concatenate(columns))
        elif axis is not None:
            setattr(result, name, _agreed(columns))
    return result


def _after_repeat(result: ImageArray, a: Any, repeats: Any, axis: Any = None) -> ImageArray:
    if axis in (0, -result.ndim):
        return a._carry_to(result, lambda column: np.repeat(column, repeats))
    return result if axis is None else a._carry_to(result)


def _selected_rows(key: Any, ndim: int) -> Any:
    """Return the part of an index that selects rows; None if the first axis is not rows.

    Slices and single positions after it do not affect the rows. Further arrays may, because
    NumPy moves or combines axes that several arrays index.
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
