"""Compute integrated gradients from an empty image to the one to explain."""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skpneumo._progress import in_batches
from skpneumo._sklearn import Interval, validate_params
from skpneumo._typing import ArrayLike
from skpneumo.explanation._gradients import GradientSpec, directions_of, gradient_programs
from skpneumo.explanation._model import split_at_images, target_columns
from skpneumo.explanation._occluder import EMPTY, empty_image

__all__ = ["integrated_gradients"]


@validate_params(
    {
        "baseline": [*EMPTY, None],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def integrated_gradients(
    estimator: Any,
    X: Any,
    *,
    target: Any = None,
    baseline: ArrayLike | None = None,
    n_steps: int = 32,
    batch_size: int = 32,
) -> NDArray[np.float32]:
    """Map the contribution of each pixel to a network's logit.

    The gradient is averaged over images between an empty one and the one to explain, and
    multiplied by their difference (Sundararajan et al. [1]_). It needs no convolution.

    Parameters
    ----------
    estimator : fitted classifier
        A network classifier of this package, or a pipeline that ends in one. It may be wrapped in
        searches, operating points, calibration and frozen estimators. If several networks are
        averaged, so are their maps.
    X : array-like of length n_images
        Input of the estimator: paths, or images of shape (n_images, height, width, channels).
    target : label, default=None
        The class to map the evidence for. None uses the positive one of two classes, or the most
        probable one of more for each image.
    baseline : float or array of shape (height, width, channels), default=None
        The empty image, or its grey value. None uses black, the darkest value in training, which
        is air. Pixels that are equal in both images get no evidence.
    n_steps : int, default=32
        Number of points of the Gauss-Legendre rule.
    batch_size : int, default=32
        Number of images at a time.

    Returns
    -------
    maps : ndarray of float32, shape (n_images, height, width)
        Evidence for the target (positive) or against it (negative). It sums to the difference
        between the logits of the image and of the empty one, up to the integration error.

    Raises
    ------
    ValueError
        If the classifier is not a network of this package, or ``target`` is not a class.

    References
    ----------
    .. [1] Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", ICML 2017.

    Examples
    --------
    >>> from skpneumo import CNNClassifier, ImageLoader, make_chest_xray, make_pipeline
    >>> from skpneumo.explanation import integrated_gradients
    >>> xrays = make_chest_xray(n_patients=6, random_state=0)
    >>> dense = CNNClassifier(filters=(), dense_units=(8,), epochs=1, random_state=0)
    >>> pipe = make_pipeline(ImageLoader(size=32), dense).fit(xrays.filenames, xrays.target)
    >>> integrated_gradients(pipe, xrays.filenames[:3]).shape
    (3, 32, 32)
    """
    model, images = split_at_images(estimator, X)
    columns = target_columns(model, images, target)

    def maps_of(network: Any) -> NDArray[np.float32]:
        return _maps_of(network, images, columns, baseline, n_steps, batch_size)

    return model.mean_over_networks("integrated_gradients", maps_of)


def _maps_of(
    network: Any,
    images: NDArray[Any],
    columns: NDArray[np.intp],
    baseline: ArrayLike | None,
    n_steps: int,
    batch_size: int,
) -> NDArray[np.float32]:
    directions = directions_of(network, columns)
    black = network.value_range_[0]
    empty = empty_image(images.astype(np.float32), black if baseline is None else baseline)
    nodes, weights = np.polynomial.legendre.leggauss(n_steps)
    shares, weights = (nodes + 1) / 2, weights / 2
    maps = np.empty(images.shape[:3], dtype=np.float32)
    with gradient_programs.borrow(GradientSpec(network.network_spec_, None, _gradient)) as program:
        program.load_weights(network.weights_)
        for rows in in_batches(len(images), batch_size, "Integrated gradients"):
            full = images[rows].astype(np.float32)
            mean = sum(
                weight * program(empty + share * (full - empty), directions[rows])
                for share, weight in zip(shares, weights, strict=True)
            )
            maps[rows] = ((full - empty) * mean).sum(axis=-1)
    return maps


def _gradient(_: Any, gradient: Any) -> Any:
    return gradient
