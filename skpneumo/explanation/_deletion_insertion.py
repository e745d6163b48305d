"""Test by deletion and insertion whether predictions depend on the pixels of a heat map."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._progress import in_batches
from skpneumo._sklearn import Interval, validate_params
from skpneumo._typing import ArrayLike
from skpneumo.explanation._model import split_at_images, target_columns
from skpneumo.explanation._occluder import EMPTY, hidden_images
from skpneumo.explanation._regions import require_one_map_each

__all__ = ["DeletionInsertion", "deletion_insertion"]


@dataclass(frozen=True)
class DeletionInsertion:
    """The result of :func:`deletion_insertion`.

    Attributes
    ----------
    shares : ndarray of shape (n_steps + 1,)
        Shares of the pixels, from 0 to 1.
    deletion, insertion : ndarray of shape (n_images, n_steps + 1)
        Probability of the target if this share of the pixels, the most important first, is hidden,
        or if only this share is shown.

    Examples
    --------
    The probability of this image falls as its pixels are hidden:

    >>> import numpy as np
    >>> from skpneumo.explanation import DeletionInsertion
    >>> curves = DeletionInsertion(
    ...     shares=np.array([0.0, 0.5, 1.0]),
    ...     deletion=np.array([[0.9, 0.2, 0.1]]),
    ...     insertion=np.array([[0.1, 0.8, 0.9]]))
    >>> curves.deletion_area.round(2), curves.insertion_area.round(2)
    (array([0.35]), array([0.65]))
    """

    shares: NDArray[np.float64]
    deletion: NDArray[np.float64]
    insertion: NDArray[np.float64]

    @property
    def deletion_area(self) -> NDArray[np.float64]:
        """Area under the deletion curve of each image, which is small for a good map."""
        return np.asarray(np.trapezoid(self.deletion, self.shares, axis=1))

    @property
    def insertion_area(self) -> NDArray[np.float64]:
        """Area under the insertion curve of each image, which is large for a good map."""
        return np.asarray(np.trapezoid(self.insertion, self.shares, axis=1))


@validate_params(
    {
        "fill": EMPTY,
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def deletion_insertion(
    estimator: Any,
    X: Any,
    maps: ArrayLike,
    *,
    target: Any = None,
    fill: ArrayLike = 0.0,
    n_steps: int = 16,
    batch_size: int = 256,
) -> DeletionInsertion:
    """Hide, and show, the pixels of images in the order of importance of heat maps.

    If a map is right, the probability falls quickly as its most important pixels are hidden, and
    rises quickly as they are shown (Petsiuk et al. [1]_).

    Parameters
    ----------
    estimator : fitted classifier with ``predict_proba``
        The classifier that the maps explain.
    X : array-like of length n_images
        Paths or images, as for the maps.
    maps : ndarray of shape (n_images, height, width)
        Heat maps; positive values are evidence for the target.
    target : label, default=None
        The class whose probability is computed. None uses the positive one of two, or the most
        probable one of more for each image.
    fill : float or array of shape (height, width, channels), default=0.0
        Replacement for hidden pixels: a grey value, of which 0 is air, or the pixels of an image.
        Best is the mean of normal images as the classifier sees them, because most networks do not
        take a black image for a normal one.
    n_steps : int, default=16
        Number of equal steps from no pixels to all.
    batch_size : int, default=256
        Number of images at a time.

    Returns
    -------
    curves : DeletionInsertion

    Raises
    ------
    ValueError
        If maps and images differ in number or size, the classifier has no ``predict_proba``, or
        ``target`` is not a class.

    References
    ----------
    .. [1] Petsiuk, Das and Saenko, "RISE: randomized input sampling for explanation of
       black-box models", BMVC 2018.

    Examples
    --------
    >>> from skpneumo import CNNClassifier, ImageLoader, make_chest_xray, make_pipeline
    >>> from skpneumo.explanation import deletion_insertion, grad_cam
    >>> xrays = make_chest_xray(n_patients=6, random_state=0)
    >>> pipe = make_pipeline(
    ...     ImageLoader(size=32), CNNClassifier(filters=(4, 8), epochs=1, random_state=0))
    >>> _ = pipe.fit(xrays.filenames, xrays.target)
    >>> maps = grad_cam(pipe, xrays.filenames[:3])
    >>> curves = deletion_insertion(pipe, xrays.filenames[:3], maps)
    >>> curves.deletion.shape, curves.deletion_area.shape
    ((3, 17), (3,))
    """
    model, images = split_at_images(estimator, X)
    maps = np.asarray(maps, dtype=float)  # neither bool nor unsigned numbers have a negative
    require_one_map_each(maps, images)
    columns = target_columns(model, images, target)
    hidden = hidden_images(images, fill)
    shares = np.linspace(0.0, 1.0, n_steps + 1)
    n_pixels = maps[0].size
    order = np.argsort(-maps.reshape(len(maps), -1), axis=1, kind="stable")
    ranks = np.argsort(order, axis=1, kind="stable").reshape(*maps.shape, 1)
    curves = np.empty((2, len(images), len(shares)))
    for some in in_batches(curves.size, batch_size, "Deletion, insertion"):
        inserting, row, step = np.unravel_index(some, curves.shape)
        first = ranks[row] < np.rint(shares[step] * n_pixels)[:, None, None, None]
        shown = first == (inserting == 1)[:, None, None, None]
        batch = np.where(shown, images[row], hidden[row])
        curves[inserting, row, step] = model.scores(batch, columns[row], "probability")
    return DeletionInsertion(shares, *curves)
