"""Reject containers that are not arrays of images, and show how to convert them."""

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["check_is_array"]

_AS_ARRAYS = "Convert them once: images, labels = map({join}, zip(*{batches}))"


def check_is_array(X: Any) -> None:
    """Raise for data sets, generators, and lists or columns of single images.

    Parameters
    ----------
    X : object
        The images.

    Raises
    ------
    TypeError
        If X is a data set of TensorFlow, torch or Keras, or a generator.
    ValueError
        If X contains arrays of several sizes, or is a column of arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo._containers import check_is_array
    >>> check_is_array([np.zeros((2, 2, 1)), np.zeros((2, 2, 1))])
    >>> check_is_array([np.zeros((2, 2, 1)), np.zeros((3, 2, 1))])
    Traceback (most recent call last):
    ValueError: Expected images of one size, got (2, 2, 1) in row 0 and (3, 2, 1) in row 1. ...
    """
    if remedy := _of_data_set(X):
        raise TypeError(f"Expected an array of images, got a {type(X).__name__}. {remedy}")
    cells = _cells(X)
    if cells is None:
        return
    shapes = [np.shape(cell) for cell in cells]
    other = next((i for i, shape in enumerate(shapes) if shape != shapes[0]), None)
    if other is not None:
        raise ValueError(
            f"Expected images of one size, got {shapes[0]} in row 0 and {shapes[other]} in row "
            f"{other}. Load them with ImageLoader(size=...), or resize them to one size."
        )
    if not isinstance(X, list | tuple):
        rows = {"DataFrame": "X.iloc[:, 0]", "Series": "X"}.get(type(X).__name__, "X.ravel()")
        raise ValueError(
            f"Expected an array of images, got a column of arrays, each of shape {shapes[0]}. "
            f"Stack them: np.stack(list({rows}))."
        )


def _of_data_set(X: Any) -> str | None:
    """Explain how to convert a data set, recognised by its classes without an import."""
    homes = {each.__module__ for each in type(X).__mro__}
    if hasattr(X, "as_numpy_iterator"):
        return _AS_ARRAYS.format(join="np.stack", batches=_rows_of_tensorflow(X))
    if any(home.startswith("torch.utils.data") for home in homes):
        joined = "np.concatenate" if hasattr(X, "batch_size") else "np.stack"
        return (
            _AS_ARRAYS.format(join=joined, batches="X")
            + "; if channels come first, also images = np.moveaxis(images, 1, -1)."
        )
    if any("py_dataset_adapter" in home for home in homes):
        return _AS_ARRAYS.format(join="np.concatenate", batches="(X[i] for i in range(len(X)))")
    if isinstance(X, Iterator):
        return "Convert it to an array of the images alone: np.stack(list(X))."
    return None


def _rows_of_tensorflow(X: Any) -> str:
    spec = X.element_spec
    images = spec[0] if isinstance(spec, tuple) else spec
    batched = len(getattr(images, "shape", ())) == 4
    return f"X{'.unbatch()' if batched else ''}.as_numpy_iterator()"


def _cells(X: Any) -> list[Any] | None:
    """Get the entries of a list, or of a column of objects, if they are arrays."""
    if isinstance(X, list | tuple):
        cells = list(X)
    elif hasattr(X, "dtypes") or getattr(getattr(X, "dtype", None), "kind", None) == "O":
        array = np.asarray(X)
        if array.dtype != object or array.size != len(array):
            return None
        cells = list(array.ravel())
    else:
        return None
    return cells if any(isinstance(cell, np.ndarray) and cell.ndim for cell in cells) else None
