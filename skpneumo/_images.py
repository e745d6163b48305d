"""Check that something is a stack of images, and take batches from it."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._paths import check_is_no_query
from skpneumo._pixel_values import how_to_make_uint8
from skpneumo._typing import ArrayLike

__all__ = ["batches_of", "check_images", "check_is_array", "is_stream", "misplaced_channels"]

_MOST_CHANNELS = 4  # grey, grey and alpha, colours, colours and alpha
_AS_ARRAYS = "Convert them once: images, labels = map({join}, zip(*{batches}))"


def is_stream(X: Any) -> bool:
    """Tell whether X is a stream, of which ``np.asarray(X)`` would decode all images."""
    return hasattr(X, "prefetch")


def batches_of(X: Any, selections: Iterable[Any]) -> Iterator[NDArray[Any]]:
    """Select batches of rows in turn, decoded in advance from a stream.

    The selections are slices or arrays of int; a slice of an array gives a view.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo._images import batches_of
    >>> [batch.tolist() for batch in batches_of(np.arange(5), [slice(0, 3), slice(3, 5)])]
    [[0, 1, 2], [3, 4]]
    """
    if is_stream(X):
        yield from X.prefetch(selections)
    else:
        for rows in selections:
            yield X[rows]


def misplaced_channels(shape: tuple[int, ...]) -> str | None:
    """Suggest how to move channels to the last axis, or to make images of volumes.

    None if the channels are the last axis of this shape of a stack.

    Examples
    --------
    >>> from skpneumo._images import misplaced_channels
    >>> misplaced_channels((100, 3, 32, 32))
    'np.moveaxis(X, 1, -1)'
    >>> misplaced_channels((100, 32, 32, 3))
    >>> misplaced_channels((100, 32, 32, 32))[:39]
    'one slice of each volume, such as X[...'
    """
    if len(shape) != 4 or shape[3] <= _MOST_CHANNELS:
        return None
    for axis, other in ((1, 2), (2, 1)):
        if 0 < shape[axis] <= _MOST_CHANNELS < shape[other]:
            return f"np.moveaxis(X, {axis}, -1)"
    if min(shape[1:3]) > _MOST_CHANNELS:
        return (
            f"one slice of each volume, such as X[..., [{shape[3] // 2}]], or a projection, such "
            "as X.max(axis=-1, keepdims=True)"
        )
    return None


def check_is_array(X: Any) -> None:
    """Raise for data sets, generators, and lists or columns of single images.

    Raises
    ------
    TypeError
        If X is a data set of TensorFlow, torch or Keras, or a generator.
    ValueError
        If X contains arrays of several sizes, or is a column of arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo._images import check_is_array
    >>> check_is_array([np.zeros((2, 2, 1)), np.zeros((2, 2, 1))])
    >>> check_is_array([np.zeros((2, 2, 1)), np.zeros((3, 2, 1))])
    Traceback (most recent call last):
    ValueError: Expected images of one size, got (2, 2, 1) in row 0 and (3, 2, 1) in row 1. ...
    """
    check_is_no_query(X)
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


def check_images(X: ArrayLike) -> NDArray[np.uint8]:
    """Check that X is a non-empty stack of uint8 images, channels last.

    Parameters
    ----------
    X : array-like of shape (n_samples, height, width, channels)
        Grey levels as uint8. Integers from 0 to 255 of other dtypes are converted; streams are
        decoded into memory.

    Returns
    -------
    images : ndarray of uint8 of the same shape
        ``X`` itself, with its file names, if no conversion was needed.

    Raises
    ------
    TypeError, ValueError
        If ``X`` is not an array, has another shape, is empty, or contains paths, floats or other
        grey levels.

    Examples
    --------
    >>> import numpy as np
    >>> from skpneumo._images import check_images
    >>> check_images(np.full((2, 8, 8, 1), 255)).dtype
    dtype('uint8')
    """
    check_is_array(X)
    images: Any = np.asanyarray(X)
    if images.dtype.kind in "OUST":
        raise ValueError(
            "Expected images of shape (n_samples, height, width, channels), got an array of shape "
            f"{images.shape} and dtype {images.dtype}. If these are paths, put an ImageLoader "
            "before this step; if images, resize them to one size."
        )
    if images.ndim != 4:
        hint = (
            "Add the channel axis: X[..., np.newaxis]."
            if images.ndim == 3
            else "Reshape your data; rows of pixels with X.reshape(-1, height, width, channels)."
        )
        raise ValueError(
            "Expected images of shape (n_samples, height, width, channels), got an array of "
            f"shape {images.shape}. {hint}"
        )
    if 0 in images.shape:
        raise ValueError(
            f"Found array with 0 sample(s) or 0 pixels (shape {images.shape}) while a minimum "
            "of 1 is required."
        )
    if remedy := misplaced_channels(images.shape):
        raise ValueError(
            f"Expected images of shape (n_samples, height, width, channels), got {images.shape}, "
            f"where the last axis is not the channels. Pass {remedy}."
        )
    if images.dtype == np.uint8:
        return images
    return _to_uint8(images)


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


def _to_uint8(images: NDArray[Any]) -> NDArray[np.uint8]:
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        bad = np.flatnonzero(~np.isfinite(images).all(axis=(1, 2, 3)))
        raise ValueError(
            f"Input X contains NaN or infinity in {len(bad)} of {len(images)} images, the first "
            f"of them image {bad[0]}. Remove or fix these images."
        )
    low, high = images.min(), images.max()
    if images.dtype.kind in "iu" and low >= 0 and high <= 255:
        return images.astype(np.uint8)
    raise ValueError(
        f"Expected images as uint8 grey levels from 0 to 255, got {images.dtype} from {low} to "
        f"{high}. Scale them to that range and convert them: {how_to_make_uint8(images)}."
    )
