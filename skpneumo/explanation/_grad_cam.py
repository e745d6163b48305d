"""Class activation maps by gradients: features of the last convolution and their weights."""

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
from skpneumo.explanation._model import take_apart, target_columns

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
    """Map the evidence that a convolutional network finds, by gradients.

    Parameters
    ----------
    estimator : fitted classifier
        :class:`~skpneumo.CNNClassifier` or :class:`~skpneumo.TransferClassifier`, or a pipeline
        that ends in one. Searches, operating points, calibration and frozen estimators are
        looked through; of several networks that are averaged, the mean of their maps is taken.
    X : array-like of length n_images
        What the estimator takes: paths, or images of shape (n_images, height, width, channels).
    target : label, default=None
        The class whose evidence is mapped. None: the second of two classes, PNEUMONIA; of
        more, the most probable one of each image.
    method : {"hires_cam", "grad_cam", "grad_cam++"}, default="hires_cam"
        See Notes.
    layer : str, default=None
        Name of the layer whose output is weighed. None: the last convolution, after its
        normalisation and activation, whose maps have at least four pixels a side; small images
        leave a deep backbone with fewer in the end, which cannot say where something lies.
    batch_size : int, default=32
        Images at a time.

    Returns
    -------
    maps : ndarray of float32, shape (n_images, height, width)
        Evidence for the target where positive, against it where negative, on the scale of the
        network's logit; of the size of the images that the network sees.

    Raises
    ------
    ValueError
        If the classifier is no network of this package, the network has no convolution or no
        such layer, or ``target`` is not a class.

    See Also
    --------
    occlusion_map : For any classifier.
    integrated_gradients : For dense networks too, pixel by pixel.

    Notes
    -----
    All three sum the layer's feature maps, with other weights. Grad-CAM [1]_ weighs a map with
    the mean of the gradient over the image, Grad-CAM++ [2]_ with a mean that counts steep places
    more. Both means are right where the network itself averages over the image
    (``global_pooling``), and can be far off where it flattens, as
    :class:`~skpneumo.CNNClassifier` does by default: there a feature is worth one thing in the
    lung and another at the border. HiResCAM [3]_ weighs each place with its own gradient. It is
    Grad-CAM where that is exact, and its map sums to what the layer adds to the logit of a
    piecewise linear network without biases.

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
    model, images = take_apart(estimator, X)
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
    """Weigh by the paper's closed form, in which the score is the exponential of the logit."""
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
