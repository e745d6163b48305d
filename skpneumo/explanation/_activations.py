"""Compute the feature maps of the layers of a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from skpneumo._progress import in_batches
from skpneumo._sklearn import Interval, validate_params
from skpneumo.classifiers.engine import CompiledNetwork, NetworkSpec, ProgramPool
from skpneumo.explanation._layers import FlatNetwork, chosen_layers
from skpneumo.explanation._model import split_at_images

__all__ = ["activation_maps"]


@validate_params(
    {
        "layers": [str, list, tuple, None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def activation_maps(
    estimator: Any, X: Any, layers: str | Sequence[str] | None = None, *, batch_size: int = 32
) -> dict[str, NDArray[np.float32]]:
    """Compute the feature maps of chosen layers.

    Parameters
    ----------
    estimator : fitted classifier
        A :class:`~skpneumo.CNNClassifier` or :class:`~skpneumo.TransferClassifier`, or a pipeline
        that ends in one. It may be wrapped in searches, operating points, calibration and frozen
        estimators.
    X : array-like of length n_images
        Input of the estimator: paths, or images of shape (n_images, height, width, channels).
    layers : str or sequence of str, default=None
        Names of layers, including those inside a pretrained backbone. None chooses, for each size
        of feature maps, the last convolution of that size, after its normalisation and activation.
    batch_size : int, default=32
        Number of images at a time.

    Returns
    -------
    maps : dict of str to ndarray of float32, shape (n_images, map_height, map_width, n_maps)
        Maps by the name of the layer, in the order of ``layers`` or of computation. If several
        networks are averaged, the names begin with the number of the network: "1/block1_conv1".

    Raises
    ------
    ValueError
        If the classifier is not a network of this package, or the network has no such layer or no
        convolution.

    Examples
    --------
    >>> from skpneumo import CNNClassifier, ImageLoader, make_chest_xray, make_pipeline
    >>> from skpneumo.explanation import activation_maps
    >>> xrays = make_chest_xray(n_patients=6, random_state=0)
    >>> pipe = make_pipeline(
    ...     ImageLoader(size=32), CNNClassifier(filters=(4, 8), epochs=1, random_state=0))
    >>> maps = activation_maps(pipe.fit(xrays.filenames, xrays.target), xrays.filenames[:3])
    >>> {name: each.shape for name, each in maps.items()}
    {'block1_conv1_activation': (3, 32, 32, 4), 'block2_conv1_activation': (3, 16, 16, 8)}
    """
    model, images = split_at_images(estimator, X)
    networks = [network for network, _ in model.networks("activation_maps")]
    if layers is not None:
        layers = (layers,) if isinstance(layers, str) else tuple(layers)
        if not layers:
            raise ValueError(
                "layers is empty. Name some layers, or pass None for one of each size."
            )
    if len(networks) == 1:
        return _maps_of(networks[0], images, layers, batch_size)
    return {
        f"{number}/{layer}": maps
        for number, network in enumerate(networks, start=1)
        for layer, maps in _maps_of(network, images, layers, batch_size).items()
    }


def _maps_of(
    network: Any, images: NDArray[Any], layers: tuple[str, ...] | None, batch_size: int
) -> dict[str, NDArray[np.float32]]:
    spec = _ActivationSpec(network.network_spec_, chosen_layers(network.network_spec_, layers))
    with _activation_programs.borrow(spec) as program:
        program.load_weights(network.weights_)
        batches = in_batches(len(images), batch_size, "Activations")
        found = [program(images[rows]) for rows in batches]
    return {
        name: np.concatenate(parts)
        for name, parts in zip(spec.layers, zip(*found, strict=True), strict=True)
    }


@dataclass(frozen=True)
class _ActivationSpec:
    network: NetworkSpec
    layers: tuple[str, ...]


class _ActivationProgram(CompiledNetwork):
    """A network that returns the outputs of inner layers."""

    def __init__(self, spec: _ActivationSpec) -> None:
        flat = FlatNetwork(spec.network.build(0))
        super().__init__(flat.network)
        self._model = keras.Model(flat.images, [flat.outputs[name] for name in spec.layers])

    def __call__(self, images: NDArray[Any]) -> list[NDArray[np.float32]]:
        found = self._model.predict_on_batch(images)
        return found if isinstance(found, list) else [found]


_activation_programs: ProgramPool[_ActivationProgram] = ProgramPool(_ActivationProgram)
