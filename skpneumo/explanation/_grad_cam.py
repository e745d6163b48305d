"""Compute class activation maps from the gradients at a convolution."""

from numbers import Integral
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray
from PIL import Image

from skpneumo._progress import in_batches
from skpneumo._sklearn import Interval, StrOptions, validate_params
from skpneumo.explanation._gradients import (
    Combination,
    GradientSpec,
    directions_of,
    gradient_programs,
)
from skpneumo.explanation._layers import chosen_layers, deepest_map
from skpneumo.explanation._model import split_at_images, target_columns

__all__ = ["grad_cam"]


@validate_params(
    {
        "method": [StrOptions({"hires_cam", "grad_cam", "grad_cam++"})],
        "layer": [str, None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def grad_cam(
    estimator: Any,
    X: Any,
    *,
    target: Any = None,
    method: str = "hires_cam",
    layer: str | None = None,
    batch_size: int = 32,
) -> NDArray[np.float32]:
    """Map the evidence that a convolutional network finds, by Grad-CAM and related methods.

    Parameters
    ----------
    estimator : fitted classifier
        A :class:`~skpneumo.CNNClassifier` or :class:`~skpneumo.TransferClassifier`, or a pipeline
        that ends in one. It may be wrapped in searches, operating points, calibration and frozen
        estimators. If several networks are averaged, so are their maps.
    X : array-like of length n_images
        Input of the estimator: paths, or images of shape (n_images, height, width, channels).
    target : label, default=None
        The class to map the evidence for. None uses the positive one of two classes, or the most
        probable one of more for each image.
    method : {"hires_cam", "grad_cam", "grad_cam++"}, default="hires_cam"
        See Notes.
    layer : str, default=None
        Name of the layer whose feature maps are weighted. None uses the last convolution, after
        its normalisation and activation, whose maps have at least four pixels per side. With small
        images, the last maps of a deep backbone have fewer, and cannot localise anything.
    batch_size : int, default=32
        Number of images at a time.

    Returns
    -------
    maps : ndarray of float32, shape (n_images, height, width)
        Evidence for the target (positive) or against it (negative), on the scale of the network's
        logit, and of the size of the images that the network sees.

    Raises
    ------
    ValueError
        If the classifier is not a network of this package, the network has no convolution or no
        such layer, or ``target`` is not a class.

    See Also
    --------
    occlusion_map : Explains any classifier.
    integrated_gradients : Explains dense networks too, pixel by pixel.

    Notes
    -----
    All three methods compute a weighted sum of the layer's feature maps. Grad-CAM [1]_ weights a
    map with the mean of the gradient over the image, Grad-CAM++ [2]_ with a mean that emphasises
    steep places. Both means are right if the network itself averages over the image
    (``global_pooling``), and can be far off if it flattens, as :class:`~skpneumo.CNNClassifier`
    does by default: then a feature has one weight in the lung and another at the border. HiResCAM
    [3]_ weights each place with its own gradient. It equals Grad-CAM where that is exact, and its
    map sums to the layer's contribution to the logit of a piecewise linear network without biases.

    The published methods set negative values to zero; ``np.maximum(maps, 0)`` does that.

    References
    ----------
    .. [1] Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based
       localization", ICCV 2017.
    .. [2] Chattopadhay et al., "Grad-CAM++: generalized gradient-based visual explanations for
       deep convolutional networks", WACV 2018.
    .. [3] Draelos and Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of
       convolutional neural networks", arXiv:2011.08891 (2020).

    Examples
    --------
    >>> from skpneumo import CNNClassifier, ImageLoader, make_chest_xray, make_pipeline
    >>> from skpneumo.explanation import grad_cam
    >>> xrays = make_chest_xray(n_patients=6, random_state=0)
    >>> pipe = make_pipeline(
    ...     ImageLoader(size=32), CNNClassifier(filters=(4, 8), epochs=1, random_state=0))
    >>> _ = pipe.fit(xrays.filenames, xrays.target)
    >>> grad_cam(pipe, xrays.filenames[:3]).shape
    (3, 32, 32)
    """
    model, images = split_at_images(estimator, X)
    columns = target_columns(model, images, target)

    def maps_of(network: Any) -> NDArray[np.float32]:
        return _maps_of(network, images, columns, layer, _COMBINE[method], batch_size)

    return model.mean_over_networks("grad_cam", maps_of)


def _maps_of(
    network: Any,
    images: NDArray[Any],
    columns: NDArray[np.intp],
    layer: str | None,
    combine: Combination,
    batch_size: int,
) -> NDArray[np.float32]:
    directions = directions_of(network, columns)
    if layer is None:
        layer = deepest_map(network.network_spec_)
    else:
        chosen_layers(network.network_spec_, (layer,))
    maps = np.empty(images.shape[:3], dtype=np.float32)
    with gradient_programs.borrow(GradientSpec(network.network_spec_, layer, combine)) as program:
        program.load_weights(network.weights_)
        for rows in in_batches(len(images), batch_size, "Grad-CAM"):
            small = program(images[rows], directions[rows])
            maps[rows] = [_enlarged(each, images.shape[1:3]) for each in small]
    return maps


def _hires_cam(features: Any, gradient: Any) -> Any:
    return ops.sum(features * gradient, axis=-1)


def _grad_cam(features: Any, gradient: Any) -> Any:
    return ops.sum(features * ops.mean(gradient, axis=(1, 2), keepdims=True), axis=-1)


def _grad_cam_pp(features: Any, gradient: Any) -> Any:
    """Weight by the paper's closed form, in which the score is the exponential of the logit."""
    square = gradient * gradient
    total = ops.sum(features, axis=(1, 2), keepdims=True)
    below = 2.0 * square + total * square * gradient
    share = ops.where(below == 0.0, 0.0, square / ops.where(below == 0.0, 1.0, below))
    weights = ops.sum(share * ops.relu(gradient), axis=(1, 2), keepdims=True)
    return ops.sum(features * weights, axis=-1)


_COMBINE = {"hires_cam": _hires_cam, "grad_cam": _grad_cam, "grad_cam++": _grad_cam_pp}


def _enlarged(small: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    height, width = size
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BILINEAR))
